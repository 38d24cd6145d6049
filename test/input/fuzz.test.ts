import { randomInt } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cognitoSender } from '../../functions/sources/cognito.sender.ts';
import { httpApiEvent } from '../support/http-events.ts';
import { verdictOf } from '../support/sources.ts';
import { editedEvents, forgedEvents, randomEvents, randomRequests, tamperedRequests } from './arbitraries.ts';
import {
  faultsOfAnswer,
  faultsOfEffects,
  faultsOfLines,
  faultsOfMessage,
  faultsOfParked,
  isAsExpected,
  isPoisoned,
  isRefused,
  visible,
} from './promises.ts';
import { createCognitoRig, createRig, type Outcome } from './rig.ts';
import { expectedOf, isDatedByBody, signed, type Target, targets } from './target.ts';
import { createWatch } from './watch.ts';

/** Inputs of the properties of webhooks, shared out among the sources. */
const INPUTS = {
  randomRequests: 32_000,
  tamperedRequests: 32_000,
  forgedEvents: 14_000,
  randomEvents: 8000,
  editedEvents: 12_000,
};
const TRIGGERS = 3000;
const runsOf = (property: keyof typeof INPUTS): number => Math.ceil(INPUTS[property] / targets.length);
const TOTAL = TRIGGERS + Object.values(INPUTS).reduce((sum, inputs) => sum + inputs);

/** Another one for each run; with the one that is printed, a failure comes again. */
const seed = process.env.FC_SEED === undefined ? randomInt(2 ** 31) : Number(process.env.FC_SEED);
const PATIENCE_MS = 120_000;

const faultsOf = (outcome: Outcome, target: Target): readonly string[] => [
  ...faultsOfEffects(outcome, target),
  ...faultsOfAnswer(outcome),
  ...faultsOfLines(outcome),
  ...(isPoisoned() ? ['poisoned'] : []),
];

describe('the fuzz run', () => {
  it('is of at least 100,000 inputs', () => {
    process.stdout.write(`fuzz: ${TOTAL} inputs, FC_SEED=${seed}\n`);
    expect(TOTAL).toBeGreaterThanOrEqual(100_000);
  });
});

describe.each(targets)('$name', (target) => {
  const { name, sender, secret } = target;

  it('verifies no random request, and throws at none', () => {
    fc.assert(
      fc.property(randomRequests, (request) => !verdictOf(target, request, [secret]).ok),
      { seed, numRuns: runsOf('randomRequests') },
    );
  });

  it('verifies no tampered delivery', () => {
    fc.assert(
      fc.property(tamperedRequests(target), ({ request, isGenuine }) => isGenuine || !verdictOf(target, request, [secret]).ok),
      { seed, numRuns: runsOf('tamperedRequests') },
    );
  });

  it(
    'refuses every event that no holder of the secret made',
    async () => {
      const [rig, watch] = [createRig(target), createWatch()];
      const property = fc.asyncProperty(forgedEvents(target), async (event) => {
        const outcome = await rig(event);
        expect([isRefused(outcome), ...faultsOf(outcome, target)]).toEqual([true]);
        watch.see(visible(outcome) + outcome.answer.body, name);
      });
      await fc.assert(property, { seed, numRuns: runsOf('forgedEvents') });
      expect(watch.hits()).toEqual([]);
    },
    PATIENCE_MS,
  );

  it.each([
    ['any signed JSON', randomEvents(target), runsOf('randomEvents')],
    ['signed events with anything in them', editedEvents(sender), runsOf('editedEvents')],
  ] as const)(
    'acknowledges %s and stores it readably, or refuses it as malformed',
    async (_, bodies, numRuns) => {
      const [rig, watch] = [createRig(target), createWatch()];
      const property = fc.asyncProperty(bodies, async (body) => {
        const request = signed(target, { body });
        const outcome = await rig(httpApiEvent(request));
        const expected = expectedOf(target, request, isDatedByBody(target) ? 'answered' : 'authentic');
        expect([isAsExpected(outcome, expected), ...faultsOf(outcome, target)]).toEqual([true]);
        watch.see(visible(outcome) + outcome.answer.body, name);
      });
      await fc.assert(property, { seed, numRuns });
      expect(watch.hits()).toEqual([]);
    },
    PATIENCE_MS,
  );
});

describe('the Cognito trigger', () => {
  it(
    'returns every event as it came, and stores what it takes readably',
    async () => {
      const [rig, watch] = [createCognitoRig(), createWatch()];
      const triggers = editedEvents(cognitoSender);
      const event = fc.oneof({ weight: 4, arbitrary: triggers }, { weight: 1, arbitrary: fc.json({ stringUnit: 'binary' }) });
      const property = fc.asyncProperty(event, async (text) => {
        const trigger: unknown = JSON.parse(text);
        const { answer, ...traces } = await rig(trigger);
        expect(answer).toBe(trigger);
        expect(JSON.stringify(answer)).toBe(JSON.stringify(JSON.parse(text)));
        const faults = [
          ...traces.queued.flatMap(faultsOfMessage),
          ...traces.parked.flatMap(faultsOfParked),
          ...faultsOfLines(traces),
        ];
        expect(faults).toEqual([]);
        expect(isPoisoned()).toBe(false);
        watch.see(visible(traces), 'the Cognito trigger');
      });
      await fc.assert(property, { seed, numRuns: TRIGGERS });
      expect(watch.hits()).toEqual([]);
    },
    PATIENCE_MS,
  );
});

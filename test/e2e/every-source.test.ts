import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { SourceId } from '../../functions/manifest.ts';
import { parseStage } from '../../infra/stages.ts';
import { personFrom } from '../../infra/tools/send/all.ts';
import { type Running, startEndToEnd } from '../support/end-to-end.ts';

const SEND = fileURLToPath(new URL('../../infra/tools/send.ts', import.meta.url));

/** What goes wrong at a vendor while an event of it is completed. */
const FAULTS = ['429-retry-after', '500', 'reset', '404', 'slow'] as const;
const SUFFERED = [429, 500, null, 404, 200];

/** What a sign-up says of somebody, where it is not e-mail address and name: as the page of the source says. */
const OTHER: Partial<Record<SourceId, object>> = {};

const sources = Object.keys(parseStage('local').sources) as SourceId[]; // the stage has no others

let running: Running;
let out: string;
let code: number;
const thin = (): readonly SourceId[] => sources.filter((id) => running.stack.queueUrls.refresh[id] !== undefined);

/** `npm run send -- all`, as it is typed. */
const sendAll = async (): Promise<void> => {
  const args = [SEND, 'all', '--to', running.stack.url, '--secrets', running.stack.secretsFile];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  out = await text(child.stdout);
  code = Number((await ended)[0]);
};

beforeAll(async () => {
  running = await startEndToEnd();
  for (const id of thin()) running.stack.vendors?.breakNext(id, FAULTS, personFrom(id).id);
  await sendAll();
  await running.idle(120_000);
}, 180_000);
afterAll(() => running.close());

describe('a sign-up from every source of the local stage', () => {
  it('is accepted', () => {
    expect([code, out.match(/ accepted /g)?.length]).toEqual([0, sources.length]);
  });

  it.each(sources)('%s: is one correct user at Userpilot', (id) => {
    const { id: userId, email, firstName, lastName } = personFrom(id);
    expect(running.userpilot.store.user(userId)?.metadata).toMatchObject(
      OTHER[id] ?? { email, name: `${firstName} ${lastName}` },
    );
    expect(out).toContain(`${running.userpilot.url}/_/users/${userId}\n`);
  });

  it('is nobody else, and nothing that was set aside', () => {
    const expected = sources.map((id) => personFrom(id).id);
    expect(
      running.userpilot.store
        .users()
        .map(({ user_id }) => user_id)
        .toSorted(),
    ).toEqual(expected.toSorted());
    expect(running.events.filter(({ outcome }) => outcome === 'rejected' || outcome === 'refused')).toEqual([]);
  });

  it('is completed from its vendor where it carries no profile, whatever goes wrong there meanwhile', () => {
    for (const id of thin()) {
      const statuses = running.stack.vendors?.requests.filter((request) => request.id === id).map(({ status }) => status);
      expect([id, statuses]).toEqual([id, expect.arrayContaining(SUFFERED)]);
    }
  });
});

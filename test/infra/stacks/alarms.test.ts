import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { createMetrics } from '../../../functions/core/metrics.ts';
import type { RefusalCode } from '../../../functions/core/reasons.ts';
import { METRICS } from '../../../functions/manifest.ts';
import { anchorOf } from '../../../infra/constructs/runbook-alarm.ts';
import { createSynthesis, only } from './synthesized.ts';

const ALARM = 'AWS::CloudWatch::Alarm';
const FILTER = 'AWS::Logs::MetricFilter';
let synthesis: Awaited<ReturnType<typeof createSynthesis>>;
let production: Template;
let staging: Template;
let refreshing: Template;
let resyncing: Template;

beforeAll(async () => {
  synthesis = await createSynthesis();
  production = synthesis.synthesize('production').template;
  staging = synthesis.synthesize('staging').template;
  refreshing = synthesis.synthesize('refreshing').template;
  resyncing = synthesis.synthesize('resyncing').template;
}, 120_000);
afterAll(() => synthesis.close());

const runbook = readFileSync(new URL('../../../infra/RUNBOOK.md', import.meta.url), 'utf8');
const [, alarmPart = ''] = /\n## Alarms\n(.*?)\n## /s.exec(runbook) ?? [];
const sections = alarmPart
  .split(/\n### /)
  .slice(1)
  .map((text) => ({ heading: text.slice(0, text.indexOf('\n')), text }));
const anchors = (template: Template) =>
  Object.values(template.findResources(ALARM)).map(({ Properties }) => /#([\w-]+)$/.exec(Properties.AlarmDescription)?.[1]);

describe('alarms', () => {
  it.each([
    'QueuesDeadLettersAlarm',
    'QueuesRejectedAlarm',
    'QueuesOldestEventAlarm',
    'DeliverErrorsAlarm',
    'DeliverKeyRefusedAlarm',
    'DeliverBreakerOpenedAlarm',
    'OverflowErrorsAlarm',
    'OverflowTimedOutAlarm',
    'OverflowNotStartedAlarm',
    'OverflowFailedAlarm',
    'SecretUnavailableAlarm',
    'SignatureMismatchAlarm',
    'KeysUnavailableAlarm',
    'SignUpNotQueuedAlarm',
    'ApiHttp5xxAlarm',
    'Auth0ErrorsAlarm',
    'ClerkErrorsAlarm',
    'StripeErrorsAlarm',
    'CognitoErrorsAlarm',
    'CognitoNotQueuedAlarm',
    'EraserErrorsAlarm',
    'EraserMissedAlarm',
    'EraserMassDeletionAlarm',
  ])('%s exists and takes silence for health', (prefix) => {
    expect(only(production, ALARM, prefix).Properties).toMatchObject({
      TreatMissingData: 'notBreaching',
      ComparisonOperator: 'GreaterThanThreshold',
    });
  });

  it('go off at the first dead letter, rejected event, crash and refused key', () => {
    const patient = Object.entries(production.findResources(ALARM)).filter(([, { Properties }]) => Properties.Threshold !== 0);
    expect(patient.map(([id, { Properties }]) => [id.slice(0, 17), Properties.Threshold])).toEqual([['QueuesOldestEvent', 900]]);
  });

  it.each(['ClerkRefreshErrorsAlarm', 'ClerkRefreshOldestAlarm'])('%s exists where a source fetches', (prefix) => {
    expect(only(refreshing, ALARM, prefix).Properties).toMatchObject({ TreatMissingData: 'notBreaching' });
  });

  it.each(['ClerkResyncErrorsAlarm', 'ClerkResyncTimedOutAlarm', 'ClerkResyncNotStartedAlarm', 'ResyncFailedAlarm'])(
    '%s exists where all users are brought over',
    (prefix) => {
      expect(only(resyncing, ALARM, prefix).Properties).toMatchObject({ TreatMissingData: 'notBreaching', Threshold: 0 });
    },
  );

  it('each lead to a section of the runbook', () => {
    expect(new Set([production, refreshing, resyncing].flatMap(anchors))).toEqual(
      new Set(sections.map(({ heading }) => anchorOf(heading))),
    );
  });

  it('of every stage lead to a section of the runbook', () => {
    expect(sections.map(({ heading }) => anchorOf(heading))).toEqual(expect.arrayContaining(anchors(staging)));
  });

  it.each(sections)('runbook: "$heading" says what it means, what to do, and when it is over', ({ text }) => {
    const parts = [...text.matchAll(/^\*\*(.+?)\*\*/gm)].map(([, part]) => part);
    expect(parts).toEqual(['What it means.', 'What users notice.', 'What to do.', 'Over when.']);
  });

  it('runbook: its links lead somewhere', () => {
    const headings = [...runbook.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));
    const links = [...runbook.matchAll(/\]\(#([\w-]+)\)/g)].map(([, anchor]) => anchor);
    expect(headings).toEqual(expect.arrayContaining(links));
  });

  it('reach the person whom the stage names, through a topic that CloudWatch may publish to', () => {
    const topic = { Ref: only(production, 'AWS::SNS::Topic').id };
    production.allResourcesProperties(ALARM, { AlarmActions: [topic] });
    production.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: 'on-call@example.com',
      TopicArn: topic,
    });
    production.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Allow',
            Action: 'sns:Publish',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': '111122223333' } },
          }),
        ]),
      },
    });
  });

  it('reach nobody where the stage names nobody', () => {
    staging.resourceCountIs('AWS::SNS::Topic', 0);
    staging.allResourcesProperties(ALARM, { AlarmActions: Match.absent() });
  });
});

describe('counts in the log', () => {
  const lineOf = (metricName: string, dimensions: Readonly<Record<string, string>>) => {
    const lines: string[] = [];
    const metrics = createMetrics((line) => lines.push(line), { namespace: METRICS.namespace, now: () => new Date(0) });
    metrics.add(metricName, dimensions);
    metrics.flush();
    return JSON.parse(lines[0] ?? '');
  };
  const patternOf = (prefix: string): string => only(production, FILTER, prefix).Properties.FilterPattern;

  it.each([
    ['DeliverLogApiKeyRefused', METRICS.keyRefused],
    ['DeliverLogBreakerOpened', METRICS.breakerOpened],
    ['DeliverLogSecretUnavailable', METRICS.secretUnavailable],
    ['ClerkReceiveLogSecretUnavailable', METRICS.secretUnavailable],
    ['ClerkReceiveLogPublicKeysUnavailable', METRICS.keysUnavailable],
    ['ClerkReceiveLogSignUpNotQueued', METRICS.lost],
    ['CognitoReceiveLogSignUpNotQueued', METRICS.lost],
  ])('%s: the filter reads what the functions write', (prefix, metricName) => {
    expect(lineOf(metricName, {})[metricName][0]).toBeGreaterThan(0);
    expect(patternOf(prefix)).toBe(`{ $.${metricName}[0] > 0 }`);
  });

  it('tell a wrong signature from other refusals', () => {
    const codes: readonly RefusalCode[] = ['SIGNATURE_MISMATCH', 'NO_SECRET_CONFIGURED', 'KEY_UNKNOWN', 'TOKEN_NOT_FOR_US'];
    const reasons = codes.map((code) => `($.code = "${lineOf(METRICS.refused, { source: 'clerk', code }).code}")`);
    expect(patternOf('ClerkReceiveLogRequestRefused')).toBe(`{ ($.${METRICS.refused}[0] > 0) && (${reasons.join(' || ')}) }`);
  });

  it('tell of a run that was given up, and of a secret that it cannot read', () => {
    for (const metricName of [METRICS.resyncFailed, METRICS.secretUnavailable]) {
      expect(lineOf(metricName, { source: 'clerk' })[metricName][0]).toBeGreaterThan(0);
      expect(only(resyncing, FILTER, `ClerkResyncRunLog${metricName}`).Properties).toMatchObject({
        FilterPattern: `{ $.${metricName}[0] > 0 }`,
      });
    }
  });

  it('tell of a secret that the function that fetches cannot read', () => {
    expect(only(refreshing, FILTER, 'ClerkRefreshFetchLogSecretUnavailable').Properties).toMatchObject({
      FilterPattern: `{ $.${METRICS.secretUnavailable}[0] > 0 }`,
    });
  });

  it('of one stage do not ring for another', () => {
    const namespaceOf = (template: Template) =>
      only(template, FILTER, 'DeliverLogApiKey').Properties.MetricTransformations[0].MetricNamespace;
    expect(namespaceOf(production)).not.toBe(namespaceOf(staging));
  });
});

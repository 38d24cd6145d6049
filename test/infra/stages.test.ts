import { describe, expect, it } from '@jest/globals';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { DeletionSettings, RetrySettings } from '../../functions/core/settings.ts';
import { SOURCE_IDS } from '../../functions/manifest.ts';
import { LOG_RETENTION_DAYS, parseStage, stages } from '../../infra/stages.ts';

const sound = { userpilot: 'us', sources: { clerk: {} }, logRetentionDays: 14, retain: false };
const parse = (change: object) => parseStage('production', { production: { ...sound, ...change } });

describe('the table of stages', () => {
  it.each(Object.keys(stages))('%s is sound', (name) => {
    expect(parseStage(name).userpilot).toMatch(/^https?:\/\//);
  });

  it('runs every source on the local machine, with test events and quick retries', () => {
    const local = parseStage('local');
    expect(Object.keys(local.sources).toSorted()).toEqual(SOURCE_IDS.toSorted());
    expect(local.sources.stripe?.testEvents).toBe('deliver');
    expect(local.retry.capSeconds).toBeLessThanOrEqual(30);
  });

  it('keeps the state of production', () => {
    expect(parseStage('production').retain).toBe(true);
  });

  it('offers the retentions that CloudWatch knows', () => {
    const known = Object.values(RetentionDays).filter((days) => typeof days === 'number' && days !== RetentionDays.INFINITE);
    expect([...LOG_RETENTION_DAYS]).toEqual(known);
  });
});

describe('parseStage', () => {
  it('reports deletions and sends none, unless the stage says so', () => {
    expect(parse({}).deletions).toEqual({ mode: 'report', holdBackDays: 7, mass: { count: 1000, share: 0.05 } });
    expect(parse({ deletions: { mode: 'erase', mass: { count: 50 } } }).deletions).toMatchObject({
      mode: 'erase',
      mass: { count: 50, share: 0.05 },
    });
  });
  it('fills in the defaults', () => {
    expect(parse({})).toEqual({
      ...sound,
      userpilot: 'https://analytex.userpilot.io',
      retry: RetrySettings.parse({}),
      deletions: DeletionSettings.parse({}),
      overflow: { from: 2000 },
      httpThrottle: { requestsPerSecond: 100, burst: 200 },
    });
  });

  it('knows when a backlog is too large, or that it never is', () => {
    expect(parse({ overflow: false }).overflow).toBe(false);
    expect(parse({ overflow: { from: 500 } }).overflow).toEqual({ from: 500 });
    expect(() => parse({ overflow: { from: 0 } })).toThrow('production.overflow');
  });

  it('resolves the region of Userpilot', () => {
    expect(parse({ userpilot: 'eu' }).userpilot).toBe('https://analytex-eu.userpilot.io');
    expect(parse({ userpilot: 'https://analytex-acme.userpilot.io/v1/' }).userpilot).toBe('https://analytex-acme.userpilot.io');
  });

  it('lists the known stages for an unknown one', () => {
    expect(() => parseStage('prod')).toThrow('no stage "prod". Known stages: local, staging, production.');
    expect(() => parseStage('toString')).toThrow('no stage "toString"');
  });

  it('names every wrong field at once', () => {
    expect(() => parse({ retain: 'yes', logRetentionDays: 15 })).toThrow(
      /production\.logRetentionDays: .*\n {2}production\.retain: /,
    );
  });

  it.each([
    ['a misspelt region', { userpilot: 'ue' }, 'production.userpilot: write "us", "eu" or the https base URL'],
    ['a malformed URL', { userpilot: 'https//x.example' }, 'production.userpilot: write "us", "eu" or the https base URL'],
    ['a URL without TLS', { userpilot: 'http://x.example' }, 'production.userpilot: write "us", "eu" or the https base URL'],
    ['a URL with a password', { userpilot: 'https://a:b@x.example' }, 'production.userpilot: write "us"'],
    ['no Userpilot at all', { userpilot: undefined }, 'production.userpilot: write "us"'],
    ['an unknown source', { sources: { elsewhere: {} } }, `production.sources: no elsewhere; known: ${SOURCE_IDS.join(', ')}`],
    ['no source', { sources: {} }, `production.sources: write at least one of ${SOURCE_IDS.join(', ')}`],
    ['an unknown field', { logRetention: 14 }, 'production: Unrecognized key: "logRetention"'],
    [
      'an unknown field of a source',
      { sources: { clerk: { userid: ['id'] } } },
      'production.sources.clerk: Unrecognized key: "userid"',
    ],
    ['a path that is none', { sources: { clerk: { userId: ['a..b'] } } }, 'production.sources.clerk.userId.0: not a path'],
    [
      'an expression that is none',
      { sources: { 'standard-webhooks': { events: { userId: 'data..id' } } } },
      'production.sources.standard-webhooks.events.userId: no JMESPath expression',
    ],
    [
      'an expression that reads what is stripped',
      { sources: { 'standard-webhooks': { events: { companies: { properties: { vat: 'data.address.vat' } } } } } },
      'production.sources.standard-webhooks.events.companies.properties.vat: address is private',
    ],
    [
      'an endless expression',
      { sources: { 'standard-webhooks': { events: { name: 'a'.repeat(513) } } } },
      'production.sources.standard-webhooks.events.name: write an expression of at most 512 characters',
    ],
    ['a wait below zero', { retry: { baseSeconds: -1 } }, 'production.retry.baseSeconds: '],
    ['a retention that CloudWatch refuses', { logRetentionDays: 15 }, 'production.logRetentionDays: '],
    ['an account with dashes', { env: { account: '1111-2222' } }, 'production.env.account: write the 12 digits'],
    ['a mail address that is none', { alarmEmail: 'on-call' }, 'production.alarmEmail: write an e-mail address'],
    ['a topic that is none', { alarmTopicArn: 'alarms' }, 'production.alarmTopicArn: write the ARN of an SNS topic'],
    [
      'a user pool of another region',
      { env: { region: 'eu-central-1' }, sources: { cognito: { userPools: ['us-east-1_Example01'] } } },
      'production.sources.cognito.userPools: pool us-east-1_Example01 cannot call a function in eu-central-1',
    ],
    [
      'a resync of a vendor that lists no users',
      { sources: { 'standard-webhooks': { resync: { schedule: 'rate(1 day)' } } } },
      'production.sources.standard-webhooks.resync: the users of standard-webhooks cannot be listed; those of auth0, clerk, ',
    ],
    [
      'a resync of Cognito without pools',
      { sources: { cognito: { resync: { schedule: 'rate(1 day)' } } } },
      'production.sources.cognito.userPools: name the pools whose users a resync lists',
    ],
  ])('refuses %s', (_, change, message) => {
    expect(() => parse(change)).toThrow(message);
  });
});

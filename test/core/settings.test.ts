import { describe, expect, it } from '@jest/globals';
import { SourceSettings, UserpilotBaseUrl } from '../../functions/core/settings.ts';

describe('Userpilot region', () => {
  it.each([
    ['us', 'https://analytex.userpilot.io'],
    ['eu', 'https://analytex-eu.userpilot.io'],
    ['https://analytex-acme.userpilot.io/', 'https://analytex-acme.userpilot.io'],
    ['https://analytex-acme.userpilot.io/v1/', 'https://analytex-acme.userpilot.io'],
    ['http://127.0.0.1:4000', 'http://127.0.0.1:4000'],
  ])('%s is %s', (text, url) => {
    expect(UserpilotBaseUrl.parse(text)).toBe(url);
  });
  it.each([
    '',
    'EU',
    'de',
    'analytex.userpilot.io',
    'http://analytex.userpilot.io',
    'https://',
    'https://key@host.example',
    'https://host.example/?x=1',
  ])('refuses %j instead of falling back to another region', (text) => {
    expect(JSON.stringify(UserpilotBaseUrl.safeParse(text).error)).toContain('https base URL');
  });
});

describe('source settings', () => {
  it('names the field that is wrong', () => {
    const issues = SourceSettings.safeParse({ userId: ['a..b'], properties: { plan: '' }, surprise: 1 }).error?.issues ?? [];
    expect(issues.map(({ path, code }) => [path.join('.'), code])).toEqual(
      expect.arrayContaining([
        ['userId.0', 'custom'],
        ['properties.plan', 'custom'],
        ['', 'unrecognized_keys'],
      ]),
    );
  });

  it.each([
    'rate(1 day)',
    'rate(12 hours)',
    'rate(45 minutes)',
    'cron(30 3 * * ? *)',
    'cron(0/15 8-18 ? * MON-FRI *)',
    'cron(0 8 L * ? *)',
  ])('takes the schedule %s', (schedule) => {
    const resync = { schedule, timeZone: 'Europe/Berlin', full: true, missing: 'tombstone' };
    expect(SourceSettings.parse({ resync })).toEqual({ resync });
  });
  it.each([
    [{ schedule: 'rate(1 days)' }, 'resync.schedule'],
    [{ schedule: 'rate(0 minutes)' }, 'resync.schedule'],
    [{ schedule: 'daily' }, 'resync.schedule'],
    [{ schedule: 'cron(30 3 * * *)' }, 'resync.schedule'],
    [{ schedule: 'cron(30 3 * * * *)' }, 'resync.schedule'],
    [{ schedule: 'rate(1 day)', timeZone: 'Mars/Olympus' }, 'resync.timeZone'],
  ])('refuses %j', (resync, path) => {
    const issues = SourceSettings.safeParse({ resync }).error?.issues ?? [];
    expect(issues.map((issue) => issue.path.join('.'))).toEqual([path]);
  });
});

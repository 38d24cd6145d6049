import { describe, expect, it } from '@jest/globals';
import { Problem } from '../../../../infra/local/problem.ts';
import { readResyncOptions } from '../../../../infra/tools/resync/options.ts';

const local = { kind: 'local', url: 'http://127.0.0.1:8787' } as const;
const none = { full: false, dryRun: false, watch: false };

describe('the options of npm run resync', () => {
  it.each([
    ['clerk', { source: 'clerk', where: local, ...none }],
    [
      'okta --full --to http://127.0.0.1:9000/',
      { source: 'okta', where: { ...local, url: 'http://127.0.0.1:9000' }, ...none, full: true },
    ],
    ['clerk --dry-run', { source: 'clerk', where: local, ...none, dryRun: true }],
    [
      'clerk --stage production --watch',
      { source: 'clerk', where: { kind: 'deployed', stage: 'production' }, ...none, watch: true },
    ],
  ])('%s', (line, expected) => expect(readResyncOptions(line.split(' '))).toEqual(expected));

  it('helps', () => expect(readResyncOptions(['-h'])).toBe('help'));

  it.each([
    ['', /^Which source\?: known are auth0, clerk, /],
    ['klerk', /^Unknown source klerk: known are auth0, clerk, /],
    ['clerk okta', /^One source at a time: /],
    ['clerk --stage local', /^--stage local: the local stack is not deployed, leave --stage out\.$/],
    ['clerk --stage staging --dry-run', /^--dry-run goes with a local stack only: /],
    ['clerk --watch', /^--watch goes with --stage only: /],
    ['clerk --stage staging --watch --full', /^--watch starts nothing: leave --full out\.$/],
    ['clerk --fast', /Unknown option '--fast'\. Usage: npm run resync -- /],
  ])('refuses "%s"', (line, message) => {
    const read = () => readResyncOptions(line === '' ? [] : line.split(' '));
    expect(read).toThrow(Problem);
    expect(read).toThrow(message);
  });
});

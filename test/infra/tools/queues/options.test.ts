import { describe, expect, it } from '@jest/globals';
import { SOURCE_IDS } from '../../../../functions/manifest.ts';
import { Problem } from '../../../../infra/local/problem.ts';
import { helpOf, type QueueName } from '../../../../infra/tools/queues/help.ts';
import { readQueueOptions } from '../../../../infra/tools/queues/options.ts';

const local = { kind: 'local', url: 'http://127.0.0.1:8787' } as const;

describe('the options of the queue commands', () => {
  it.each<readonly [QueueName, string, object]>([
    ['rejected', 'list', { kind: 'list', where: local, ids: false }],
    ['rejected', 'list --ids --to http://127.0.0.1:9000/', { where: { kind: 'local', url: 'http://127.0.0.1:9000' }, ids: true }],
    ['rejected', 'show 0123456789ab', { kind: 'show', where: local, id: '0123456789ab', yes: false }],
    ['dead-letters', 'list --stage staging', { kind: 'list', where: { kind: 'deployed', stage: 'staging' } }],
    ['dead-letters', 'replay --all', { kind: 'replay', selection: { reasons: [], sources: [], ids: [] }, dryRun: false }],
    ['rejected', 'replay --all --dry-run --show-values', { dryRun: true, showValues: true, dropIgnored: false }],
    [
      'rejected',
      'replay --source clerk --source stripe --drop-ignored',
      { selection: { sources: ['clerk', 'stripe'] }, dropIgnored: true },
    ],
    ['rejected', 'replay --older-than 90s --younger-than 3d', { selection: { olderThanMs: 90_000, youngerThanMs: 259_200_000 } }],
    [
      'rejected',
      'replay --id 0123456789ab --reason NO_USER_ID',
      { selection: { ids: ['0123456789ab'], reasons: ['NO_USER_ID'] } },
    ],
    ['rejected', 'list -h', { kind: 'help' }],
  ])('npm run %s -- %s', (queue, line, expected) => {
    expect(readQueueOptions(queue, line.split(' '))).toMatchObject(expected);
  });

  it.each<readonly [QueueName, readonly string[], RegExp]>([
    ['rejected', [], /^What to do\? Write list, show, replay first\. Usage: npm run rejected -- /],
    ['dead-letters', ['--all'], /^What to do\? Write list, replay first\. Usage: npm run dead-letters -- /],
    ['rejected', ['replya'], /^Unknown command replya\. Write list, show, replay first\./],
    ['dead-letters', ['show', '0123456789ab'], /^Unknown command show\. Write list, replay first\./],
    ['rejected', ['show'], /^Show which one\? Write one id that list --ids shows\. Usage: /],
    ['rejected', ['show', 'ab12'], /^show ab12: write the 12 characters that list --ids shows\.$/],
    ['rejected', ['replay'], /^Which events\? Choose with --reason, --source, --id, --older-than, --younger-than or --all\.$/],
    ['rejected', ['replay', '--all', '--source', 'clerk'], /^--all and a choice contradict each other: leave one of them out\.$/],
    [
      'rejected',
      ['replay', '--source', 'elsewhere'],
      new RegExp(`^--source elsewhere: known are ${SOURCE_IDS.join(', ')}, unknown\\.$`),
    ],
    ['rejected', ['replay', '--older-than', 'today'], /^--older-than today: write an age such as 90s, 30min, 2h or 3d\.$/],
    ['rejected', ['replay', '--younger-than', '2 h'], /^--younger-than 2 h: write an age/],
    ['rejected', ['replay', '--id', 'x'], /^--id x: write the 12 characters that list --ids shows\.$/],
    ['rejected', ['replay', '--all', '--show-values'], /^--show-values goes with --dry-run only: add it\.$/],
    ['rejected', ['list', '--to', 'localhost'], /^--to localhost: write the address that npm start shows/],
    ['rejected', ['list', '--to', local.url, '--stage', 'staging'], /^--to and --stage name two places: give one of them\.$/],
    ['rejected', ['list', '--stage', 'local'], /^--stage local: the local stack is not deployed, leave --stage out\.$/],
  ])('npm run %s -- %j is refused in one line', (queue, args, message) => {
    expect(() => readQueueOptions(queue, args)).toThrow(Problem);
    expect(() => readQueueOptions(queue, args)).toThrow(message);
  });

  it.each<QueueName>(['rejected', 'dead-letters'])('every option of %s stands in its help', (queue) => {
    const help = helpOf(queue);
    for (const option of ['to', 'stage', 'ids', 'reason', 'source', 'id', 'older-than', 'younger-than', 'all', 'dry-run'])
      expect(help).toContain(`--${option}`);
    expect(help.includes('--yes')).toBe(queue === 'rejected');
    expect(help.endsWith('\n')).toBe(true);
  });
});

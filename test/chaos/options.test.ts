import { describe, expect, it } from '@jest/globals';
import { readChaosOptions } from './options.ts';

describe('the options of npm run chaos', () => {
  it('are large enough by default, with a seed by chance', () => {
    const options = readChaosOptions([], () => 0.25);
    expect(options).toMatchObject({ seed: 250_000, users: 400 });
    if (options === 'help') throw new Error('nobody asked for help');
    expect(options.events).toBeGreaterThanOrEqual(20_000);
    expect(options.kills).toBeGreaterThanOrEqual(20);
  });
  it('are taken as given', () => {
    const given = ['--events', '50', '--kills', '2', '--users', '5', '--seed', '9', '--rate', '10'];
    expect(readChaosOptions(given, Math.random)).toMatchObject({ events: 50, kills: 2, users: 5, seed: 9, eventsPerSecond: 10 });
    expect(readChaosOptions(['--help'], Math.random)).toBe('help');
  });
  it.each([
    [['--kills', 'many'], '--kills many: write a whole number from 1 to 1000.'],
    [['--seed', '-1'], /seed/],
    [['--events', '0'], '--events 0: write a whole number from 1 to 1000000.'],
  ])('%j is refused in one line', (args, message) => {
    expect(() => readChaosOptions(args, Math.random)).toThrow(message);
  });
});

import type { RetrySettings } from './settings.ts';

/**
 * Seconds until a message is seen again: base doubling to the cap, +/- 20 % so that an outage does not end in a stampede.
 * A FIFO message in back-off holds back its own entity only, so the cap stays short.
 * @param receiveCount how often the message has been handed out, 1 for the first time
 * @param random a number from 0 up to 1
 */
export const backoffSeconds = (receiveCount: number, { baseSeconds, capSeconds }: RetrySettings, random: number): number => {
  const doublings = Math.min(Math.max(receiveCount, 1) - 1, 30);
  const jittered = Math.min(baseSeconds * 2 ** doublings, capSeconds) * (0.8 + 0.4 * random);
  return Math.max(1, Math.round(jittered));
};

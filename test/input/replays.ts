import type { Mutation } from './case.ts';
import { headerOf, NOW, provenOnly, signed, type Target, withHeader } from './target.ts';

const seconds = Math.floor(NOW.getTime() / 1000);

/** Genuine deliveries that come at another time than they were signed for. Where no time is signed nothing can tell. */
const OFFSETS: Readonly<Record<string, number>> = {
  'from exactly 300 s ahead': 300,
  'from 301 s ahead': 301,
  'five minutes old': -300,
  'a year old': -31_536_000,
  'from the year 1970': -seconds,
  'from a day ahead': 86_400,
  'from the year 2100': 2_308_000_000,
};

const replayed = (target: Target): readonly Mutation[] => {
  const { maxAge = 300, proves } = target;
  const offsets = { ...OFFSETS, 'exactly as old as may be': -maxAge, 'a second older than may be': -maxAge - 1 };
  return Object.entries(offsets).map(([name, offset]) => ({
    name,
    request: signed(target, { at: new Date(NOW.getTime() + offset * 1000) }),
    expected: proves.time && (offset > 300 || offset < -maxAge) ? 401 : 'accepted',
  }));
};

/** Other ways to write the signed second, none of which the vendor uses. */
const TIMES: Readonly<Record<string, string>> = {
  'in milliseconds': String(NOW.getTime()),
  'one second later': String(seconds + 1),
  'with a leading zero': `0${seconds}`,
  'with a plus': `+${seconds}`,
  'with a minus': `-${seconds}`,
  'with a fraction': `${seconds}.0`,
  'with an exponent': `${seconds}e0`,
  'in hex': `0x${seconds.toString(16)}`,
  'in ISO 8601': NOW.toISOString(),
  'in Arabic digits': String(seconds).replace(/\d/g, (digit) => String.fromCharCode(0x660 + Number(digit))),
  'with a grouping sign': `${seconds}`.replace(/(\d)(?=(\d{3})+$)/g, '$1_'),
  'with 13 digits more': `${seconds}0000000000000`,
  'as NaN': 'NaN',
  'as Infinity': 'Infinity',
  'as nothing': '',
};

const misdated = (target: Target): readonly Mutation[] => {
  const genuine = provenOnly(signed(target));
  const dated = target.proofs.filter((header) => headerOf(genuine, header).includes(String(seconds)));
  return dated.flatMap((header) =>
    Object.entries(TIMES).map(([name, time]) => ({
      name: `the time in ${header} ${name}`,
      request: withHeader(genuine, header, headerOf(genuine, header).replace(String(seconds), time)),
      expected: 401,
    })),
  );
};

export const replays = (target: Target): readonly Mutation[] => [...replayed(target), ...misdated(target)];

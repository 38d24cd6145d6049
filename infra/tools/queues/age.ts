const UNITS = { s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds in `90s`, `15min`, `2h` or `3d`; undefined for any other text. `m` is taken for minutes. */
export const parseAge = (text: string): number | undefined => {
  const [, digits = '', unit = ''] = /^(\d{1,6})(s|m|min|h|d)$/.exec(text) ?? [];
  const size = unit === 'm' ? UNITS.min : Object.entries(UNITS).find(([name]) => name === unit)?.[1];
  return size === undefined ? undefined : Number(digits) * size;
};

/** In the largest unit of which there are at least two, as a person would say it: `45 s`, `90 min`, `3 d`. */
export const ageText = (milliseconds: number): string => {
  const whole = Math.max(0, milliseconds);
  const [name, size] = Object.entries(UNITS).findLast(([, unit]) => whole >= 2 * unit) ?? ['s', UNITS.s];
  return `${Math.floor(whole / size)} ${name}`;
};

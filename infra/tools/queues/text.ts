/** Senders choose event types. What is not printable ASCII could move the cursor or colour the screen. */
export const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?');

/** Controls, and signs that are not seen or turn the direction of the text: in a terminal they could hide what stands there. */
const UNSEEN = /[\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Indented JSON to read on a terminal: letters of all scripts stay, what nobody sees is escaped. */
export const readableJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(UNSEEN, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

type Row = readonly (string | number)[];

/** Columns wide enough for their longest cell, numbers to the right; the first row is the head. */
export const tableOf = (rows: readonly Row[]): readonly string[] => {
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((most, row) => Math.max(most, String(row[column] ?? '').length), 0),
  );
  const numbers = (rows.at(-1) ?? []).map((cell) => typeof cell === 'number');
  const cellOf = (cell: string | number = '', column: number): string => {
    const width = widths[column] ?? 0;
    return numbers[column] === true ? String(cell).padStart(width) : String(cell).padEnd(width);
  };
  return rows.map((row) => row.map(cellOf).join('  ').trimEnd());
};

/** `NO_USER_ID × 2, SCHEMA_MISMATCH`: the commonest first, numbers only where there are several kinds. */
export const countsText = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => (counts.size > 1 ? `${name} × ${count}` : name))
    .join(', ');

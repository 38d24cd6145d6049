import type { Properties, Property } from './calls.ts';
import { type Path, valueAt } from './path.ts';
import type { SourceSettings } from './settings.ts';

/** What a template with a missing variable leaves behind: a profile under such an id would collect strangers. */
const JUNK_IDS = new Set(['undefined', 'null', 'NaN', 'None', '[object Object]']);

/** The first id found at `paths`, never guessed, never trimmed; undefined when none holds a usable one. */
export const idAt = (root: unknown, paths: readonly Path[]): string | undefined => {
  for (const path of paths) {
    const value = valueAt(root, path);
    const id = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
    // Halves of surrogate pairs all digest alike: two such ids would share a place in the ledger.
    if (typeof id === 'string' && id.trim() !== '' && id.length <= 1024 && id.isWellFormed() && !JUNK_IDS.has(id)) return id;
  }
  return undefined;
};

const scalar = (value: unknown): Property | undefined => {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  return undefined;
};

/** Userpilot takes scalars: a list of them is joined by commas, anything nested does not leave. */
export const toProperty = (value: unknown): Property | undefined => {
  if (!Array.isArray(value)) return scalar(value);
  const items = value.map(scalar).filter((item) => item !== undefined && item !== null);
  return items.length === value.length ? items.join(',') : undefined;
};

/**
 * The properties to send: the source's defaults less `omit`, and what the stage allow-lists.
 * `undefined` is left out, so Userpilot keeps what it has; `null` removes the property there.
 */
export const propertiesOf = (
  root: unknown,
  settings: SourceSettings,
  defaults: Readonly<Record<string, Property | undefined>>,
): { readonly metadata?: Properties } => {
  const metadata: Record<string, Property> = {};
  for (const [name, value] of Object.entries(defaults)) {
    if (value !== undefined && settings.omit?.includes(name) !== true) metadata[name] = value;
  }
  for (const [name, path] of Object.entries(settings.properties ?? {})) {
    const value = toProperty(valueAt(root, path));
    if (value !== undefined) metadata[name] = value;
  }
  return Object.keys(metadata).length > 0 ? { metadata } : {};
};

/** Joins what there is of a name; undefined when there is nothing. */
export const nameOf = (...parts: readonly (string | null | undefined)[]): string | undefined =>
  parts
    .map((part) => part?.trim() ?? '')
    .filter((part) => part !== '')
    .join(' ') || undefined;

/** Empty and absent mean the same at most vendors: nothing to send. */
export const filled = (value: string | null | undefined): string | undefined =>
  value === null || value === undefined || value === '' ? undefined : value;

/** Below this a number counts seconds, above it milliseconds: the border is 1973 in one reading and the year 5138 in the other. */
const SECONDS_LIMIT = 1e11;

/** The years 1 to 9999: any other has no ISO 8601 form that others read. */
const FIRST_MS = -62_135_596_800_000;
const LAST_MS = 253_402_300_799_999;

/** A moment out of seconds or milliseconds since the epoch; undefined when it is not a date. */
export const momentOf = (epoch: number | null | undefined): Date | undefined => {
  if (epoch === null || epoch === undefined || !Number.isFinite(epoch)) return undefined;
  const milliseconds = Math.abs(epoch) < SECONDS_LIMIT ? epoch * 1000 : epoch;
  return milliseconds >= FIRST_MS && milliseconds <= LAST_MS ? new Date(milliseconds) : undefined;
};

/** ISO 8601 in UTC, or undefined: a `created_at` of another form breaks Userpilot's age targeting. */
export const isoOf = (moment: Date | undefined): string | undefined => moment?.toISOString();

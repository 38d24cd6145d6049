import * as z from 'zod';
import type { Call } from '../core/calls.ts';
import { idAt } from '../core/mapping.ts';
import { type Path, valueAt } from '../core/path.ts';
import { changes, type Mapped } from './source.ts';

/**
 * A part of a payload of which only the named members stay. What has another shape than documented becomes `false`:
 * `map` refuses that in the events it acts on, while an event type that we have never seen still parses.
 */
export const part = <T extends z.ZodType>(schema: T) => schema.nullish().or(z.unknown().transform(() => false as const));

/** A member that stays as it is; `map` checks its type. */
export const scalar = part(z.union([z.string(), z.number(), z.boolean()]));

/** Members that the customer chooses, e.g. metadata: only the paths in the settings are ever read from them. */
export const freeForm = part(z.record(z.string(), z.unknown()));

/** Names of members that tell where, when or as what a person was born or lives, or how to call them; an e-mail address is none. */
const PRIVATE_NAME = /phone|mobile|birth|gender|street|postal|^zip|(?<!e-?mail_?)address|passw|secret|token/i;

const withoutPrivate = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutPrivate);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => !PRIVATE_NAME.test(name));
  return Object.fromEntries(kept.map(([name, inner]) => [name, withoutPrivate(inner)]));
};

/** Like `freeForm`, for what people fill in about themselves: phone numbers, postal addresses and the like go by their names. */
export const selfForm = part(
  z.record(z.string(), z.unknown()).transform((members) => withoutPrivate(members) as typeof members), // a record stays one
);

/** A member of a vendor's object as most are: present, null or left out. */
export const text = z.string().nullish();

/**
 * Like `idAt`, for an event that carries a part of the subject only. A path that the part does not hold ends the search:
 * the next one is the choice for subjects that lack the first, and such an event cannot tell which do.
 */
export const idAtPart = (subject: unknown, paths: readonly Path[]): string | undefined => {
  for (const path of paths) {
    if (valueAt(subject, path) === undefined) return undefined;
    const id = idAt(subject, [path]);
    if (id !== undefined) return id;
  }
  return undefined;
};

type Entity = { readonly user_id: string } | { readonly company_id: string };
interface Deletion {
  readonly source: string;
  readonly meaning: 'tombstone' | 'mark';
  readonly occurredAt: Date;
}

const deletionCall = (entity: Entity, { source, meaning }: Deletion): Call => {
  const metadata = { [`${source}_deleted`]: true };
  if ('user_id' in entity)
    return meaning === 'mark' ? { kind: 'identifyUser', ...entity, metadata } : { kind: 'deleteUser', ...entity };
  return meaning === 'mark' ? { kind: 'identifyCompany', ...entity, metadata } : { kind: 'deleteCompany', ...entity };
};

/** What a deletion at the vendor asks for: a tombstone, or a `<source>_deleted` property on an entity that stays. */
export const deletionOf = (entity: Entity, deletion: Deletion): Mapped =>
  changes({ call: deletionCall(entity, deletion), facet: 'profile', occurredAt: deletion.occurredAt });

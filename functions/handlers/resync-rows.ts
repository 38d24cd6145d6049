import * as z from 'zod';
import { type Known, weigh } from '../core/bulk-row.ts';
import { Call, type Change, entityOf } from '../core/calls.ts';
import { digest } from '../core/digest.ts';
import { entityKey, idempotencyKey, type QueueMessage, toQueueMessage } from '../core/envelope.ts';
import type { Arrival, Plan } from '../core/ledger.ts';
import { type Counts, NO_COUNTS, sumOf } from '../core/resync.ts';
import type { SourceSettings } from '../core/settings.ts';
import type { Source } from '../sources/source.ts';
import type { BulkRow } from './bulk.ts';

/** What the vendor lists of one user or company, mapped like a webhook. */
export interface Listed {
  readonly key: string;
  readonly changes: readonly Change[];
  readonly eventIds: readonly string[];
}

/** A user that may go into a job. */
export interface Row extends BulkRow {
  /** What it was made of. */
  readonly listed: Listed;
  /** The same by the queue, should the job not take it; made then, as hardly any row needs it. */
  readonly messages: () => readonly QueueMessage[];
}

/** Where listed entities go. */
export interface Sorted {
  readonly rows: readonly Row[];
  readonly messages: readonly QueueMessage[];
  readonly counts: Counts;
}

const count = (changes: Partial<Counts>): Counts => ({ ...NO_COUNTS, ...changes });

/** The same state always has the same id: listed twice it is one event. */
const eventIdOf = (source: string, { call, facet, occurredAt }: Change): string =>
  `listed_${digest(source, entityOf(call), facet, occurredAt.toISOString(), JSON.stringify(call)).slice(0, 32)}`;

interface Mapping {
  readonly source: Source;
  readonly settings: SourceSettings;
  /** When the page was asked for: the version of users whose vendor tells none. */
  readonly askedAt: Date;
}

type Outcome = { readonly changes: readonly Change[] } | { readonly rejected: string } | { readonly ignored: true };

const outcomeOf = (record: unknown, { source, settings, askedAt }: Mapping): Outcome => {
  const event = source.schema.safeParse(record);
  if (!event.success) return { rejected: 'SCHEMA_MISMATCH' };
  try {
    const mapped = source.map(event.data, { settings, receivedAt: askedAt });
    if (mapped.kind === 'rejected') return { rejected: mapped.because };
    if (mapped.kind !== 'changes') return { ignored: true };
    const isSendable = mapped.changes.every(({ call }) => Call.safeParse(call).success);
    return isSendable ? { changes: mapped.changes } : { rejected: 'SCHEMA_MISMATCH' };
  } catch (error) {
    if (error instanceof z.ZodError) return { rejected: 'SCHEMA_MISMATCH' };
    throw error;
  }
};

/** Maps a page. Changes of one entity come together, in the order of the page. */
export const mapPage = (
  records: readonly unknown[],
  mapping: Mapping,
): { readonly listed: readonly Listed[]; readonly counts: Counts } => {
  const entities = new Map<string, { changes: Change[]; eventIds: string[] }>();
  let counts = count({ pages: 1, listed: records.length });
  for (const record of records) {
    const outcome = outcomeOf(record, mapping);
    if ('rejected' in outcome) counts = sumOf(counts, count({ rejected: { [outcome.rejected]: 1 } }));
    else if ('ignored' in outcome) counts = sumOf(counts, count({ ignored: 1 }));
    else {
      for (const change of outcome.changes) {
        const key = entityKey(change);
        const entity = entities.get(key) ?? { changes: [], eventIds: [] };
        entities.set(key, entity);
        const eventId = eventIdOf(mapping.source.id, change);
        // Every member brings the same organization along.
        if (entity.eventIds.includes(eventId)) continue;
        entity.changes.push(change);
        entity.eventIds.push(eventId);
      }
    }
  }
  return { listed: [...entities].map(([key, entity]) => ({ key, ...entity })), counts };
};

const messagesOf = ({ changes, eventIds }: Listed, source: string, receivedAt: Date): readonly QueueMessage[] =>
  changes.flatMap((change, index) => {
    const eventId = eventIds[index] as string; // as many as changes
    const head = { v: 1, source, eventId, type: 'listed', receivedAt, lane: 'backfill' } as const;
    return toQueueMessage({ ...head, change }) ?? [];
  });

const arrivalsOf = ({ changes, eventIds }: Listed, source: string): readonly Arrival[] =>
  changes.map((change, index) => {
    const eventId = eventIds[index] as string; // as many as changes
    return { source, change, event: idempotencyKey({ source, eventId, change }) };
  });

/** Why nothing is sent, in the words of the report. */
const skipped = ({ verdicts }: Plan): Counts => {
  if (verdicts.includes('TOMBSTONED')) return count({ tombstoned: 1 });
  return verdicts.includes('UNCHANGED') || verdicts.includes('DUPLICATE') ? count({ unchanged: 1 }) : count({ stale: 1 });
};

/** What one entity asks for, given what the ledger knows: nothing, a row, or its turn in the queue. */
export const sortOne = (listed: Listed, source: string, known: Known): Sorted => {
  const weighed = weigh(arrivalsOf(listed, source), known);
  if (weighed.kind === 'nothing') return { rows: [], messages: [], counts: skipped(weighed.plan) };
  const messages = () => messagesOf(listed, source, known.now);
  if (weighed.kind === 'single') return { rows: [], messages: messages(), counts: count({ live: 1 }) };
  const { call, mark } = weighed;
  return { rows: [{ key: listed.key, listed, call, mark, messages }], messages: [], counts: NO_COUNTS };
};

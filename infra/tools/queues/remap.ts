import type { Change } from '../../../functions/core/calls.ts';
import { type QueueMessage, readEnvelope, toQueueMessage } from '../../../functions/core/envelope.ts';
import { type Refresh, toRefreshMessage } from '../../../functions/core/refresh.ts';
import type { SourceSettings } from '../../../functions/core/settings.ts';
import { type Intake, intake } from '../../../functions/handlers/intake.ts';
import { sourceById } from '../../../functions/sources/index.ts';
import type { Source } from '../../../functions/sources/source.ts';
import type { Stage } from '../../stages.ts';
import type { Kept } from './kept.ts';

/** What becomes of a kept event now. */
export type Remapped =
  | { readonly kind: 'send'; readonly messages: readonly QueueMessage[]; readonly changes: readonly Change[] }
  /** To be fetched from the vendor once more. */
  | { readonly kind: 'refresh'; readonly messages: readonly QueueMessage[] }
  | { readonly kind: 'ignored'; readonly because: string }
  | { readonly kind: 'rejected'; readonly because: string };

const rejected = (because: string): Remapped => ({ kind: 'rejected', because });

const toSend = (messages: readonly QueueMessage[]): Remapped => ({
  kind: 'send',
  messages,
  changes: messages.flatMap(({ body }) => readEnvelope(body)?.change ?? []),
});

const ofIntake = (result: Intake): Remapped => {
  if (result.kind === 'messages') return toSend(result.messages);
  return result.kind === 'refresh' ? { kind: 'refresh', messages: result.messages } : result;
};

/** An event that no schema let through was kept without its type. */
const typeOf = ({ type, receivedAt }: Kept, source: Source, event: unknown, settings: SourceSettings): string =>
  type === 'unknown'
    ? source.head(event, { headers: {}, body: new Uint8Array(), receivedAt }, settings).type.slice(0, 200)
    : type;

/** The change as it was made at that time, of an event that was too large to keep. */
const asRecorded = ({ change, source, type, eventId, receivedAt, reason }: Kept): Remapped => {
  if (change === undefined) return rejected(reason);
  const message = toQueueMessage({ v: 1, source, type, eventId, receivedAt, change, lane: 'backfill' });
  return message === undefined ? rejected('EVENT_TOO_LARGE') : toSend([message]);
};

const toFetch = ({ source, type, eventId, receivedAt }: Kept, refresh: Refresh): Remapped => ({
  kind: 'refresh',
  messages: [toRefreshMessage({ v: 1, source, type, eventId, receivedAt, refresh })],
});

/** A kept event through the source's schema and the stage's settings as they are now, under its own id and times. */
export const remap = (kept: Kept, stage: Stage): Remapped => {
  if (kept.event === undefined && kept.refresh === undefined) return asRecorded(kept);
  const source = sourceById(kept.source);
  if (source === undefined) return rejected(kept.reason);
  const settings = stage.sources[source.id];
  if (settings === undefined) return rejected('SOURCE_NOT_IN_STAGE');
  if (kept.refresh !== undefined) return settings.api === undefined ? rejected('NO_VENDOR_API') : toFetch(kept, kept.refresh);
  const event = source.schema.safeParse(kept.event);
  if (!event.success) return rejected('SCHEMA_MISMATCH');
  const { eventId, receivedAt } = kept;
  const head = { v: 1, source: source.id, eventId, receivedAt, type: typeOf(kept, source, event.data, settings) } as const;
  return ofIntake(intake(source, { ...head, event: event.data, lane: 'backfill' }, { settings, receivedAt }));
};

import * as z from 'zod';
import type { Change } from '../../../functions/core/calls.ts';
import { digest } from '../../../functions/core/digest.ts';
import { type Envelope, RejectedEvent, readEnvelope } from '../../../functions/core/envelope.ts';
import { type Refresh, readRefresh } from '../../../functions/core/refresh.ts';
import type { Held } from './queue-reader.ts';

/** An event that lies in the rejected queue or in the dead letters. */
export interface Kept {
  /** What an operator calls it. The same for all messages of one event. */
  readonly id: string;
  /** `unknown` where the message does not tell. */
  readonly source: string;
  readonly type: string;
  /** A code of core/reasons.ts, `GIVEN_UP` for a dead letter, or `UNREADABLE` for what we did not write. */
  readonly reason: string;
  /** What Userpilot answered, for USERPILOT_REFUSED. */
  readonly status?: number;
  readonly eventId: string;
  readonly receivedAt: Date;
  /** What the mapping of that time made of it, where it made something. */
  readonly change?: Change;
  /** What was to be fetched from the vendor, of an event that is no more than a word of it. */
  readonly refresh?: Refresh;
  /** The vendor's event as the source's schema left it, unless it was too large to keep. */
  readonly event?: unknown;
}

const SHORT_ID_LENGTH = 12;
const shortId = (...parts: readonly string[]): string => digest(...parts).slice(0, SHORT_ID_LENGTH);

interface Common extends Pick<Envelope, 'source' | 'type' | 'eventId' | 'receivedAt' | 'event'> {
  readonly change?: Change | undefined;
  readonly refresh?: Refresh;
}

const keptOf = ({ source, type, eventId, receivedAt, change, refresh, event }: Common, reason: string): Kept => ({
  id: shortId(source, eventId),
  source,
  type,
  eventId,
  receivedAt,
  reason,
  ...(change !== undefined && { change }),
  ...(refresh !== undefined && { refresh }),
  ...(event !== undefined && { event }),
});

/** A message of one of the queues before deliver and refresh. */
const readMessage = (body: string): Common | undefined => readEnvelope(body) ?? readRefresh(body);

/** What a function keeps of a message that it cannot read. */
const Malformed = z.object({ body: z.string() });

/** A message that an older version could not read may be an envelope to this one. */
const keptInside = ({ reason, event }: RejectedEvent): Kept | undefined => {
  const inside = reason === 'ENVELOPE_MALFORMED' ? readMessage(Malformed.safeParse(event).data?.body ?? '') : undefined;
  return inside === undefined ? undefined : keptOf(inside, reason);
};

const parse = (body: string): unknown => {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
};

/** Never throws: a message that is none of ours is `UNREADABLE`, and its age is that of the message. */
export const readKept = ({ messageId, body, sentAt }: Held): Kept => {
  const rejected = RejectedEvent.safeParse(parse(body)).data;
  if (rejected !== undefined) {
    const kept = keptInside(rejected) ?? keptOf(rejected, rejected.reason);
    return rejected.status === undefined ? kept : { ...kept, status: rejected.status };
  }
  const givenUp = readMessage(body);
  if (givenUp !== undefined) return keptOf(givenUp, 'GIVEN_UP');
  const unknown = { source: 'unknown', type: 'unknown', eventId: '', receivedAt: sentAt };
  return { ...unknown, id: shortId(messageId), reason: 'UNREADABLE' };
};

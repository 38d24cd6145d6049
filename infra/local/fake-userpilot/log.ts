import type { Fault } from './faults.ts';
import { SlidingWindow } from './rate.ts';

/** Headers, and so keys, are not kept. */
export interface LoggedRequest {
  /** Epoch ms by the fake's clock, when the whole request had arrived. */
  readonly at: number;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** What was answered, or would have been before a reset; null when a fault left it without any answer. */
  readonly status: number | null;
  readonly keyOk: boolean;
  /** Parsed JSON, or the rows of an uploaded file. Absent for a bad key, as such a body is never parsed, and for old bodies past the log's memory. */
  readonly body?: unknown;
  /** The scripted fault that it met. */
  readonly fault?: Fault['kind'];
  /** Accepted, but not as sent. */
  readonly warnings?: readonly string[];
}

export interface Stats {
  /** Calls to identify and companies/identify with a good key, whatever became of them. */
  readonly identifyCalls: number;
  /** The most of them in any 60 s of the callers' time, all keys together: `advance` has no part in it. */
  readonly maxIdentifyPerMinute: number;
  /** Answers with 429, scripted ones too. */
  readonly rateLimited: number;
  /** Answers with any other 4xx. */
  readonly refused: number;
  /** Answers by status; `none` for requests that a fault left without one. */
  readonly answers: Readonly<Record<string, number>>;
}

const MAX_ENTRIES = 100_000;
/** Of request bodies, as sent: older ones are forgotten, so that bulk uploads do not pile up. */
const MAX_BODY_BYTES = 64_000_000;

interface Held {
  entry: LoggedRequest;
  bytes: number;
}

/** The newest requests, and counts of all of them. */
export class RequestLog {
  #held: Held[] = [];
  #bodyBytes = 0;
  readonly #answers = new Map<string, number>();
  readonly #lastMinute = new SlidingWindow(60_000);
  #identifyCalls = 0;
  #maxIdentifyPerMinute = 0;

  /** `at` in the callers' time, epoch ms. */
  countIdentify(at: number): void {
    this.#lastMinute.add(at);
    this.#identifyCalls += 1;
    this.#maxIdentifyPerMinute = Math.max(this.#maxIdentifyPerMinute, this.#lastMinute.countAt(at));
  }

  add(entry: LoggedRequest, bytes: number): void {
    this.#held.push({ entry, bytes });
    this.#bodyBytes += bytes;
    const status = String(entry.status ?? 'none');
    this.#answers.set(status, (this.#answers.get(status) ?? 0) + 1);
    if (this.#held.length >= 2 * MAX_ENTRIES) this.#held = this.#held.slice(-MAX_ENTRIES);
    if (this.#bodyBytes > MAX_BODY_BYTES) this.#forgetBodies();
  }

  /** Oldest first. */
  entries(limit = MAX_ENTRIES): readonly LoggedRequest[] {
    return this.#held.slice(-Math.min(limit, MAX_ENTRIES)).map(({ entry }) => entry);
  }

  stats(): Stats {
    const sum = (wanted: (status: number) => boolean) =>
      [...this.#answers].reduce((total, [status, count]) => (wanted(Number(status)) ? total + count : total), 0);
    return {
      identifyCalls: this.#identifyCalls,
      maxIdentifyPerMinute: this.#maxIdentifyPerMinute,
      rateLimited: sum((status) => status === 429),
      refused: sum((status) => status >= 400 && status < 500 && status !== 429),
      answers: Object.fromEntries(this.#answers),
    };
  }

  /** Frees half of the room at once, so that a long run does not pay for it with every request. */
  #forgetBodies(): void {
    for (const held of this.#held) {
      if (this.#bodyBytes <= MAX_BODY_BYTES / 2) return;
      const { body: _forgotten, ...entry } = held.entry;
      this.#bodyBytes -= held.bytes;
      held.entry = entry;
      held.bytes = 0;
    }
  }
}

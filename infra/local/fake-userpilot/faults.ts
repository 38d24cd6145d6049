import * as z from 'zod';

/** Only requests whose path starts so; the others pass unharmed and use nothing of the script up. */
const path = z.string().startsWith('/v1/').optional();

/** What can go wrong between a caller and Userpilot. Those with "effect" leave it done; the others happen before the key is looked at. */
export const Fault = z.discriminatedUnion('kind', [
  /** Any status, without effect. The body is Userpilot's error shape unless `body` says otherwise. */
  z.strictObject({
    kind: z.literal('status'),
    status: z.int().min(200).max(599),
    retryAfterSeconds: z.int().nonnegative().optional(),
    body: z.enum(['html', 'empty', 'malformed']).optional(),
    path,
  }),
  /** A redirect without effect; to the same address when no other is given. 307 when no status is given. */
  z.strictObject({
    kind: z.literal('redirect'),
    status: z.literal([301, 302, 303, 307, 308]).optional(),
    location: z.string().optional(),
    path,
  }),
  /** No answer until the fake closes; no effect. */
  z.strictObject({ kind: z.literal('hang'), path }),
  /** The connection is reset, without effect. */
  z.strictObject({ kind: z.literal('reset-before'), path }),
  /** Effect, then the connection is reset. */
  z.strictObject({ kind: z.literal('reset-after'), path }),
  /** The usual answer, later. `late`: its effect comes as late, even when the caller has hung up meanwhile. */
  z.strictObject({ kind: z.literal('delay'), ms: z.int().nonnegative(), late: z.boolean().optional(), path }),
  /** Effect, a good status, then a body byte by byte that never ends. */
  z.strictObject({ kind: z.literal('drip'), path }),
  /** Effect, a good status, a body of so many bytes: 8 MB when not given. */
  z.strictObject({ kind: z.literal('huge-body'), bytes: z.int().positive().max(100_000_000).optional(), path }),
  /** Effect, a good status, and a body that is not what was promised. */
  z.strictObject({ kind: z.enum(['ok-but-html', 'ok-but-empty', 'ok-but-malformed']), path }),
  /** Bulk submissions only: 202, then the job fails; in `validating`, or with so many rows done. */
  z.strictObject({ kind: z.literal('fail-job'), afterRows: z.int().nonnegative().optional(), path }),
]);
export type Fault = z.infer<typeof Fault>;

export interface Faults {
  /** The next `n` requests that the fault fits; scripts queue up behind one another. */
  next(n: number, fault: Fault): void;
  /** Every identify and track call of this user, until undefined lifts it. */
  forUser(userId: string, fault: Fault | undefined): void;
  /** Every request, until undefined lifts it. */
  always(fault: Fault | undefined): void;
  clear(): void;
}

const fits = (fault: Fault, requestPath: string): boolean =>
  requestPath.startsWith(fault.path ?? '/v1/') && (fault.kind !== 'fail-job' || requestPath.endsWith('/bulk_identify'));

/** The most specific wins: `next`, then `forUser`, then `always`. */
export class FaultScript implements Faults {
  #queue: { left: number; readonly fault: Fault }[] = [];
  readonly #users = new Map<string, Fault>();
  #standing: Fault | undefined;

  next(n: number, fault: Fault): void {
    this.#queue.push({ left: n, fault });
  }
  forUser(userId: string, fault: Fault | undefined): void {
    if (fault) this.#users.set(userId, fault);
    else this.#users.delete(userId);
  }
  always(fault: Fault | undefined): void {
    this.#standing = fault;
  }
  clear(): void {
    this.#queue = [];
    this.#users.clear();
    this.#standing = undefined;
  }

  /** The fault of this request, used up where it is counted. */
  take(requestPath: string, userId: string | undefined): Fault | undefined {
    const scripted = this.#queue.find(({ left, fault }) => left > 0 && fits(fault, requestPath));
    if (scripted) {
      scripted.left -= 1;
      this.#queue = this.#queue.filter(({ left }) => left > 0);
      return scripted.fault;
    }
    const others = [userId === undefined ? undefined : this.#users.get(userId), this.#standing];
    return others.find((fault) => fault !== undefined && fits(fault, requestPath));
  }
}

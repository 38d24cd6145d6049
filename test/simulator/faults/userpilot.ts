import { API_KEY_SECRET } from '../deliver-worker.ts';
import { RETURNING } from '../traffic.ts';
import { type MakeTrouble, reacting, storm } from '../trouble.ts';
import type { Reaction } from '../wire.ts';
import { HOUR, MINUTE, SECOND, START } from '../world.ts';

type Answer = Extract<Reaction, { kind: 'answer' }>;
const answer = (status: number, rest: Partial<Answer> = {}): Answer => ({ kind: 'answer', status, ...rest });
const retryAfter = (value: string): Partial<Answer> => ({ headers: { 'retry-after': value } });

const NEXT_KEY = 'invented-key-2';

/** Userpilot takes only another key from one moment on, and Secrets Manager holds it from another moment on. */
const rotation =
  (refusal: 401 | 403, knownAfterMs: readonly [least: number, most: number]): MakeTrouble =>
  (random) => {
    const at = random.between(MINUTE, 6 * MINUTE);
    const knownAt = Math.max(0, at + random.between(...knownAfterMs));
    return {
      script: ({ world, judge, vault }) => {
        world.after(at, () => judge.accept([NEXT_KEY], refusal));
        world.after(knownAt, () => vault.put(API_KEY_SECRET, { apiKey: NEXT_KEY }));
      },
    };
  };

/** From the first call on, so that nothing is known yet. */
const fromTheFirstCall = (longestMs: number, reaction: Reaction, share = 1): MakeTrouble => {
  return (random) => {
    const lasts = random.between(5 * MINUTE, longestMs);
    let first: number | undefined;
    return {
      react: ({ at }) => {
        first ??= at;
        return at - first < lasts && random.chance(share) ? reaction : undefined;
      },
    };
  };
};

/** Answers of one kind while others come too. */
const mixed: MakeTrouble = (random) => {
  const strikes = storm(random);
  const reactions = [answer(500), answer(429), { kind: 'reset', lands: 'yes' }, { kind: 'silence', lands: 'no' }] as const;
  return { react: ({ at }) => (strikes(at) ? random.pick(reactions) : undefined) };
};

/** What seemed to fail had its effect, and for a while Userpilot refuses whatever else comes for the same user or company. */
const refusedLater: MakeTrouble = (random) => {
  const until = new Map<string, number>();
  return {
    traffic: { ...RETURNING, flips: 1, kinds: 3, users: 3, events: 60, spanMs: 20 * MINUTE },
    react: ({ at, body }) => {
      const entity = Object.values(JSON.parse(body) as Record<string, unknown>)[0]; // the id comes first
      if (typeof entity !== 'string') return undefined;
      if (at < (until.get(entity) ?? 0)) return answer(400);
      if (at > START + 15 * MINUTE || random.chance(0.6)) return undefined;
      until.set(entity, at + random.between(20, 90) * SECOND);
      return { kind: 'silence', lands: 'yes' };
    },
  };
};

/** What Userpilot, and what stands between us and Userpilot, can do to a call. */
export const userpilotFaults = {
  '429 without Retry-After': reacting(answer(429)),
  '429 with Retry-After': reacting((random) => answer(429, retryAfter(String(1 + random.below(120))))),
  '429 with a date in Retry-After': reacting((random, at) =>
    answer(429, retryAfter(new Date(at + random.between(0, 120) * SECOND).toUTCString())),
  ),
  '500': reacting(answer(500)),
  '500 after the effect': reacting(answer(500, { lands: true })),
  '502 with a page': reacting(answer(502, { headers: { 'content-type': 'text/html' }, body: '<h1>Bad gateway</h1>' })),
  '503': reacting(answer(503)),
  '503 with Retry-After': reacting((random) => answer(503, retryAfter(String(1 + random.below(600))))),
  '400': reacting(answer(400)),
  '413': reacting(answer(413)),
  '422 for some events': () => ({ traffic: { poison: 0.25 } }),
  '401 until rotation': rotation(401, [0, 30 * MINUTE]),
  '401 with the new key already known': rotation(401, [-4 * MINUTE, 0]),
  '403 until rotation': rotation(403, [0, 30 * MINUTE]),
  'timeout before the effect': reacting({ kind: 'silence', lands: 'no' }),
  'timeout after the effect': reacting({ kind: 'silence', lands: 'yes' }),
  'timeout after the effect, then refused': refusedLater,
  'effect after the timeout': reacting({ kind: 'silence', lands: 'later' }),
  'reset before the effect': reacting({ kind: 'reset', lands: 'no' }),
  'reset after the effect': reacting({ kind: 'reset', lands: 'yes' }),
  'half-open: a few calls get through': fromTheFirstCall(40 * MINUTE, answer(503), 0.85),
  'down for hours': fromTheFirstCall(9 * HOUR, { kind: 'no way', code: 'ECONNREFUSED' }),
  'dripping body': reacting({ kind: 'drip' }),
  'huge body': reacting({ kind: 'flood' }),
  'malformed answer with 200': reacting(answer(200, { body: '{"errors":' })),
  'empty answer with 200': reacting(answer(200, { body: '' })),
  'HTML answer with 200': reacting(
    answer(200, { headers: { 'content-type': 'text/html; charset=utf-8' }, body: '<title>Hello</title>', lands: false }),
  ),
  redirect: reacting(answer(302, { headers: { location: 'https://elsewhere.example/' }, body: '' })),
  'DNS failure': reacting({ kind: 'no way', code: 'ENOTFOUND' }),
  'no connection in time': reacting({ kind: 'no way', code: 'UND_ERR_CONNECT_TIMEOUT' }),
  'certificate refused': reacting({ kind: 'no way', code: 'CERT_HAS_EXPIRED' }),
  'mixed failures': mixed,
} as const satisfies Record<string, MakeTrouble>;

import * as z from 'zod';
import { type Answer, refuse } from './errors.ts';
import { Fault, type FaultScript } from './faults.ts';
import type { RequestLog } from './log.ts';
import { decodeSegment } from './route.ts';
import type { World } from './world.ts';

/** For people and other processes; Userpilot has none of it. */
const INDEX = {
  service: 'a fake Userpilot: the API under /v1 behaves as docs.userpilot.com says, the rest is for looking inside',
  routes: {
    'GET /_/users': 'stored users',
    'GET /_/users/{id}': 'one user, 404 when there is none',
    'GET /_/companies': 'stored companies',
    'GET /_/companies/{id}': 'one company, 404 when there is none',
    'GET /_/jobs': 'bulk jobs of all keys, newest first',
    'GET /_/requests': 'the request log, oldest first; ?limit=20 for the newest 20',
    'GET /_/stats': 'counts',
    'POST /_/advance': '{"ms": 60000} moves the clock forward',
    'POST /_/faults':
      '{"fault": {"kind": "status", "status": 503}, "next": 3}; "user": "an id" instead of "next" for one user, neither for all',
    'DELETE /_/faults': 'clears all faults',
  },
} as const;

const Advance = z.strictObject({ ms: z.number().nonnegative() });
const Script = z.strictObject({ fault: Fault, next: z.int().positive().optional(), user: z.string().min(1).optional() });

export interface Inside {
  readonly world: World;
  readonly log: RequestLog;
  readonly faults: FaultScript;
  readonly now: () => number;
  readonly advance: (ms: number) => void;
}

interface Question {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly json: unknown;
}

const ok = (body: unknown): Answer => ({ status: 200, body });
const oneOf = (found: unknown): Answer => (found === undefined ? refuse(404, 'there is none') : ok(found));

const read = ({ path, query }: Question, { world, log, now }: Inside): Answer | undefined => {
  const at = now();
  world.settle(at);
  const { profiles, jobs } = world;
  const [, collection = '', segment] = /^\/_\/(users|companies)\/(.+)$/.exec(path) ?? [];
  const id = decodeSegment(segment ?? '');
  if (collection === 'users') return oneOf(id === undefined ? id : profiles.user(id));
  if (collection === 'companies') return oneOf(id === undefined ? id : profiles.company(id));
  switch (path) {
    case '/':
      return ok(INDEX);
    case '/_/users':
      return ok(profiles.users());
    case '/_/companies':
      return ok(profiles.companies());
    case '/_/jobs':
      return ok(jobs.list(undefined, at));
    case '/_/requests': {
      const limit = z.coerce.number().int().positive().safeParse(new URLSearchParams(query).get('limit'));
      return ok(log.entries(limit.data));
    }
    case '/_/stats':
      return ok({ ...profiles.counts(), ...log.stats() });
    default:
      return undefined;
  }
};

const change = ({ method, path, json }: Question, { faults, now, advance }: Inside): Answer | undefined => {
  if (method === 'POST' && path === '/_/advance') {
    const { data, error } = Advance.safeParse(json);
    if (!data) return refuse(400, z.prettifyError(error));
    advance(data.ms);
    return ok({ now: new Date(now()).toISOString() });
  }
  if (method === 'POST' && path === '/_/faults') {
    const { data, error } = Script.safeParse(json);
    if (!data) return refuse(400, z.prettifyError(error));
    if (data.next !== undefined) faults.next(data.next, data.fault);
    else if (data.user !== undefined) faults.forUser(data.user, data.fault);
    else faults.always(data.fault);
    return ok({ scripted: data });
  }
  if (method === 'DELETE' && path === '/_/faults') {
    faults.clear();
    return ok({ scripted: null });
  }
  return undefined;
};

export const inspect = (question: Question, inside: Inside): Answer =>
  (question.method === 'GET' ? read(question, inside) : change(question, inside)) ?? refuse(404, 'GET / lists what there is');

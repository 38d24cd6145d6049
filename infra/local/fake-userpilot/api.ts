import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Body } from './body.ts';
import { BULK_ROUTES, JOB_PATH } from './bulk.ts';
import { type Answer, refuse } from './errors.ts';
import type { Knobs } from './knobs.ts';
import { createLimits } from './rate.ts';
import { REALTIME_ROUTES } from './realtime.ts';
import type { Call, Route } from './route.ts';
import type { World } from './world.ts';

const ROUTES: Readonly<Record<string, Route>> = { ...REALTIME_ROUTES, ...BULK_ROUTES };

export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}
/** Whom a key stands for. */
export type Caller = Pick<Call, 'scope' | 'world'>;

const routeOf = ({ method, path }: ApiRequest): Route | undefined =>
  ROUTES[`${method} ${path.startsWith(JOB_PATH) && path !== JOB_PATH ? JOB_PATH : path}`];

/** Whether a call draws on the identify allowance. */
export const isIdentify = (request: ApiRequest): boolean => routeOf(request)?.bucket === 'identify';

export interface ApiOptions {
  readonly apiKeys: () => readonly string[];
  readonly knobs: Knobs;
  readonly world: World;
  /** Where the calls of `knobs.invisibleKeys` end. */
  readonly hiddenWorld: World;
}

export interface Api {
  /** Absent for a missing, malformed or unknown key, and for an App Token (`NX-…`), which belongs to the browser script. */
  callerOf(headers: IncomingHttpHeaders): Caller | undefined;
  /** The checks of Userpilot in order: key, route, allowance, headers, body. */
  answer(request: ApiRequest, caller: Caller | undefined, rest: Pick<Call, 'at' | 'jobFails'> & { readonly body: Body }): Answer;
}

export const createApi = ({ apiKeys, knobs, world, hiddenWorld }: ApiOptions): Api => {
  const admit = createLimits(knobs);
  const scopeOf = (key: string) =>
    knobs.keysShareAllowance ? 'shared' : createHash('sha256').update(key).digest('hex').slice(0, 16);
  const isDemanded = (name: string) => (name === 'accept' ? knobs.requireAcceptHeader : knobs.requireVersionHeader);
  const retryAfter: Record<string, string> =
    knobs.retryAfterSeconds === null ? {} : { 'retry-after': String(knobs.retryAfterSeconds) };
  return {
    callerOf: ({ authorization = '' }) => {
      const key = /^token +(\S+)$/i.exec(authorization)?.[1];
      if (key === undefined || key.startsWith('NX-')) return undefined;
      if (apiKeys().includes(key)) return { scope: scopeOf(key), world };
      return knobs.invisibleKeys.includes(key) ? { scope: scopeOf(key), world: hiddenWorld } : undefined;
    },
    answer: (request, caller, rest) => {
      if (!caller) return refuse(401, 'the API key is missing or not valid here');
      const route = routeOf(request);
      if (!route) return refuse(404, 'no such endpoint');
      if (route.bucket && !admit(route.bucket, caller.scope, rest.at)) return refuse(429, 'too many requests', retryAfter);
      for (const [name, pattern] of Object.entries(route.required)) {
        if (isDemanded(name) && !pattern.test(String(request.headers[name] ?? '')))
          return refuse(400, `header ${name} is missing or unknown`);
      }
      caller.world.settle(rest.at);
      return route.handle({ ...request, ...caller, ...rest, knobs });
    },
  };
};

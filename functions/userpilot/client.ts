import * as z from 'zod';
import type { Identify, IdentifyCompany, IdentifyUser, Properties } from '../core/calls.ts';
import { DeliveryError } from '../core/errors.ts';
import { createHttp, type Http } from './http.ts';

/** `docs` pages and the OpenAPI text disagree on the rest of a job; only these two members are safe to rely on. */
const Job = z.looseObject({
  /** Opaque: a bare UUID or `bulk:jobs:<token>:<uuid>`. */
  job_id: z.string().min(1),
  /** queued, validating, processing, pending_refresh, completed or failed; new ones may appear. */
  status: z.string(),
  /** Strings in import jobs, numbers in bulk jobs. */
  total_rows: z.coerce.number().nullish().catch(undefined),
  completed_rows: z.coerce.number().nullish().catch(undefined),
  start_time: z.string().nullish().catch(undefined),
});
export type Job = z.infer<typeof Job>;
/** A bare array today; the page calls it paginated, so a wrapped one is read as well. */
const Jobs = z.union([z.array(Job), z.looseObject({ data: z.array(Job) }).transform(({ data }) => data)]);

export interface BulkUser {
  readonly user_id: string;
  /** A flat key here; `company: { id }` belongs to the single call. */
  readonly company_id?: string;
  readonly metadata?: Properties;
}
export interface BulkCompany {
  readonly company_id: string;
  readonly metadata?: Properties;
}

/** One function per endpoint. All throw a DeliveryError; `apiKey` comes with each call because it rotates. */
export interface Userpilot {
  /** POST /v1/identify or /v1/companies/identify, whichever the call is. An upsert: safe to repeat. */
  identify(call: Identify, apiKey: string): Promise<void>;
  /** POST /v1/users/bulk_identify with 1 to 10,000 rows. Not safe to repeat blindly: one job may run at a time. */
  bulkIdentifyUsers(users: readonly BulkUser[], apiKey: string): Promise<Job>;
  /** POST /v1/companies/bulk_identify with 1 to 10,000 rows. */
  bulkIdentifyCompanies(companies: readonly BulkCompany[], apiKey: string): Promise<Job>;
  /** GET /v1/background_jobs/{id} */
  job(jobId: string, apiKey: string): Promise<Job>;
  /** GET /v1/background_jobs: bulk jobs and imports, in no promised order. */
  jobs(apiKey: string): Promise<readonly Job[]>;
  /** DELETE /v1/users: carried out at the next 02:00 UTC. At most one call every two seconds. */
  deleteUsers(userIds: readonly string[], apiKey: string): Promise<void>;
  /** DELETE /v1/companies: likewise. */
  deleteCompanies(companyIds: readonly string[], apiKey: string): Promise<void>;
}

/** Ten thousand rows are some megabytes. */
const BULK_TIMEOUT_MS = 60_000;

const userBody = ({ kind: _, ...body }: IdentifyUser) => body;
const companyBody = ({ kind: _, ...body }: IdentifyCompany) => body;

/** A bulk or job answer that names no job cannot be followed: not a success. */
const parsed = <T>(schema: z.ZodType<T>, answer: unknown): T => {
  const result = schema.safeParse(answer);
  if (!result.success) throw new DeliveryError('UNEXPECTED');
  return result.data;
};

/** @param baseUrl from `UserpilotBaseUrl` in core/settings.ts */
export const createUserpilot = (baseUrl: string, http: Http = createHttp(baseUrl)): Userpilot => {
  const post = (path: string, body: unknown, apiKey: string) => http({ method: 'POST', path, body, apiKey });
  const bulk = (path: string, body: unknown, apiKey: string) =>
    http({ method: 'POST', path, body, apiKey, timeoutMs: BULK_TIMEOUT_MS });
  return {
    async identify(call, apiKey) {
      if (call.kind === 'identifyUser') await post('/v1/identify', userBody(call), apiKey);
      else await post('/v1/companies/identify', companyBody(call), apiKey);
    },
    bulkIdentifyUsers: async (users, apiKey) => parsed(Job, await bulk('/v1/users/bulk_identify', { users }, apiKey)),
    bulkIdentifyCompanies: async (companies, apiKey) =>
      parsed(Job, await bulk('/v1/companies/bulk_identify', { companies }, apiKey)),
    // Colons and all: the id is one path segment. Lone surrogates would make encodeURIComponent throw.
    job: async (jobId, apiKey) =>
      parsed(Job, await http({ method: 'GET', path: `/v1/background_jobs/${encodeURIComponent(jobId.toWellFormed())}`, apiKey })),
    jobs: async (apiKey) => parsed(Jobs, await http({ method: 'GET', path: '/v1/background_jobs', apiKey })),
    async deleteUsers(userIds, apiKey) {
      await http({ method: 'DELETE', path: '/v1/users', body: { users: userIds }, apiKey });
    },
    async deleteCompanies(companyIds, apiKey) {
      await http({ method: 'DELETE', path: '/v1/companies', body: { companies: companyIds }, apiKey });
    },
  };
};

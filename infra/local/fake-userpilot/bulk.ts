import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { type Answer, refuse } from './errors.ts';
import type { Row } from './jobs.ts';
import { type Call, decodeSegment, Id, Metadata, type Route } from './route.ts';
import { splitProperties } from './values.ts';

/** docs.userpilot.com/api-references/bulk-updates/users */
const MAX_ROWS = 10_000;

const UserRow = z
  .looseObject({ user_id: Id, company_id: Id.optional(), metadata: Metadata.optional() })
  .transform(({ user_id, company_id, metadata = {} }) => {
    const { properties, nested } = splitProperties(metadata);
    const company = company_id === undefined ? {} : { company: { company_id, properties: {} } };
    return { row: { user: { user_id, properties, ...company } } satisfies Row, nested };
  });
const CompanyRow = z.looseObject({ company_id: Id, metadata: Metadata.optional() }).transform(({ company_id, metadata = {} }) => {
  const { properties, nested } = splitProperties(metadata);
  return { row: { company: { company_id, properties } } satisfies Row, nested };
});
const ROW = { users: UserRow, companies: CompanyRow } as const;
type Kind = keyof typeof ROW;

interface Upload {
  readonly rows: readonly unknown[];
  readonly filename: string;
  readonly bytes: number;
}

const uploadOf = ({ body }: Call, kind: Kind): Upload | Answer => {
  if (body.kind === 'file') return { rows: body.rows, filename: body.name, bytes: body.bytes };
  if (body.kind === 'too-large') return refuse(413, 'more than 50 MB');
  if (body.kind === 'unreadable') return refuse(400, body.why);
  const rows = body.kind === 'json' ? Metadata.safeParse(body.value).data?.[kind] : undefined;
  if (body.kind !== 'json' || !Array.isArray(rows)) return refuse(400, `an object with an array "${kind}" is expected`);
  return { rows, filename: '', bytes: body.bytes };
};

const submit = (kind: Kind) => (call: Call) => {
  const { world, knobs, at, scope } = call;
  const upload = uploadOf(call, kind);
  if ('status' in upload) return upload;
  if (upload.rows.length > MAX_ROWS) return refuse(413, `more than ${MAX_ROWS} rows`);
  if (upload.rows.length === 0) return refuse(400, 'no rows');

  const rows = upload.rows.map((row) => ROW[kind].safeParse(row).data);
  const bad = rows.indexOf(undefined);
  if (bad >= 0 && knobs.badBulkRows === 'refuse')
    return refuse(400, `row ${bad + 1} is not an object with its id and flat metadata`);
  if (world.jobs.isBusy(scope)) return refuse(409, 'another bulk job is still running');

  const nested = rows.some((row) => row && row.nested.length > 0);
  const fails = bad >= 0 || (nested && knobs.nestedValues === 'refuse') ? 'validating' : call.jobFails;
  // The colon form, of the two that are documented: a caller that does not encode its path segments shows here.
  const id = `bulk:jobs:NX-fake:${randomUUID()}`;
  const kept = rows.map((row) => (row && row.nested.length === 0 ? row.row : null));
  const order = { id, scope, kind, filename: upload.filename, fileSize: upload.bytes, rows: kept };
  world.run({ op: 'job', at, order: fails === undefined ? order : { ...order, fails } });
  return { status: 202, body: world.jobs.find(scope, id, at), warnings: nested ? ['rows with nested values are skipped'] : [] };
};

export const JOB_PATH = '/v1/background_jobs/';

const findJob = ({ world, scope, path, at }: Call): Answer => {
  const id = decodeSegment(path.slice(JOB_PATH.length));
  const job = id === undefined ? undefined : world.jobs.find(scope, id, at);
  return job ? { status: 200, body: job } : refuse(404, 'no such job');
};

const listJobs = ({ world, scope, at }: Call): Answer => ({ status: 200, body: world.jobs.list(scope, at) });

const ACCEPTS = { accept: /application\/json/ } as const;

/** A job's own page stands under `JOB_PATH` without an id. */
export const BULK_ROUTES: Readonly<Record<string, Route>> = {
  'POST /v1/users/bulk_identify': { required: ACCEPTS, handle: submit('users') },
  'POST /v1/companies/bulk_identify': { required: ACCEPTS, handle: submit('companies') },
  'GET /v1/background_jobs': { required: {}, handle: listJobs },
  [`GET ${JOB_PATH}`]: { required: {}, handle: findJob },
};

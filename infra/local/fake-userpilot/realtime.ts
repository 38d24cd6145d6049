import * as z from 'zod';
import { type Answer, refuse } from './errors.ts';
import { Id, Metadata, type Route, withJson } from './route.ts';
import type { CompanyWrite } from './store.ts';
import { splitProperties } from './values.ts';

/** Required on identify, track and delete; the one value that is known. */
const VERSIONED = { 'x-api-version': /^2020-09-22$/ } as const;

const warningsFor = (where: string, nested: readonly string[]): readonly string[] =>
  nested.map((name) => `${where}.${name}: nested value dropped`);
const refuseNested = (warnings: readonly string[]): Answer =>
  refuse(400, warnings.join('; ').replaceAll('dropped', 'not allowed'));
const accept = (status: number, warnings: readonly string[]): Answer => ({ status, body: {}, warnings });

const IdentifyBody = z.looseObject({ user_id: Id, metadata: Metadata.optional(), company: Metadata.optional() });

/** docs.userpilot.com/api-references/real-time/identify-user */
const identify = withJson(IdentifyBody, ({ user_id, metadata = {}, company }, { world, knobs, at }) => {
  const { properties, nested } = splitProperties(metadata);
  const warnings = [...warningsFor('metadata', nested)];
  let attached: CompanyWrite | undefined;
  if (company !== undefined) {
    const { id, ...rest } = knobs.acceptCompanyIdKey && company.id === undefined ? renamed(company) : company;
    const companyId = Id.safeParse(id);
    if (!companyId.success) return refuse(400, 'company.id: a company is given without its id');
    const split = splitProperties(rest);
    warnings.push(...warningsFor('company', split.nested));
    attached = { company_id: companyId.data, properties: split.properties };
  }
  if (warnings.length > 0 && knobs.nestedValues === 'refuse') return refuseNested(warnings);
  world.run({ op: 'user', at, user: { user_id, properties, ...(attached && { company: attached }) } });
  return accept(202, warnings);
});

const renamed = ({ company_id, ...rest }: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
  id: company_id,
  ...rest,
});

/** docs.userpilot.com/api-references/real-time/identify-company */
const identifyCompany = withJson(
  z.looseObject({ company_id: Id, metadata: Metadata.optional() }),
  ({ company_id, metadata = {} }, call) => {
    const { properties, nested } = splitProperties(metadata);
    const warnings = warningsFor('metadata', nested);
    if (nested.length > 0 && call.knobs.nestedValues === 'refuse') return refuseNested(warnings);
    call.world.run({ op: 'company', at: call.at, company: { company_id, properties } });
    return accept(call.knobs.companyIdentifyStatus, warnings);
  },
);

/** Accepted for anybody, as documented; the request log keeps the event. docs.userpilot.com/api-references/real-time/track-event */
const track = withJson(
  z.looseObject({ user_id: Id, event_name: Id, metadata: Metadata.optional() }),
  ({ user_id, metadata = {} }, call) => {
    const warnings = warningsFor('metadata', splitProperties(metadata).nested);
    if (warnings.length > 0 && call.knobs.nestedValues === 'refuse') return refuseNested(warnings);
    return accept(202, call.world.profiles.user(user_id) ? warnings : [...warnings, 'unknown user']);
  },
);

const scheduled = (count: number): Answer => ({ status: 202, body: { message: `${count} entities scheduled for deletion` } });

/** Takes effect at the next nightly run: docs.userpilot.com/api-references/delete/overview */
const deleteUsers = withJson(z.looseObject({ users: z.array(Id).min(1) }), ({ users }, { world, at }) => {
  world.run({ op: 'delete', at, kind: 'users', ids: users });
  return scheduled(users.length);
});
const deleteCompanies = withJson(z.looseObject({ companies: z.array(Id).min(1) }), ({ companies }, { world, at }) => {
  world.run({ op: 'delete', at, kind: 'companies', ids: companies });
  return scheduled(companies.length);
});

export const REALTIME_ROUTES: Readonly<Record<string, Route>> = {
  'POST /v1/identify': { bucket: 'identify', required: VERSIONED, handle: identify },
  'POST /v1/companies/identify': { bucket: 'identify', required: { accept: /application\/json/ }, handle: identifyCompany },
  'POST /v1/track': { bucket: 'track', required: VERSIONED, handle: track },
  'DELETE /v1/users': { bucket: 'delete', required: VERSIONED, handle: deleteUsers },
  'DELETE /v1/companies': { bucket: 'delete', required: VERSIONED, handle: deleteCompanies },
  // On no page of the documentation; Segment's destination uses it to test a key.
  'GET /v1/validate': { required: {}, handle: () => accept(200, []) },
};

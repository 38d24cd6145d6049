import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import type { ApiRequest, Directory, VendorApi } from './directory.ts';

/** The service's own default, and the most that its other clients ask for. */
const PAGE_SIZE = 100;
/** Asked for after a 429: docs.descope.com/rate-limiting */
const REST_SECONDS = 60;

const Users = z.object({ users: z.array(z.unknown()) });
const Tenants = z.object({ tenants: z.array(z.unknown()) });

const ask = async <T>(api: VendorApi, request: ApiRequest, schema: z.ZodType<T>): Promise<T> => {
  const { status, body } = await api({ method: 'POST', ...request });
  if (status !== 200) throw new VendorError('UNEXPECTED', { status });
  return schema.parse(body);
};

/** Actions that no audit record has, with members that none has either. */
const ofUser = (user: unknown) => ({ action: 'fetched.user', user });
const ofTenant = (tenant: unknown) => ({ action: 'fetched.tenant', tenant });

/**
 * The management API. One user or tenant is asked for by calls that answer a list: an empty one says that there is none, while
 * the status of the calls for one alone is not documented.
 */
export const descopeDirectory: Directory = {
  hosts: ({ api = 'https://api.descope.com' }) => [api],
  credential: ['projectId', 'managementKey'],
  authorize: ({ credential: { projectId, managementKey } }) => ({
    headers: { authorization: `Bearer ${projectId}:${managementKey}` },
  }),
  // The lower of the two limits that the documentation has had is 200 a minute: half of it.
  pace: { intervalMs: 600, burst: 5 },
  retryAfterSeconds: ({ status, headers }) => (status === 429 && headers['retry-after'] === undefined ? REST_SECONDS : undefined),
  fetch: async (api, { subject, id, creates }) => {
    const [found] =
      subject === 'tenant'
        ? (await ask(api, { url: '/v1/mgmt/tenant/search', body: { tenantIds: [id] } }, Tenants)).tenants.map(ofTenant)
        : (await ask(api, { url: '/v1/mgmt/users/load', body: { userIds: [id] } }, Users)).users.map(ofUser);
    return found && { ...found, ...(creates && { creates }) };
  },
  gone: ({ subject, id }, at) =>
    subject === 'tenant'
      ? { action: 'TenantDeleted', tenants: [id], occurred: at.getTime() }
      : { action: 'UserDeleted', userId: id, occurred: at.getTime() },
  list: async (api, cursor = '0', { since, settings }) => {
    const body = {
      limit: PAGE_SIZE,
      page: Number(cursor),
      // Pages of a list in no order may repeat some and pass others over.
      sort: [{ field: 'createdTime', desc: false }],
      withTestUser: settings.testEvents === 'deliver',
      // Milliseconds in the vendor's libraries; a page of the documentation says seconds.
      ...(since !== undefined && { fromModifiedTime: since.getTime() }),
    };
    const { users } = await ask(api, { url: '/v2/mgmt/user/search', body }, Users);
    // The largest page is not documented, so that a short one need not be the last.
    return { records: users.map(ofUser), ...(users.length > 0 && { next: String(body.page + 1) }) };
  },
};

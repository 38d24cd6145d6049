import * as z from 'zod';
import type { FakeAnswer, FakeUser, FakeVendor, FakeWorld } from './vendor.ts';

const CREDENTIAL = { projectId: 'P2inventedproject', managementKey: 'K2inventedkey' };
const MAX_LIMIT = 100;

const Search = z.looseObject({
  limit: z.int().min(0).max(MAX_LIMIT).default(MAX_LIMIT),
  page: z.int().min(0).default(0),
  sort: z.tuple([z.object({ field: z.literal('createdTime'), desc: z.literal(false) })]).optional(),
  fromModifiedTime: z.number().default(0),
});
const Load = z.object({ userIds: z.array(z.string()).min(1).max(MAX_LIMIT) });
const Tenants = z.object({ tenantIds: z.array(z.string()).min(1).max(MAX_LIMIT) });

const seconds = (date: Date): number => Math.floor(date.getTime() / 1000);

const toUser = ({ who, createdAt }: FakeUser) => ({
  userId: who.id,
  loginIds: [who.email, '+15555550142'],
  email: who.email,
  verifiedEmail: true,
  name: `${who.firstName} ${who.lastName}`,
  givenName: who.firstName,
  familyName: who.lastName,
  phone: '+15555550142',
  picture: 'https://images.example.com/invented.png',
  status: 'enabled',
  createdTime: seconds(createdAt),
  roleNames: ['Invented Role'],
  userTenants: [{ tenantId: who.companyId, tenantName: who.companyName, roleNames: ['Tenant Admin'] }],
  customAttributes: {},
  test: false,
  password: false,
});

/** The tenants of those whom `npm run send` invents are known like the people themselves. */
const INVENTED = /^invented-company-(\d{5,})$/;

const toTenant = (id: string, { users, now }: FakeWorld): readonly object[] => {
  const number = INVENTED.exec(id)?.[1];
  const name = users.find(({ who }) => who.companyId === id)?.who.companyName ?? (number && `Invented Company ${Number(number)}`);
  return name ? [{ id, name, selfProvisioningDomains: [], customAttributes: {}, createdTime: seconds(now()) }] : [];
};

const invalid: FakeAnswer = { status: 400, body: { errorCode: 'E011001', errorDescription: 'Request is invalid' } };

/** docs.descope.com/api/management */
export const fakeDescope: FakeVendor = {
  id: 'descope',
  credential: CREDENTIAL,
  limit: { calls: 200, perMs: 60_000 },
  answer: ({ method, path, headers, body }, world) => {
    if (headers.authorization !== `Bearer ${CREDENTIAL.projectId}:${CREDENTIAL.managementKey}`)
      return { status: 401, body: { errorCode: 'E011003', errorDescription: 'Request is not authorized' } };
    const asked = method === 'POST' ? path : '';
    if (asked === '/v2/mgmt/user/search') {
      const { data } = Search.safeParse(body);
      if (data === undefined) return invalid;
      const found = world.users.filter(({ updatedAt }) => updatedAt.getTime() >= data.fromModifiedTime);
      const page = found.slice(data.page * data.limit, (data.page + 1) * data.limit);
      return { status: 200, body: { users: page.map(toUser) } };
    }
    if (asked === '/v1/mgmt/users/load') {
      const { data } = Load.safeParse(body);
      return data === undefined
        ? invalid
        : { status: 200, body: { users: data.userIds.flatMap((id) => world.user(id) ?? []).map(toUser) } };
    }
    if (asked === '/v1/mgmt/tenant/search') {
      const { data } = Tenants.safeParse(body);
      return data === undefined
        ? invalid
        : { status: 200, body: { tenants: data.tenantIds.flatMap((id) => toTenant(id, world)) } };
    }
    return { status: 404, body: { errorCode: 'E011005', errorDescription: 'Not found' } };
  },
};

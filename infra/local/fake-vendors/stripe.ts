import { customerOf, subscriptionOf } from '../../../functions/sources/stripe.sender.ts';
import type { FakeAnswer, FakeRequest, FakeUser, FakeVendor, FakeWorld } from './vendor.ts';

const KEY = 'rk_invented_restricted_key';
const MAX_PAGE = 100;

const secondsOf = (moment: Date): number => Math.floor(moment.getTime() / 1000);

const subjectOf = ({ who, createdAt }: FakeUser) => ({ who, created: secondsOf(createdAt) });
/** Its metadata name nobody: those of its customer do. */
const subscription = (user: FakeUser) => ({ ...subscriptionOf(subjectOf(user), 'active'), metadata: {} });

const failure = (status: number, code: string, message: string, param?: string): FakeAnswer => ({
  status,
  body: { error: { code, message, param, type: 'invalid_request_error', doc_url: `https://stripe.example/${code}` } },
});

const listCustomers = ({ query }: FakeRequest, { users }: FakeWorld): FakeAnswer => {
  const limit = Number(query.get('limit') ?? 10);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE)
    return failure(400, 'parameter_invalid_integer', 'This value must be between 1 and 100', 'limit');
  const until = Number(query.get('created[lte]') ?? Number.POSITIVE_INFINITY);
  const expanded = query.getAll('expand[]').includes('data.subscriptions');
  const found = users.toReversed().filter(({ createdAt }) => secondsOf(createdAt) <= until);
  const after = query.get('starting_after');
  const start = after === null ? 0 : found.findIndex(({ who }) => `cus_${who.id}` === after) + 1;
  if (after !== null && start === 0) return failure(400, 'resource_missing', `No such customer: '${after}'`, 'starting_after');
  const data = found.slice(start, start + limit).map((user) => ({
    ...customerOf(subjectOf(user)),
    ...(expanded && { subscriptions: { object: 'list', data: [subscription(user)], has_more: false } }),
  }));
  return { status: 200, body: { object: 'list', url: '/v1/customers', has_more: start + limit < found.length, data } };
};

const ONE = /^\/v1\/(customer|subscription)s\/(?:cus|sub)_([^/]+)$/;

/** `GET /v1/customers` and one customer or subscription: docs.stripe.com/api */
export const fakeStripe: FakeVendor = {
  id: 'stripe',
  credential: { key: KEY },
  limit: { calls: 25, perMs: 1000 },
  answer: (request, world) => {
    const { method, path, query, headers } = request;
    if (headers.authorization !== `Bearer ${KEY}`) return failure(401, 'api_key_invalid', 'Invalid API Key provided');
    if (!headers['stripe-version']) return failure(400, 'parameter_missing', 'no version: answers would change with the account');
    if (method === 'GET' && path === '/v1/customers') return listCustomers(request, world);
    const [, kind, id = ''] = ONE.exec(path) ?? [];
    const user = kind === undefined ? undefined : world.user(decodeURIComponent(id));
    if (user === undefined) return failure(404, 'resource_missing', `No such ${kind ?? 'resource'}: '${id}'`, 'id');
    const customer = customerOf(subjectOf(user));
    if (kind === 'customer') return { status: 200, body: customer };
    return { status: 200, body: { ...subscription(user), ...(query.get('expand[]') === 'customer' && { customer }) } };
  },
};

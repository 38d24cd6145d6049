import * as z from 'zod';
import type { FakeAnswer, FakeUser, FakeVendor, FakeWorld } from './vendor.ts';

const MAX_LIMIT = 60;
/** What the operation's name and the place of the signature say of an AWS service. */
const TARGET = 'AWSCognitoIdentityProviderService.ListUsers';
const SIGNED =
  /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/[a-z0-9-]+\/cognito-idp\/aws4_request, SignedHeaders=[^,]+, Signature=[0-9a-f]{64}$/;

const Request = z.strictObject({
  UserPoolId: z.string().regex(/^[\w-]+_[0-9a-zA-Z]+$/),
  Limit: z.int().min(0).max(MAX_LIMIT).default(MAX_LIMIT),
  PaginationToken: z.string().min(1).optional(),
});

/** As ListUsers writes a user, with the attributes that must never get through. */
const toUser = ({ who, createdAt, updatedAt }: FakeUser) => ({
  Username: `name-of-${who.id}`,
  Attributes: Object.entries({
    sub: who.id,
    email: who.email,
    email_verified: 'true',
    phone_number: '+15555550142',
    given_name: who.firstName,
    family_name: who.lastName,
    birthdate: '1970-01-01',
    address: 'Invented Street 4',
    identities: '[{"userId":"invented-google-id","providerName":"Google"}]',
    'custom:company_id': who.companyId,
    'custom:company_name': who.companyName,
  }).map(([Name, Value]) => ({ Name, Value })),
  UserCreateDate: createdAt.getTime() / 1000,
  UserLastModifiedDate: updatedAt.getTime() / 1000,
  Enabled: true,
  UserStatus: 'CONFIRMED',
});

const json = (status: number, body: unknown): FakeAnswer => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.1' },
  body,
});
const refuse = (type: string): FakeAnswer => json(400, { __type: type, message: 'invented message' });

/** Good for one place, and for requests like the one that it came from. */
const tokenOf = (request: z.infer<typeof Request>, from: number): string =>
  Buffer.from(JSON.stringify([request.UserPoolId, request.Limit, from])).toString('base64url');

const listed = (request: z.infer<typeof Request>, users: readonly FakeUser[]): FakeAnswer => {
  const { Limit, PaginationToken } = request;
  // Any place that a token of such a request could be of.
  const places = Array.from({ length: Math.floor(users.length / Limit) + 1 }, (_, page) => page * Limit);
  const from = PaginationToken === undefined ? 0 : places.find((place) => tokenOf(request, place) === PaginationToken);
  if (from === undefined) return refuse('InvalidParameterException');
  const to = from + Limit;
  // A full page never knows that it is the last one.
  const more = to <= users.length && { PaginationToken: tokenOf(request, to) };
  return json(200, { Users: users.slice(from, to).map(toUser), ...more });
};

/** Who belongs to which pool. Any pool that is not named does not exist. */
export type FakePools = Readonly<Record<string, (user: FakeUser) => boolean>>;

/** ListUsers of a region, in AWS JSON 1.1: docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListUsers.html */
export const fakeCognitoOf = (pools: FakePools): FakeVendor => ({
  id: 'cognito',
  credential: {},
  limit: { calls: 30, perMs: 1000 },
  tooMany: () => refuse('TooManyRequestsException'),
  answer: ({ method, path, headers, body }, { users }: FakeWorld) => {
    if (!SIGNED.test(headers.authorization ?? '')) return refuse('MissingAuthenticationTokenException');
    if (method !== 'POST' || path !== '/' || headers['x-amz-target'] !== TARGET) return refuse('UnknownOperationException');
    const { data } = Request.safeParse(body);
    if (data === undefined) return refuse('InvalidParameterException');
    const pool = Object.hasOwn(pools, data.UserPoolId) ? pools[data.UserPoolId] : undefined;
    return pool === undefined ? refuse('ResourceNotFoundException') : listed(data, users.filter(pool));
  },
});

/** The pool of the local stage, which `npm run send` speaks for. Everybody is in it. */
export const fakeCognito = fakeCognitoOf({ 'eu-west-1_Invented1': () => true });

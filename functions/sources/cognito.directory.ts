import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import type { Directory } from './directory.ts';

/** The largest page: docs.aws.amazon.com/cognito/latest/developerguide/limits.html */
const PAGE_SIZE = 60;

const Moment = z.iso.datetime({ offset: true });
const Users = z.object({
  Users: z
    .array(
      z.object({
        Attributes: z.array(z.object({ Name: z.string(), Value: z.string().nullish() })).nullish(),
        UserCreateDate: Moment.nullish(),
        UserLastModifiedDate: Moment.nullish(),
        UserStatus: z.string().nullish(),
      }),
    )
    .nullish(),
  PaginationToken: z.string().nullish(),
});
type User = NonNullable<z.infer<typeof Users>['Users']>[number];

/** As a trigger would tell of the user, by the name of the operation: no trigger is called so. */
const toRecord = (userPoolId: string, { Attributes, UserCreateDate, UserLastModifiedDate, UserStatus }: User) => ({
  userPoolId,
  triggerSource: 'ListUsers',
  request: {
    userAttributes: {
      ...Object.fromEntries((Attributes ?? []).map(({ Name, Value }) => [Name, Value])),
      // Triggers have it among the attributes.
      'cognito:user_status': UserStatus,
    },
  },
  listed: { createdAt: UserCreateDate, modifiedAt: UserLastModifiedDate },
});

/** Which of the pools, and the token of its next page. */
const Cursor = z.tuple([z.int().nonnegative(), z.string().nullable()]);

/** The users of the pools, one pool after the other. They cannot be asked for by time: those that did not change are left out here. */
export const cognitoDirectory: Directory = {
  hosts: () => {
    throw new Error(
      'cognito: the API takes requests that IAM signed, and is reached by the AWS SDK: functions/entry/resync-cognito.ts',
    );
  },
  credential: [],
  authorize: () => ({ headers: {} }),
  // 30 a second for everybody who lists users in the account and region.
  pace: { intervalMs: 100, burst: 1 },
  list: async (api, cursor = '[0,null]', { since, settings: { userPools = [] } }) => {
    const [index, token] = Cursor.parse(JSON.parse(cursor));
    const pool = userPools[index];
    if (pool === undefined) throw new Error('cognito: name the pools whose users are to be listed in `userPools`');
    const request = { UserPoolId: pool, Limit: PAGE_SIZE, ...(token !== null && { PaginationToken: token }) };
    const { status, body } = await api({ method: 'POST', url: '/ListUsers', body: request });
    if (status !== 200) throw new VendorError('UNEXPECTED', { status });
    const { Users: users, PaginationToken: next } = Users.parse(body);
    const changed = (users ?? []).filter(
      ({ UserLastModifiedDate: at }) => since === undefined || at == null || Date.parse(at) >= since.getTime(),
    );
    // A page may be short, or empty, and not the last.
    const after = next != null ? [index, next] : index + 1 < userPools.length ? [index + 1, null] : undefined;
    return {
      records: changed.map((user) => toRecord(pool, user)),
      ...(after !== undefined && { next: JSON.stringify(after) }),
    };
  },
};

import * as z from 'zod';
import { digest } from '../core/digest.ts';
import { filled, idAt, nameOf, propertiesOf } from '../core/mapping.ts';
import { valueAt } from '../core/path.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import type { SourceSettings } from '../core/settings.ts';
import { MAX_HEADER_LENGTH, refused, verifyAuthorization, verifySvix, verifyText } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, rejected } from './source.ts';
import { deletionOf, freeForm, part, scalar, text } from './subject.ts';
import { supabaseDirectory } from './supabase.directory.ts';

const label = z.string().min(1).max(255);

/**
 * A row of `auth.users`, or the same user as hooks and the API write it. The password hash, all tokens, phone numbers, linked
 * identities and a new e-mail address that nobody has confirmed are not named, so they go.
 */
const Kept = part(
  z.object({
    id: scalar,
    email: scalar,
    email_confirmed_at: scalar,
    raw_app_meta_data: freeForm,
    raw_user_meta_data: freeForm,
    app_metadata: freeForm,
    user_metadata: freeForm,
    invited_at: scalar,
    last_sign_in_at: scalar,
    banned_until: scalar,
    created_at: scalar,
    updated_at: scalar,
    deleted_at: scalar,
    is_sso_user: scalar,
    is_anonymous: scalar,
  }),
);
const RowEvent = z.object({ type: label, schema: label, table: label, record: Kept, old_record: Kept });
const HookEvent = z.object({ metadata: z.object({ uuid: label, name: label, time: scalar }), user: Kept });
type RowEvent = z.infer<typeof RowEvent>;
type HookEvent = z.infer<typeof HookEvent>;

const time = z.iso.datetime({ offset: true }).transform((iso) => new Date(iso));
/** Go writes the year 1 where nothing is set. */
const moment = time.nullish().transform((date) => (date && date.getTime() > 0 ? date : undefined));
const User = z
  .looseObject({
    email: text,
    email_confirmed_at: text,
    is_anonymous: z.boolean().nullish(),
    created_at: moment,
    updated_at: moment,
    deleted_at: moment,
  })
  // One name for both, that of the client libraries.
  .transform((user) => ({
    ...user,
    app_metadata: user.app_metadata ?? user.raw_app_meta_data,
    user_metadata: user.user_metadata ?? user.raw_user_meta_data,
  }));
type User = z.infer<typeof User>;

const HOOK_HEADERS = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const;
const isHook = ({ headers }: Pick<RawRequest, 'headers'>): boolean => HOOK_HEADERS.some((name) => headers[name] !== undefined);

const HOOK_SECRET = /^v1,(?=whsec_.)/;
/** No comma: two of these headers, joined, are not one. */
const VISIBLE = /^[\x21-\x2b\x2d-\x7e](?:[\x20-\x2b\x2d-\x7e]*[\x21-\x2b\x2d-\x7e])?$/;

/** Two hook secrets of a rotation stand in one text, with a bar between them: supabase.com/docs/guides/auth/auth-hooks */
const apart = (secrets: readonly string[]): readonly string[] =>
  secrets.flatMap((secret) => (HOOK_SECRET.test(secret) ? secret.split('|') : secret));

/**
 * Standard Webhooks, but several signatures are joined by a comma and a space, as a header is that came twice: then the same
 * signature stands in it twice. Only `v1,whsec_…` is a key, for the secret of a database webhook can be read in the database.
 */
const verifyHook = (request: RawRequest, secrets: readonly string[]): Verdict => {
  const [id = '', timestamp = '', signature = ''] = HOOK_HEADERS.map((name) => request.headers[name]);
  const entries = signature.split(/,? /);
  if (new Set(entries).size < entries.length) return refused('SIGNATURE_MALFORMED');
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': entries.join(' ') };
  // An empty text opens nothing, and is a mismatch instead of no secret at all.
  const keys = apart(secrets).map((secret) => (HOOK_SECRET.test(secret) ? secret.replace(HOOK_SECRET, '') : ''));
  return verifySvix({ ...request, headers }, keys);
};

/** The database signs nothing: a fixed secret in `Authorization`, or in the header that the settings name. */
const verifyRow = (request: RawRequest, secrets: readonly string[], { header = 'authorization' }: SourceSettings): Verdict => {
  // Whoever knows a hook's secret can sign as well, so that it may serve here too.
  const texts = apart(secrets).map((secret) => secret.replace(HOOK_SECRET, ''));
  if (header === 'authorization') return verifyAuthorization(request, texts);
  if (texts.length === 0) return refused('NO_SECRET_CONFIGURED');
  const given = request.headers[header];
  if (!given) return refused('SIGNATURE_MISSING');
  if (given.length > MAX_HEADER_LENGTH || !VISIBLE.test(given)) return refused('SIGNATURE_MALFORMED');
  return verifyText(given, texts);
};

/** A text in what the person, or the app, may fill as they like. */
const textAt = (user: User, path: string): string | undefined => {
  const value = valueAt(user, path);
  return typeof value === 'string' ? filled(value) : undefined;
};

const userCall = (user: User, settings: SourceSettings) => {
  const user_id = idAt(user, settings.userId ?? ['id']);
  if (user_id === undefined) return undefined;
  const company_id = idAt(user, settings.companyId ?? []);
  const email = filled(user.email);
  const properties = propertiesOf(user, settings, {
    email,
    name:
      textAt(user, 'user_metadata.full_name') ??
      textAt(user, 'user_metadata.name') ??
      nameOf(textAt(user, 'user_metadata.first_name'), textAt(user, 'user_metadata.last_name')),
    created_at: user.created_at?.toISOString(),
    email_verified: email === undefined ? undefined : filled(user.email_confirmed_at) !== undefined,
    provider: textAt(user, 'app_metadata.provider'),
  });
  return {
    kind: 'identifyUser',
    user_id,
    ...properties,
    ...(company_id !== undefined && { company: { id: company_id } }),
  } as const;
};

/** Anonymous users are rows like any other until they sign up, which is an update. */
const isSignedUp = ({ is_anonymous, deleted_at }: User): boolean => is_anonymous !== true && deleted_at === undefined;

/** A sign-in is an update as well. What counts is what would be sent: without an old row it is taken as a change. */
const isUnchanged = (old: unknown, call: unknown, settings: SourceSettings): boolean => {
  const before = User.safeParse(old);
  return before.success && isSignedUp(before.data) && JSON.stringify(userCall(before.data, settings)) === JSON.stringify(call);
};

interface Told {
  readonly user: User;
  readonly occurredAt: Date;
  readonly creates?: true;
  /** The row before, where the event has it. */
  readonly old?: unknown;
}

const mapDeletion = ({ user, occurredAt }: Told, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const user_id = idAt(user, settings.userId ?? ['id']);
  return user_id === undefined ? rejected('NO_USER_ID') : deletionOf({ user_id }, { source: 'supabase', meaning, occurredAt });
};

const mapUser = (told: Told, context: MapContext): Mapped => {
  const { user, occurredAt, creates, old } = told;
  // A soft deletion is an update that sets this, and hides who it was.
  if (user.deleted_at !== undefined) return mapDeletion(told, context);
  const call = userCall(user, context.settings);
  if (call === undefined) return rejected('NO_USER_ID');
  if (isUnchanged(old, call, context.settings)) return ignored('NOTHING_CHANGED');
  return changes({ call, facet: 'profile', occurredAt, ...(creates && { creates }) });
};

const mapRow = ({ type, record, old_record }: RowEvent, context: MapContext): Mapped => {
  const user = User.parse(type === 'DELETE' ? old_record : record);
  if (user.is_anonymous) return ignored('NOT_A_SIGN_UP');
  const { receivedAt } = context;
  const occurredAt = user.updated_at ?? receivedAt;
  if (type === 'INSERT') return mapUser({ user, occurredAt, creates: true }, context);
  if (type === 'UPDATE') return mapUser({ user, occurredAt, old: old_record }, context);
  // The row says when it was last changed, so it was deleted later; by their clock where that runs ahead of ours.
  return mapDeletion({ user, occurredAt: occurredAt > receivedAt ? occurredAt : receivedAt }, context);
};

const mapHook = ({ metadata, user: kept }: HookEvent, context: MapContext): Mapped => {
  // `before-user-created` tells of somebody who may never come to be, and for OAuth and SAML by an id that nobody will have:
  // github.com/supabase/auth, internal/api/hooks.go and external.go
  if (metadata.name !== 'after-user-created') return ignored('EVENT_NOT_HANDLED');
  const user = User.parse(kept);
  if (user.is_anonymous) return ignored('NOT_A_SIGN_UP');
  return mapUser({ user, occurredAt: user.updated_at ?? time.parse(metadata.time), creates: true }, context);
};

const ROW_TYPES = new Set(['INSERT', 'UPDATE', 'DELETE']);
const isOfUsers = ({ schema, table, type }: RowEvent): boolean => schema === 'auth' && table === 'users' && ROW_TYPES.has(type);

/**
 * A row event has no id. The minute keeps apart changes there and back by SQL, which leaves `updated_at` as it was. A digest,
 * because logs show it and the body is personal.
 */
const rowIdOf = ({ body, receivedAt }: RawRequest): string =>
  digest(Buffer.from(body).toString('base64'), receivedAt.toISOString().slice(0, 16)).slice(0, 32);

/**
 * Two channels: database webhooks on `auth.users`, told by their `type`, and auth hooks, told by their signature. Paths in the
 * settings are relative to the user, with `app_metadata` and `user_metadata` as the client libraries have them.
 */
export const supabase = defineSource<RowEvent | HookEvent>({
  id: 'supabase',
  docs: 'https://supabase.com/docs/guides/database/webhooks',
  verify: (request, secrets, { settings }) =>
    isHook(request) ? verifyHook(request, secrets) : verifyRow(request, secrets, settings),
  // Supabase gives all its tries together 5 s: github.com/supabase/auth, internal/hooks/hookshttp/hookshttp.go
  hook: (request) => (isHook(request) ? { answer: { status: 204, body: '' }, withinMs: 2500 } : undefined),
  schema: z.union([RowEvent, HookEvent]),
  head: (event, request) =>
    'metadata' in event
      ? // `webhook-id` is another at each try.
        { eventId: event.metadata.uuid, type: event.metadata.name }
      : { eventId: rowIdOf(request), type: `${event.schema}.${event.table}.${event.type}` },
  map: (event, context) => {
    if ('metadata' in event) return mapHook(event, context);
    return isOfUsers(event) ? mapRow(event, context) : ignored('EVENT_NOT_HANDLED');
  },
  directory: supabaseDirectory,
});

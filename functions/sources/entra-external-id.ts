import * as z from 'zod';
import { digest } from '../core/digest.ts';
import { parseJson } from '../core/json.ts';
import { filled, idAt, nameOf, propertiesOf } from '../core/mapping.ts';
import type { Hook, RawRequest, Verdict } from '../core/request.ts';
import { entraDirectory } from './entra-external-id.directory.ts';
import { claimsOf, isGoodAt, readJwks, readToken, verifyKeyToken } from './jwt.ts';
import { accepted, MAX_HEADER_LENGTH, refused, verifyText } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, refresh, rejected, type Trust } from './source.ts';
import { deletionOf, freeForm, idAtPart, part, scalar, text } from './subject.ts';

const Identity = z.object({ signInType: z.literal('emailAddress'), issuerAssignedId: scalar });
/** Other names to sign in with may be telephone numbers. */
const mailIdentities = (value: unknown): unknown =>
  Array.isArray(value) ? value.filter((identity) => Identity.safeParse(identity).success) : value;

/** Principal names, telephone numbers and addresses are not named, so they go. */
const KeptUser = z.object({
  id: scalar,
  displayName: scalar,
  givenName: scalar,
  surname: scalar,
  mail: scalar,
  otherMails: part(z.array(scalar)),
  identities: z.preprocess(mailIdentities, part(z.array(Identity))),
  companyName: scalar,
  createdDateTime: scalar,
  accountEnabled: scalar,
  preferredLanguage: scalar,
  userType: scalar,
  extensions: freeForm,
});
const Notification = z.object({
  id: scalar,
  subscriptionId: scalar,
  changeType: scalar,
  lifecycleEvent: scalar,
  resource: scalar,
  resourceData: part(z.object({ id: scalar })),
});
/** What a person entered in the sign-up form is not named: they have no account yet, and may never get one. */
const Callout = z.object({
  type: z.string().min(1).max(255),
  data: part(z.object({ authenticationContext: part(z.object({ user: part(KeptUser) })) })),
});
/** `records` wraps whatever arrives, so no request can pass for a user whom we fetched. */
const Kept = z.union([
  z.object({ notification: Notification }),
  z.object({ callout: Callout }),
  z.object({ fetched: KeptUser, created: z.boolean().optional() }),
]);
type Event = z.infer<typeof Kept>;
type Notification = z.infer<typeof Notification>;
type Callout = z.infer<typeof Callout>;

const User = z.looseObject({
  displayName: text,
  givenName: text,
  surname: text,
  mail: text,
  otherMails: z.array(text).nullish(),
  identities: z.array(z.object({ issuerAssignedId: text })).nullish(),
  companyName: text,
  createdDateTime: z.iso
    .datetime({ offset: true })
    .transform((iso) => new Date(iso).toISOString())
    .nullish(),
  accountEnabled: z.boolean().nullish(),
  preferredLanguage: text,
});

/** The items of a body of change notifications; undefined when it is none. */
const notificationsIn = (body: unknown): readonly unknown[] | undefined =>
  z.object({ value: z.array(z.unknown()) }).safeParse(body).data?.value;

const ClientState = z.object({ clientState: z.string() });
/** At most what a subscription takes: learn.microsoft.com/graph/api/resources/subscription */
const MAX_CLIENT_STATE = 128;

/** Every item must show the secret. All are compared, so that the time taken tells nothing of where one failed. */
const verifyNotifications = (items: readonly unknown[], secrets: readonly string[]): Verdict => {
  if (secrets.length === 0) return refused('NO_SECRET_CONFIGURED');
  const states = items.flatMap((item) => ClientState.safeParse(item).data?.clientState || []);
  if (items.length === 0 || states.length < items.length) return refused('SIGNATURE_MISSING');
  if (states.some((state) => state.length > MAX_CLIENT_STATE)) return refused('SIGNATURE_MALFORMED');
  const usable = secrets.filter((secret) => secret.trim() !== '');
  const verdicts = states.map((state) => verifyText(state, usable));
  return verdicts.find(({ ok }) => !ok) ?? accepted;
};

/** The service that calls authentication extensions, the same in every tenant: custom-extension-overview, "Protect your REST API" */
const CALLER = '99045fe1-7639-4a75-9d4a-577b6ca3810f';
const Claims = z.object({
  iss: z.string(),
  aud: z.string(),
  // `azp` in tokens of version 2, `appid` in those of version 1.
  azp: z.string().optional(),
  appid: z.string().optional(),
  exp: z.number(),
  nbf: z.number().optional(),
});

/** The keys sign the tokens of users too. They are made for other parties, at the wish of other clients. */
const isForUs = ({ iss, aud, azp, appid }: z.infer<typeof Claims>, { issuer, audience = [] }: Trust['settings']): boolean =>
  iss.replace(/\/$/, '') === issuer && audience.includes(aud) && (azp ?? appid) === CALLER;

/** Says that Entra's service calls, and nothing of the body. */
const verifyCallout = ({ headers, receivedAt }: RawRequest, { settings, keys }: Trust): Verdict => {
  const header = headers.authorization;
  if (!header) return refused('SIGNATURE_MISSING');
  const token = header.length <= MAX_HEADER_LENGTH && header.startsWith('Bearer ') ? readToken(header.slice(7)) : undefined;
  const claims = token === undefined ? undefined : claimsOf(token, Claims);
  if (token === undefined || claims === undefined) return refused('SIGNATURE_MALFORMED');
  const verdict = verifyKeyToken(token, { algorithms: ['RS256'], keys });
  if (!verdict.ok) return verdict;
  if (!isForUs(claims, settings)) return refused('TOKEN_NOT_FOR_US');
  return isGoodAt(claims, receivedAt) ? accepted : refused('TIMESTAMP_OUTSIDE_TOLERANCE');
};

/** Extensions come with a token and notifications with the secret in each item. A request with both is neither. */
const verifyEntra = (request: RawRequest, secrets: readonly string[], trust: Trust): Verdict => {
  const json = parseJson(request.body);
  const items = json.ok ? notificationsIn(json.value) : undefined;
  if (items === undefined) return verifyCallout(request, trust);
  return request.headers.authorization === undefined ? verifyNotifications(items, secrets) : refused('HEADER_CONFLICT');
};

/** Without the secret: what the schema cannot read is kept, and an operator looks at it. */
const withoutSecret = (item: unknown): unknown =>
  typeof item === 'object' && item !== null ? { ...item, clientState: undefined } : item;

const actionOf = (response: string, action: string, more: object = {}): string =>
  JSON.stringify({
    data: { '@odata.type': `microsoft.graph.on${response}`, actions: [{ '@odata.type': `microsoft.graph.${action}`, ...more }] },
  });
const EVENT = 'microsoft.graph.authenticationEvent.';
/** Nothing but an action that Entra knows lets the person go on. */
const ANSWERS: ReadonlyMap<string, string> = new Map([
  [
    `${EVENT}tokenIssuanceStart`,
    // Claims that are null break the sign-in, and whether none at all do is not documented. Who maps no such claim gets none.
    actionOf('TokenIssuanceStartResponseData', 'tokenIssuanceStart.provideClaimsForToken', { claims: { apiVersion: '1.0.0' } }),
  ],
  [
    `${EVENT}attributeCollectionStart`,
    actionOf('AttributeCollectionStartResponseData', 'attributeCollectionStart.continueWithDefaultBehavior'),
  ],
  [
    `${EVENT}attributeCollectionSubmit`,
    actionOf('AttributeCollectionSubmitResponseData', 'attributeCollectionSubmit.continueWithDefaultBehavior'),
  ],
]);
/** Entra waits for one second, or for two at most where that is set. */
const WITHIN_MS = 800;

const hookOf = ({ body }: RawRequest): Hook | undefined => {
  const json = parseJson(body);
  const { data: callout } = z.object({ type: z.string() }).safeParse(json.ok ? json.value : undefined);
  const action = callout === undefined ? undefined : ANSWERS.get(callout.type);
  return action === undefined ? undefined : { answer: { status: 200, body: action }, withinMs: WITHIN_MS };
};

const PRINTABLE = /^[\x20-\x7e]{1,1024}$/;

/** Of the first segment of `Users/<id>`. */
const subjectOf = ({ resource }: Notification): string | undefined =>
  /^\/?(\w{1,64})[/(]/.exec(String(resource))?.[1]?.toLowerCase();

const typeOf = (event: Event): string => {
  if ('fetched' in event) return 'fetched.user';
  if ('callout' in event) return event.callout.type;
  const { changeType, lifecycleEvent } = event.notification;
  return changeType ? `${subjectOf(event.notification) ?? 'unknown'}.${changeType}` : `lifecycle.${lifecycleEvent || 'unknown'}`;
};

/**
 * A notification without an id is an event of its own each time: to fetch once too often costs a call, and to take two changes
 * for one would lose the second. A callout has a correlation id in its body.
 */
const eventIdOf = (event: Event, { body, receivedAt }: RawRequest): string => {
  if (!('notification' in event)) return digest(Buffer.from(body).toString('base64')).slice(0, 32);
  const { id, subscriptionId, resourceData } = event.notification;
  if (typeof id === 'string' && id !== '' && id.length <= 256) return id;
  const about = JSON.stringify([subscriptionId, resourceData]);
  return digest(typeOf(event), about, receivedAt.toISOString()).slice(0, 32);
};

interface Known {
  /** Not all of what Entra has: a path that leads nowhere does not mean that the user lacks it. */
  readonly partly?: boolean;
  readonly creates?: boolean | undefined;
}

const mapUser = (value: unknown, { settings, receivedAt }: MapContext, { partly = false, creates = false }: Known): Mapped => {
  const user = User.parse(value);
  const find = partly ? idAtPart : idAt;
  const user_id = find(user, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const companyId = find(user, settings.companyId ?? []);
  const properties = propertiesOf(user, settings, {
    email: filled(user.mail) ?? filled(user.identities?.[0]?.issuerAssignedId) ?? filled(user.otherMails?.[0]),
    // Entra's own word for a name that the sign-up form does not ask for.
    name: nameOf(user.displayName === 'unknown' ? undefined : user.displayName) ?? nameOf(user.givenName, user.surname),
    created_at: user.createdDateTime ?? undefined,
    locale: filled(user.preferredLanguage),
    company_name: filled(user.companyName),
    account_enabled: user.accountEnabled ?? undefined,
  });
  return changes({
    call: { kind: 'identifyUser', user_id, ...properties, ...(companyId !== undefined && { company: { id: companyId } }) },
    facet: 'profile',
    // No record says when it was changed: what was read is as of now.
    occurredAt: receivedAt,
    ...(creates && { creates: true }),
  });
};

const mapDeletion = (id: string, { settings, receivedAt }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const user_id = idAtPart({ id }, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  return deletionOf({ user_id }, { source: 'entra_external_id', meaning, occurredAt: receivedAt });
};

const CHANGES: readonly unknown[] = ['created', 'updated', 'deleted'];
/** A GUID. Nothing that would lead to another place of the API. */
const OBJECT_ID = /^[\w-]{1,64}$/;

const mapNotification = (notification: Notification, context: MapContext): Mapped => {
  const { changeType, resourceData } = notification;
  if (subjectOf(notification) !== 'users' || !CHANGES.includes(changeType)) return ignored('EVENT_NOT_HANDLED');
  const id = idAt(z.looseObject({}).parse(resourceData), ['id']);
  if (id === undefined || !OBJECT_ID.test(id)) return rejected('NO_USER_ID');
  if (changeType === 'deleted') return mapDeletion(id, context);
  if (context.settings.api === undefined) return rejected('NO_VENDOR_API');
  const creates = changeType === 'created';
  return refresh({ subject: 'user', id, occurredAt: context.receivedAt, ...(creates && { creates }) });
};

const mapCallout = ({ type, data }: Callout, context: MapContext): Mapped => {
  // Before there is an account: no id, and none is guessed.
  if (type === `${EVENT}attributeCollectionSubmit`) return ignored('NOT_A_SIGN_UP');
  if (type !== `${EVENT}tokenIssuanceStart`) return ignored('EVENT_NOT_HANDLED');
  const { authenticationContext } = z.object({ authenticationContext: z.object({ user: z.unknown() }) }).parse(data);
  return mapUser(authenticationContext.user, context, { partly: true });
};

/**
 * Change notifications of Microsoft Graph, which name a user and no more, and custom authentication extensions, which hold up a
 * sign-in. Paths in the settings are relative to the Graph user; extension attributes stand under `extensions`.
 */
export const entraExternalId = defineSource<Event>({
  id: 'entra-external-id',
  docs: 'https://learn.microsoft.com/graph/change-notifications-delivery-webhooks',
  verify: verifyEntra,
  keys: {
    url: ({ keys, issuer }) => keys ?? issuer?.replace(/(?:\/v2\.0)?$/, '/discovery/v2.0/keys'),
    read: readJwks,
  },
  records: (body) => notificationsIn(body)?.map((item) => ({ notification: withoutSecret(item) })) ?? [{ callout: body }],
  // Whoever subscribes is asked to say the token, before any notification: change-notifications-delivery-webhooks
  handshake: ({ method, query: { validationToken } }) =>
    method === 'POST' && validationToken !== undefined && PRINTABLE.test(validationToken)
      ? { status: 200, contentType: 'text/plain', body: validationToken }
      : undefined,
  hook: hookOf,
  schema: Kept,
  head: (event, request) => ({ eventId: eventIdOf(event, request), type: typeOf(event) }),
  map: (event, context) => {
    if ('notification' in event) return mapNotification(event.notification, context);
    if ('callout' in event) return mapCallout(event.callout, context);
    return mapUser(event.fetched, context, { creates: event.created });
  },
  directory: entraDirectory,
});

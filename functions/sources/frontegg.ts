import * as z from 'zod';
import type { Change } from '../core/calls.ts';
import { digest } from '../core/digest.ts';
import { parseJson } from '../core/json.ts';
import { filled, idAt, propertiesOf } from '../core/mapping.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import { fronteggDirectory } from './frontegg.directory.ts';
import { claimsOf, isGoodAt, readToken, TokenTimes, verifyMacToken } from './jwt.ts';
import { MAX_HEADER_LENGTH, refused, verifyText } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, rejected } from './source.ts';
import { deletionOf, freeForm, idAtPart, part, scalar, text } from './subject.ts';

const parsed = (bytes: Uint8Array): unknown => {
  const json = parseJson(bytes);
  return json.ok ? json.value : undefined;
};

/** Phone number, picture, permissions and addresses are not named, so they go. */
const members = {
  id: scalar,
  email: scalar,
  verified: scalar,
  name: scalar,
  provider: scalar,
  mfaEnrolled: scalar,
  isLocked: scalar,
  // JSON inside a text: docs.frontegg.com/docs/webhooks
  metadata: z.preprocess((value) => (typeof value === 'string' ? parsed(Buffer.from(value)) : value), freeForm),
  tenantId: scalar,
  tenantIds: part(z.array(scalar)),
  createdAt: scalar,
};
const Subject = part(z.object(members));
const Kept = z.object({
  eventKey: z.string().min(1).max(255),
  eventContext: part(z.object({ tenantId: scalar, userId: scalar })),
  user: Subject,
  tenant: Subject,
  data: part(z.object({ ...members, user: Subject, tenant: Subject })),
});
type Event = z.infer<typeof Kept>;

const time = z.iso.datetime({ offset: true }).transform((iso) => new Date(iso));
const User = z.looseObject({
  email: text,
  verified: z.boolean().nullish(),
  name: text,
  provider: text,
  mfaEnrolled: z.boolean().nullish(),
  isLocked: z.boolean().nullish(),
  tenantId: text,
  tenantIds: z.array(z.string()).nullish(),
  createdAt: time.nullish(),
});
const Tenant = z.looseObject({ name: text, tenantId: text, createdAt: time.nullish() });

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** No comma: two of these headers, joined, are not one. */
const VISIBLE = /^[\x21-\x2b\x2d-\x7e]+$/;

/** A fixed list of symmetric algorithms: a token must not choose `none`, or have the secret taken for a public key. */
const verifyJwt = (text: string, secrets: readonly string[], receivedAt: Date): Verdict => {
  const token = readToken(text);
  // Whether Frontegg sets any times is not documented.
  const times = token === undefined ? undefined : claimsOf(token, TokenTimes);
  if (token === undefined || times === undefined) return refused('SIGNATURE_MALFORMED');
  const verdict = verifyMacToken(token, secrets);
  return verdict.ok && !isGoodAt(times, receivedAt) ? refused('TIMESTAMP_OUTSIDE_TOLERANCE') : verdict;
};

/**
 * A JWT under the shared secret (docs.frontegg.com/docs/webhooks-authentication) or, as some receivers have it, the secret
 * itself: who can send the one can make the other. Neither says anything about the body: it proves the sender, as a
 * bearer token does, and whoever learns it can forge events.
 */
const verifyFrontegg = ({ headers, receivedAt }: RawRequest, secrets: readonly string[]): Verdict => {
  if (secrets.length === 0) return refused('NO_SECRET_CONFIGURED');
  const header = headers['x-webhook-secret'];
  if (!header) return refused('SIGNATURE_MISSING');
  if (header.length > MAX_HEADER_LENGTH || !VISIBLE.test(header)) return refused('SIGNATURE_MALFORMED');
  return JWT.test(header) ? verifyJwt(header, secrets, receivedAt) : verifyText(header, secrets);
};

/**
 * The event has neither an id nor a time. The minute keeps apart a user who changes something and changes it back. A digest,
 * because logs show it and the body is personal.
 */
const eventIdOf = ({ body, receivedAt }: RawRequest): string =>
  digest(Buffer.from(body).toString('base64'), receivedAt.toISOString().slice(0, 16)).slice(0, 32);

/** Documented is `user`; public receivers also look under `data`. */
const userOf = ({ user, data }: Event) => user ?? (data ? (data.user ?? data) : data);
const tenantOf = ({ tenant, data }: Event) => tenant ?? (data ? (data.tenant ?? data) : data);
const idsOf = ({ eventContext }: Event) => (eventContext ? eventContext : { tenantId: undefined, userId: undefined });

/** As of its creation, lest a late delivery of it bring a deleted user back; by our clock where theirs runs ahead. */
const createdBy = (createdAt: Date | null | undefined, { receivedAt }: MapContext): Date =>
  createdAt && createdAt < receivedAt ? createdAt : receivedAt;

const mapUser = (event: Event, context: MapContext): Mapped => {
  const { settings, receivedAt } = context;
  const user = User.parse(userOf(event));
  const user_id = idAt({ ...user, id: user.id ?? idsOf(event).userId }, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const properties = propertiesOf(user, settings, {
    email: filled(user.email),
    name: filled(user.name),
    created_at: user.createdAt?.toISOString(),
    email_verified: user.verified ?? undefined,
    provider: filled(user.provider),
    mfa_enrolled: user.mfaEnrolled ?? undefined,
    is_locked: user.isLocked ?? undefined,
    tenants: user.tenantIds?.length,
  });
  const created = event.eventKey === 'frontegg.user.created';
  const occurredAt = created ? createdBy(user.createdAt, context) : receivedAt;
  const call = { kind: 'identifyUser', user_id, ...properties } as const;
  const profile: Change = { call, facet: 'profile', occurredAt, ...(created && { creates: true }) };
  const tenantId = user.tenantId ?? idsOf(event).tenantId;
  const id = idAtPart({ tenantId }, settings.companyId ?? ['tenantId']);
  if (id === undefined) return changes(profile);
  // Apart from the profile, because events of memberships speak of the company alone.
  return changes(profile, { call: { kind: 'identifyUser', user_id, company: { id } }, facet: 'membership', occurredAt });
};

/** Whether user and tenant come along is not documented, so the context counts first: it names the tenant that was joined. */
const mapMembership = (event: Event, { settings, receivedAt }: MapContext): Mapped => {
  const user = userOf(event) || undefined;
  const { tenantId, userId } = idsOf(event);
  const company_id = idAtPart({ tenantId: tenantId ?? user?.tenantId }, settings.companyId ?? ['tenantId']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const user_id = idAtPart({ ...user, id: user?.id ?? userId }, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const call = { kind: 'identifyUser', user_id, company: { id: company_id } } as const;
  return changes({ call, facet: 'membership', occurredAt: receivedAt });
};

const mapTenant = (event: Event, context: MapContext): Mapped => {
  const { settings } = context;
  const tenant = Tenant.parse(tenantOf(event) ?? {});
  const tenantId = idsOf(event).tenantId ?? tenant.tenantId;
  const company_id = idAt({ ...tenant, tenantId }, settings.companyId ?? ['tenantId']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const properties = propertiesOf(tenant, settings, {
    name: filled(tenant.name),
    created_at: tenant.createdAt?.toISOString(),
  });
  const created = event.eventKey === 'frontegg.tenant.created';
  return changes({
    call: { kind: 'identifyCompany', company_id, ...properties },
    facet: 'profile',
    occurredAt: created ? createdBy(tenant.createdAt, context) : context.receivedAt,
    ...(created && { creates: true }),
  });
};

const mapDeletion = (event: Event, { settings, receivedAt }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const deletion = { source: 'frontegg', meaning, occurredAt: receivedAt } as const;
  const { tenantId, userId } = idsOf(event);
  if (event.eventKey === 'frontegg.tenant.deleted') {
    const tenant = tenantOf(event) || undefined;
    const company_id = idAtPart({ ...tenant, tenantId: tenantId ?? tenant?.tenantId }, settings.companyId ?? ['tenantId']);
    return company_id === undefined ? rejected('NO_COMPANY_ID') : deletionOf({ company_id }, deletion);
  }
  const user = userOf(event) || undefined;
  const user_id = idAtPart({ ...user, id: user?.id ?? userId }, settings.userId ?? ['id']);
  return user_id === undefined ? rejected('NO_USER_ID') : deletionOf({ user_id }, deletion);
};

/**
 * Environment webhooks, not prehooks. Paths in the settings are relative to `user`, or for `companyId` to the tenant; of a
 * user's company only `tenantId` is known.
 */
export const frontegg = defineSource<Event>({
  id: 'frontegg',
  docs: 'https://docs.frontegg.com/docs/webhooks',
  verify: verifyFrontegg,
  schema: Kept,
  head: ({ eventKey }, request) => ({ eventId: eventIdOf(request), type: eventKey }),
  map: (event, context) => {
    switch (event.eventKey) {
      case 'frontegg.user.created':
      case 'frontegg.user.signedUp':
      case 'frontegg.user.activated':
      case 'frontegg.user.updated':
        return mapUser(event, context);
      case 'frontegg.user.invitedToTenant':
      case 'frontegg.user.joinedTenantUsingInvitationLink':
        return mapMembership(event, context);
      case 'frontegg.tenant.created':
      case 'frontegg.tenant.updated':
        return mapTenant(event, context);
      case 'frontegg.user.deleted':
      case 'frontegg.tenant.deleted':
        return mapDeletion(event, context);
      case 'frontegg.user.removedFromTenant':
        return ignored('NO_COMPANY_DETACH');
      default:
        return ignored('EVENT_NOT_HANDLED');
    }
  },
  directory: fronteggDirectory,
});

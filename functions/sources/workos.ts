import * as z from 'zod';
import type { Change } from '../core/calls.ts';
import { filled, idAt, nameOf, propertiesOf } from '../core/mapping.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import { HEX_SHA256, MAX_HEADER_LENGTH, refused, TOLERANCE_SECONDS, textKeys, verifyHmac } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, rejected } from './source.ts';
import { deletionOf, freeForm, idAtPart, part, scalar, text } from './subject.ts';
import { workosDirectory } from './workos.directory.ts';

/** Pictures, custom attributes of memberships, domains with their tokens and `context` are not named, so they go. */
const Kept = z.object({
  id: z.string().min(1).max(255),
  event: z.string().min(1).max(255),
  created_at: scalar,
  data: part(
    z.object({
      id: scalar,
      email: scalar,
      email_verified: scalar,
      first_name: scalar,
      last_name: scalar,
      name: scalar,
      external_id: scalar,
      locale: scalar,
      metadata: freeForm,
      created_at: scalar,
      updated_at: scalar,
      user_id: scalar,
      organization_id: scalar,
      status: scalar,
      role: part(z.object({ slug: scalar })),
    }),
  ),
});
type Event = z.infer<typeof Kept>;

const time = z.iso.datetime({ offset: true }).transform((iso) => new Date(iso));
const User = z.looseObject({
  email: text,
  email_verified: z.boolean().nullish(),
  first_name: text,
  last_name: text,
  name: text,
  external_id: text,
  locale: text,
  created_at: time.nullish(),
  updated_at: time.nullish(),
});
const Organization = z.looseObject({ name: text, created_at: time.nullish(), updated_at: time.nullish() });
const Membership = z.object({
  user_id: text,
  organization_id: text,
  status: text,
  role: z.object({ slug: text }).nullish(),
  updated_at: time.nullish(),
});

const MILLISECONDS = /^\d{1,15}$/;

/**
 * HMAC-SHA256 over `t.body`, keyed with the whole secret, in a header `t=<milliseconds>, v1=<hex>`. Whether several `v1` may
 * stand in it during a rotation is not documented: they may here. A header that came twice has two times, which is refused.
 */
const verifyWorkos = ({ headers, body, receivedAt }: RawRequest, secrets: readonly string[]): Verdict => {
  if (secrets.length === 0) return refused('NO_SECRET_CONFIGURED');
  const header = headers['workos-signature'];
  if (!header) return refused('SIGNATURE_MISSING');
  if (header.length > MAX_HEADER_LENGTH) return refused('SIGNATURE_MALFORMED');
  const parts = header.split(/, ?/);
  const valuesOf = (name: string) =>
    parts.filter((entry) => entry.startsWith(`${name}=`)).map((entry) => entry.slice(name.length + 1));
  const [timestamp, ...others] = valuesOf('t');
  const signatures = valuesOf('v1')
    .filter((hex) => HEX_SHA256.test(hex))
    .map((hex) => Buffer.from(hex, 'hex'));
  if (timestamp === undefined || others.length > 0 || !MILLISECONDS.test(timestamp) || signatures.length === 0) {
    return refused('SIGNATURE_MALFORMED');
  }
  // Both ways: WorkOS's own library looks into the past only. Written so that a date that is none (NaN) is outside.
  const isTimely = Math.abs(receivedAt.getTime() - Number(timestamp)) <= TOLERANCE_SECONDS * 1000;
  if (!isTimely) return refused('TIMESTAMP_OUTSIDE_TOLERANCE');
  return verifyHmac({ keys: textKeys(secrets), prefix: `${timestamp}.`, body, signatures });
};

const mapUser = (event: Event, { settings }: MapContext): Mapped => {
  const user = User.parse(event.data);
  const user_id = idAt(user, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const properties = propertiesOf(user, settings, {
    email: filled(user.email),
    name: filled(user.name) ?? nameOf(user.first_name, user.last_name),
    created_at: user.created_at?.toISOString(),
    email_verified: user.email_verified ?? undefined,
    locale: filled(user.locale),
    external_id: filled(user.external_id),
  });
  return changes({
    call: { kind: 'identifyUser', user_id, ...properties },
    facet: 'profile',
    occurredAt: user.updated_at ?? time.parse(event.created_at),
    ...(event.event === 'user.created' && { creates: true }),
  });
};

const mapOrganization = (event: Event, { settings }: MapContext): Mapped => {
  const organization = Organization.parse(event.data);
  const company_id = idAt(organization, settings.companyId ?? ['id']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const properties = propertiesOf(organization, settings, {
    name: filled(organization.name),
    created_at: organization.created_at?.toISOString(),
  });
  const change: Change = {
    call: { kind: 'identifyCompany', company_id, ...properties },
    facet: 'profile',
    occurredAt: organization.updated_at ?? time.parse(event.created_at),
  };
  return changes(event.event === 'organization.created' ? { ...change, creates: true } : change);
};

/** Comes with all of what was deleted. Dated by the event: `updated_at` is the time of the last update before it. */
const mapDeletion = (event: Event, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const deletion = { source: 'workos', meaning, occurredAt: time.parse(event.created_at) } as const;
  if (event.event === 'organization.deleted') {
    const company_id = idAt(Organization.parse(event.data), settings.companyId ?? ['id']);
    return company_id === undefined ? rejected('NO_COMPANY_ID') : deletionOf({ company_id }, deletion);
  }
  const user_id = idAt(User.parse(event.data), settings.userId ?? ['id']);
  return user_id === undefined ? rejected('NO_USER_ID') : deletionOf({ user_id }, deletion);
};

/** Carries WorkOS's own ids and nothing else of user and organization: with other ids configured, nobody is named. */
const mapMembership = (event: Event, { settings }: MapContext): Mapped => {
  const membership = Membership.parse(event.data);
  // An invited person is `pending` until the invitation is taken, and one who was switched off is `inactive`.
  if (membership.status === 'inactive') return ignored('NO_COMPANY_DETACH');
  if (membership.status !== 'active') return ignored('EVENT_NOT_HANDLED');
  const company_id = idAtPart({ id: membership.organization_id }, settings.companyId ?? ['id']);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const user_id = idAtPart({ id: membership.user_id }, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  // `properties` name members of the user and of the organization, so of the membership there is only its role to send.
  const { metadata } = propertiesOf({}, settings, { role: filled(membership.role?.slug) });
  return changes({
    call: { kind: 'identifyUser', user_id, ...(metadata && { metadata }), company: { id: company_id } },
    facet: 'membership',
    occurredAt: membership.updated_at ?? time.parse(event.created_at),
  });
};

/** Paths in the settings are relative to `data`: the user, or the organization, whose own `properties` go to the company. */
export const workos = defineSource<Event>({
  id: 'workos',
  docs: 'https://workos.com/docs/webhooks',
  verify: verifyWorkos,
  schema: Kept,
  head: ({ id, event }) => ({ eventId: id, type: event }),
  map: (event, context) => {
    switch (event.event) {
      case 'user.created':
      case 'user.updated':
        return mapUser(event, context);
      case 'organization.created':
      case 'organization.updated':
        return mapOrganization(event, context);
      case 'user.deleted':
      case 'organization.deleted':
        return mapDeletion(event, context);
      case 'organization_membership.created':
      case 'organization_membership.updated':
        return mapMembership(event, context);
      case 'organization_membership.deleted':
        return ignored('NO_COMPANY_DETACH');
      default:
        return ignored('EVENT_NOT_HANDLED');
    }
  },
  directory: workosDirectory,
});

import * as z from 'zod';
import { digest } from '../core/digest.ts';
import { parseJson } from '../core/json.ts';
import { filled, idAt, nameOf, propertiesOf } from '../core/mapping.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import type { SourceSettings } from '../core/settings.ts';
import { oryDirectory } from './ory.directory.ts';
import { MAX_HEADER_LENGTH, refused, verifyAuthorization, verifyText } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, refresh, rejected } from './source.ts';
import { deletionOf, freeForm, idAtPart, part, scalar, selfForm, text } from './subject.ts';

const Address = part(z.object({ via: scalar, value: scalar, verified: scalar }));

/**
 * What the template on this source's page writes. Admin metadata, credentials, recovery addresses, and whatever else the API
 * tells of an identity, are not named, so they go; and so does a phone number that was verified like an e-mail address.
 */
const Flow = z.object({
  type: z.string().min(1).max(255),
  identity: part(
    z.object({
      id: scalar,
      external_id: scalar,
      schema_id: scalar,
      state: scalar,
      traits: selfForm,
      metadata_public: freeForm,
      organization_id: scalar,
      verifiable_addresses: part(
        z.array(Address).transform((addresses) => addresses.filter((address) => address && address.via === 'email')),
      ),
      created_at: scalar,
      updated_at: scalar,
    }),
  ),
});
/** An event of a live stream: ory.com/docs/actions/live-events */
const Live = z.object({
  name: z.string().min(1).max(255),
  timestamp: scalar,
  eventAttributes: part(z.object({ IdentityID: scalar })),
});
const Kept = z.union([Flow, Live]);
type Flow = z.infer<typeof Flow>;
type Live = z.infer<typeof Live>;
type Event = z.infer<typeof Kept>;

const time = z.iso.datetime({ offset: true }).transform((iso) => new Date(iso));
const Identity = z.looseObject({
  verifiable_addresses: z.array(z.looseObject({ value: text, verified: z.boolean().nullish() })).nullish(),
  created_at: time.nullish(),
  updated_at: time,
});
/** Traits are as the customer's schema has them. What is no word under one of these names is not what the name says. */
const word = z.string().nullish().catch(undefined);
const Traits = z
  .object({
    email: word,
    name: z
      .union([z.string(), z.object({ first: word, last: word })])
      .nullish()
      .catch(undefined),
    given_name: word,
    family_name: word,
  })
  .catch({});

/** No comma: two of these headers, joined, are not one. */
const VISIBLE = /^[\x21-\x2b\x2d-\x7e]+$/;

/**
 * Ory signs nothing. An action carries a fixed text in a header (`auth` of type `api_key`) or Basic credentials, a live stream
 * Basic credentials out of its URL: all are passwords, and whoever learns one can forge events.
 */
const verifyOry = (request: RawRequest, secrets: readonly string[], settings: SourceSettings): Verdict => {
  if (secrets.length === 0) return refused('NO_SECRET_CONFIGURED');
  const given = request.headers[settings.header ?? 'x-ory-webhook-secret'];
  const isBasic = request.headers.authorization?.startsWith('Basic ') === true;
  if (!given) return isBasic ? verifyAuthorization(request, secrets) : refused('SIGNATURE_MISSING');
  if (given.length > MAX_HEADER_LENGTH || !VISIBLE.test(given)) return refused('SIGNATURE_MALFORMED');
  return verifyText(given, secrets);
};

const isLive = (body: Uint8Array): boolean => {
  const json = parseJson(body);
  return json.ok && Live.safeParse(json.value).success && !Flow.safeParse(json.value).success;
};

/**
 * Of the body: it is no worse proven than `Ory-Webhook-Trigger-ID`, and always there. The flow and `updated_at` in it tell one
 * event from the next. A live event has neither, and seconds for a time: each delivery counts, as it costs but a look-up.
 */
const eventIdOf = (event: Event, { body, receivedAt }: RawRequest): string => {
  const delivery = 'name' in event ? [receivedAt.toISOString()] : [];
  return digest(Buffer.from(body).toString('base64'), ...delivery).slice(0, 32);
};

/** What a blocking hook shows before the identity is stored, if it ever is: github.com/ory/kratos/issues/3340 */
const NOT_STORED = '00000000-0000-0000-0000-000000000000';

const mapIdentity = ({ type, identity: kept }: Flow, { settings }: MapContext): Mapped => {
  const identity = Identity.parse(kept);
  const user_id = identity.id === NOT_STORED ? undefined : idAt(identity, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const { email: trait, name, ...names } = Traits.parse(identity.traits);
  const addresses = identity.verifiable_addresses ?? [];
  const email = filled(trait) ?? filled(addresses[0]?.value);
  // Ory writes an address that it verifies in lower case, and the trait as it was typed.
  const verified = addresses.find(({ value }) => email !== undefined && value?.toLowerCase() === email.toLowerCase())?.verified;
  const { first, last } = typeof name === 'string' ? { first: name } : (name ?? {});
  const properties = propertiesOf(identity, settings, {
    email,
    name: nameOf(first, last) ?? nameOf(names.given_name, names.family_name),
    created_at: identity.created_at?.toISOString(),
    email_verified: verified ?? undefined,
  });
  const id = idAt(identity, settings.companyId ?? ['organization_id']);
  return changes({
    call: { kind: 'identifyUser', user_id, ...properties, ...(id !== undefined && { company: { id } }) },
    facet: 'profile',
    occurredAt: identity.updated_at,
    ...(type === 'registration.after' && { creates: true }),
  });
};

/** Shown as `2026-05-02 09:14:07`, in UTC as we assume. */
const SHOWN = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:\d\d)?$/;

const momentOf = ({ timestamp }: Live): Date | undefined => {
  const [, day, hour, zone = 'Z'] = SHOWN.exec(String(timestamp)) ?? [];
  const moment = new Date(`${day}T${hour}${zone}`);
  return Number.isNaN(moment.getTime()) ? undefined : moment;
};

/** Names an identity and nothing of it. */
const mapThin = (event: Live, { settings, receivedAt }: MapContext): Mapped => {
  const id = idAt(event.eventAttributes, ['IdentityID']);
  if (id === undefined) return rejected('NO_USER_ID');
  if (settings.api === undefined) return rejected('NO_VENDOR_API');
  const occurredAt = momentOf(event) ?? receivedAt;
  return refresh({ subject: 'user', id, occurredAt, ...(event.name === 'IdentityCreated' && { creates: true }) });
};

const mapDeletion = (event: Live, { settings, receivedAt }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const { IdentityID: id } = event.eventAttributes || {};
  const user_id = idAtPart({ id }, settings.userId ?? ['id']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  // In whole seconds it counts as the end of its second: it must not look older than an update of the same second.
  const occurredAt = new Date((momentOf(event) ?? receivedAt).getTime() + 999);
  return deletionOf({ user_id }, { source: 'ory', meaning, occurredAt });
};

/**
 * Actions of self-service flows, whose body is that of our own template, and live events, which are thin. Paths in the settings
 * are relative to `identity`, e.g. `traits.company_id`.
 */
export const ory = defineSource<Event>({
  id: 'ory',
  docs: 'https://www.ory.com/docs/guides/integrate-with-ory-cloud-through-webhooks',
  verify: (request, secrets, { settings }) => verifyOry(request, secrets, settings),
  // Any status from 400 on fails the person's flow, unless the action runs in the background. Ory itself waits 30 s.
  hook: ({ body }) => (isLive(body) ? undefined : { answer: { status: 204, body: '' }, withinMs: 5000 }),
  schema: Kept,
  head: (event, request) => ({ eventId: eventIdOf(event, request), type: 'name' in event ? event.name : event.type }),
  map: (event, context) => {
    if ('name' in event) {
      if (event.name === 'IdentityDeleted') return mapDeletion(event, context);
      if (event.name === 'IdentityCreated' || event.name === 'IdentityUpdated') return mapThin(event, context);
      return ignored('EVENT_NOT_HANDLED');
    }
    switch (event.type) {
      case 'registration.after':
      case 'settings.after':
      case 'verification.after':
      case 'login.after':
        return mapIdentity(event, context);
      default:
        return ignored('EVENT_NOT_HANDLED');
    }
  },
  directory: oryDirectory,
});

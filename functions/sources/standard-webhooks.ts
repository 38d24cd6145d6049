import * as z from 'zod';
import type { Change, Properties, Property } from '../core/calls.ts';
import { isPrivateKey, scrub } from '../core/json.ts';
import { idAt, isoOf, momentOf, nameOf, propertiesOf, toProperty } from '../core/mapping.ts';
import { type Path, valueAt } from '../core/path.ts';
import type { EventSettings, SourceSettings } from '../core/settings.ts';
import { createReaders } from './expression.ts';
import { svixId } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, rejected } from './source.ts';
import { verifyStandard } from './standard-webhooks.signature.ts';
import { deletionOf, idAtPart } from './subject.ts';

const EMAIL = /^e?mail[_-]?address(?:es)?$/i;
const isHidden = (key: string): boolean => isPrivateKey(key) && !EMAIL.test(key);

/** The settings say what is read, and they are not known here: whatever is not private by its name stays. */
const Kept = z.preprocess((event) => scrub(event, isHidden), z.record(z.string(), z.unknown()));
type Event = z.infer<typeof Kept>;

const readerOf = createReaders(isHidden);

/** What is wrong with the expressions in the settings, each with the place where it stands. */
export const problemsIn = (
  events: object,
  path: readonly string[] = [],
): readonly { readonly path: readonly string[]; readonly message: string }[] =>
  Object.entries(events).flatMap(([name, member]) => {
    const place = [...path, name];
    if (Array.isArray(member)) return [];
    if (typeof member !== 'string') return problemsIn(member ?? {}, place);
    try {
      readerOf(member);
      return [];
    } catch (error) {
      return { path: place, message: error instanceof Error ? error.message : String(error) };
    }
  });

const found = (event: Event, expression: string): unknown => readerOf(expression)(event);

/** What the event is about. A sender that wraps nothing in `data` writes it beside the type; otherwise an `id` there is the event's. */
const subjectOf = (event: Event): unknown => (Object.hasOwn(event, 'data') ? event.data : event);

interface Place {
  readonly expression: string | undefined;
  /** Below the subject, first hit wins. */
  readonly usual: readonly Path[];
}

const valuesAt = (event: Event, { expression, usual }: Place): readonly unknown[] =>
  expression === undefined ? usual.map((path) => valueAt(subjectOf(event), path)) : [found(event, expression)];

const textAt = (event: Event, place: Place): string | undefined =>
  valuesAt(event, place).find((value): value is string => typeof value === 'string' && value.trim() !== '');

const Iso = z.iso.datetime({ offset: true }).or(z.iso.date());
const EPOCH = /^(?:\d{10}|\d{13})$/;

const momentIn = (value: unknown): Date | undefined => {
  if (typeof value === 'number' || (typeof value === 'string' && EPOCH.test(value))) return momentOf(Number(value));
  const iso = Iso.safeParse(value);
  return iso.success ? new Date(iso.data) : undefined;
};

const dateAt = (event: Event, place: Place): string | undefined =>
  isoOf(valuesAt(event, place).flatMap((value) => momentIn(value) ?? [])[0]);

const Moment = z.date({ error: 'the time of the event is none' });
/** One that is there and cannot be read is an error: in order of arrival alone, an old state could win. */
const timeOf = (event: Event, { settings, receivedAt }: MapContext): Date => {
  const { occurredAt } = settings.events ?? {};
  const value = occurredAt === undefined ? event.timestamp : found(event, occurredAt);
  return value === undefined || value === null || value === '' ? receivedAt : Moment.parse(momentIn(value));
};

const Type = z.string({ error: 'the type of the event is none' });
const typeOf = (event: Event, { type }: EventSettings): unknown => (type === undefined ? event.type : found(event, type));

const idOf = (value: unknown): string | undefined => idAt({ value }, ['value']);

const USER_ID = ['id', 'user_id', 'userId', 'sub'] as const;
const COMPANY_ID = ['organization.id', 'organization_id', 'company.id', 'tenant_id'] as const;
/** In an event about the company itself. */
const OWN_COMPANY_ID = ['id', 'organization_id', 'company_id', 'tenant_id'] as const;
const CREATED_AT = ['created_at', 'createdAt'] as const;

/** A deletion may carry less than other events do: a path of yours that it lacks ends the search. */
const userIdIn = (event: Event, { events, userId }: SourceSettings, isWhole: boolean): string | undefined => {
  if (events?.userId !== undefined) return idOf(found(event, events.userId));
  const subject = subjectOf(event);
  return userId === undefined || isWhole ? idAt(subject, userId ?? USER_ID) : idAtPart(subject, userId);
};

/** Where users name their company in a way of your own, the usual names would lead to another company than theirs. */
const ownCompanyIdIn = (event: Event, { events = {}, companyId }: SourceSettings): string | undefined => {
  const expression = events.companies?.id;
  if (expression !== undefined) return idOf(found(event, expression));
  return companyId === undefined && events.companyId === undefined ? idAt(subjectOf(event), OWN_COMPANY_ID) : undefined;
};

const companyIn = (event: Event, { events = {}, companyId }: SourceSettings) => {
  const isUsual = companyId === undefined && events.companyId === undefined;
  const usual = isUsual ? ['organization.name', 'company.name'] : [];
  const id =
    events.companyId === undefined ? idAt(subjectOf(event), companyId ?? COMPANY_ID) : idOf(found(event, events.companyId));
  return { id, name: textAt(event, { expression: events.companyName, usual }) };
};

type Defaults = Readonly<Record<string, Property | undefined>>;

const metadataOf = (
  event: Event,
  settings: SourceSettings,
  { defaults, chosen = {} }: { readonly defaults: Defaults; readonly chosen?: Readonly<Record<string, string>> | undefined },
): { readonly metadata?: Properties } => {
  const { metadata } = propertiesOf(subjectOf(event), settings, defaults);
  const all: Record<string, Property> = { ...metadata };
  for (const [name, expression] of Object.entries(chosen)) {
    const value = toProperty(found(event, expression));
    if (value !== undefined) all[name] = value;
  }
  return Object.keys(all).length > 0 ? { metadata: all } : {};
};

const mapUser = (event: Event, context: MapContext, created: boolean): Mapped => {
  const { settings } = context;
  const { email, name, createdAt, properties } = settings.events ?? {};
  const user_id = userIdIn(event, settings, true);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const part = (path: Path) => textAt(event, { expression: undefined, usual: [path] });
  const joined = name === undefined ? nameOf(part('first_name'), part('last_name')) : undefined;
  const defaults = {
    email: textAt(event, { expression: email, usual: ['email', 'email_address', 'primary_email'] }),
    name: textAt(event, { expression: name, usual: ['name', 'full_name', 'display_name'] }) ?? joined,
    created_at: dateAt(event, { expression: createdAt, usual: CREATED_AT }),
  };
  const company = companyIn(event, settings);
  const occurredAt = timeOf(event, context);
  const named = company.id === undefined ? {} : propertiesOf(undefined, settings, { name: company.name });
  const ofCompany: readonly Change[] =
    company.id === undefined || named.metadata === undefined
      ? []
      : [{ call: { kind: 'identifyCompany', company_id: company.id, ...named }, facet: 'profile', occurredAt }];
  return changes(...ofCompany, {
    call: {
      kind: 'identifyUser',
      user_id,
      ...metadataOf(event, settings, { defaults, chosen: properties }),
      ...(company.id !== undefined && { company: { id: company.id } }),
    },
    facet: 'profile',
    occurredAt,
    ...(created && { creates: true }),
  });
};

const mapCompany = (event: Event, context: MapContext, created: boolean): Mapped => {
  const { settings } = context;
  const { name, createdAt, properties } = settings.events?.companies ?? {};
  const company_id = ownCompanyIdIn(event, settings);
  if (company_id === undefined) return rejected('NO_COMPANY_ID');
  const defaults = {
    name: textAt(event, { expression: name, usual: ['name', 'display_name'] }),
    created_at: dateAt(event, { expression: createdAt, usual: CREATED_AT }),
  };
  return changes({
    call: { kind: 'identifyCompany', company_id, ...metadataOf(event, settings, { defaults, chosen: properties }) },
    facet: 'profile',
    occurredAt: timeOf(event, context),
    ...(created && { creates: true }),
  });
};

const mapDeletion = (event: Event, context: MapContext, of: 'user' | 'company'): Mapped => {
  const { settings } = context;
  const meaning = settings.deletions ?? 'tombstone';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const deletion = { source: 'standard-webhooks', meaning, occurredAt: timeOf(event, context) } as const;
  if (of === 'company') {
    const company_id = ownCompanyIdIn(event, settings);
    return company_id === undefined ? rejected('NO_COMPANY_ID') : deletionOf({ company_id }, deletion);
  }
  const user_id = userIdIn(event, settings, false);
  return user_id === undefined ? rejected('NO_USER_ID') : deletionOf({ user_id }, deletion);
};

/** A sender's word for a type, as far as it can be shown in logs. */
const LABEL = /^[\w.:/-]{1,200}$/;
const MAX_ID_LENGTH = 255;

/**
 * Any sender that keeps to Standard Webhooks 1.0.0. The standard says how a message is signed, and leaves its content to the
 * sender: what an event means and where its values stand is up to the settings, by JMESPath over the event as it is after the
 * strip. Paths in `userId`, `companyId` and `properties` are relative to `data`.
 */
export const standardWebhooks = defineSource<Event>({
  id: 'standard-webhooks',
  docs: 'https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md',
  verify: verifyStandard,
  schema: Kept,
  head: (event, request, { events = {} } = {}) => {
    const id = events.id === undefined ? undefined : idOf(found(event, events.id));
    const { data: type = '' } = Type.safeParse(typeOf(event, events));
    return {
      eventId: id !== undefined && id.length <= MAX_ID_LENGTH ? id : svixId(request),
      type: LABEL.test(type) ? type : 'unknown',
    };
  },
  map: (event, context) => {
    const { events = {} } = context.settings;
    const { creates = ['user.created'], updates = ['user.updated'], deletes = ['user.deleted'], companies = {} } = events;
    const { creates: founds = ['organization.created'], updates: changed = ['organization.updated'] } = companies;
    const { deletes: ends = ['organization.deleted'] } = companies;
    // Without one the setting is wrong, more likely than the sender: kept, until it is right.
    const type = Type.parse(typeOf(event, events));
    if (creates.includes(type) || updates.includes(type)) return mapUser(event, context, creates.includes(type));
    if (deletes.includes(type)) return mapDeletion(event, context, 'user');
    if (founds.includes(type) || changed.includes(type)) return mapCompany(event, context, founds.includes(type));
    return ends.includes(type) ? mapDeletion(event, context, 'company') : ignored('EVENT_NOT_HANDLED');
  },
});

import * as z from 'zod';
import type { Call } from '../core/calls.ts';
import { filled, idAt, isoOf, propertiesOf } from '../core/mapping.ts';
import { verifyStripe } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, refresh, rejected } from './source.ts';
import { mapCheckout } from './stripe.checkout.ts';
import { stripeDirectory } from './stripe.directory.ts';
import { accountOf, COMPANY_ID, type Event, Kept, objectOf, subjectId, time, USER_ID } from './stripe.event.ts';
import { mapSubscription } from './stripe.subscription.ts';
import { deletionOf, idAtPart, text } from './subject.ts';

const Customer = z.looseObject({
  id: text,
  email: text,
  name: text,
  created: time.nullish(),
  currency: text,
  delinquent: z.boolean().nullish(),
  livemode: z.boolean().nullish(),
  preferred_locales: z.array(z.string()).nullish(),
});

/** A thin event has no `data`: docs.stripe.com/webhooks/migrate-snapshot-to-thin-events */
const THIN_EVENT = 'v2.core.event';

const isTest = (event: Event): boolean => {
  const object = objectOf(event);
  const onTestClock = object ? (object.test_clock ?? null) !== null : false;
  return event.livemode === false || onTestClock;
};

const customerCall = (customer: z.infer<typeof Customer>, { settings }: MapContext): Call | 'NO_USER_ID' | 'NO_COMPANY_ID' => {
  const properties = {
    name: filled(customer.name),
    stripe_customer_id: filled(customer.id),
    // Not `created_at`: this is the day of the first billing, not of the sign-up.
    stripe_created_at: isoOf(customer.created ?? undefined),
    stripe_currency: filled(customer.currency),
    stripe_delinquent: customer.delinquent ?? undefined,
    stripe_livemode: customer.livemode ?? undefined,
    stripe_locale: filled(customer.preferred_locales?.[0]),
  };
  const email = filled(customer.email);
  const company_id = idAt(customer, settings.companyId ?? COMPANY_ID);
  if (settings.entity === 'company') {
    if (company_id === undefined) return 'NO_COMPANY_ID';
    // A company's address at Stripe is where its invoices go; `email` would read as a person's.
    return { kind: 'identifyCompany', company_id, ...propertiesOf(customer, settings, { billing_email: email, ...properties }) };
  }
  const user_id = idAt(customer, settings.userId ?? USER_ID);
  if (user_id === undefined) return 'NO_USER_ID';
  return {
    kind: 'identifyUser',
    user_id,
    ...propertiesOf(customer, settings, { email, ...properties }),
    ...(company_id !== undefined && { company: { id: company_id } }),
  };
};

const mapCustomer = (event: Event, context: MapContext): Mapped => {
  const call = customerCall(Customer.parse(objectOf(event)), context);
  if (typeof call === 'string') return rejected(call);
  // Whole seconds, and not meant for ordering: events of one second are both sent, in order of arrival.
  const occurredAt = time.parse(event.created);
  // Where the end of a customer is not the end of the user, its beginning brings no deleted user back either.
  const creates = event.type === 'customer.created' && context.settings.deletions === 'tombstone';
  return changes({ call, facet: 'profile', occurredAt, ...(creates && { creates }) });
};

/** Ignored unless the settings say otherwise: a billing record ended, and the user may live on. */
const mapDeletion = (customer: object | false | null | undefined, occurredAt: Date, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'ignore';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const deletion = { source: 'stripe', meaning, occurredAt } as const;
  // The stub `{ id, deleted }` lacks the metadata, so it cannot tell whether a path behind the first one counts.
  const idOf = customer && 'metadata' in customer && customer.metadata ? idAt : idAtPart;
  if (settings.entity === 'company') {
    const company_id = idOf(customer, settings.companyId ?? COMPANY_ID);
    return company_id === undefined ? rejected('NO_COMPANY_ID') : deletionOf({ company_id }, deletion);
  }
  const user_id = idOf(customer, settings.userId ?? USER_ID);
  return user_id === undefined ? rejected('NO_USER_ID') : deletionOf({ user_id }, deletion);
};

const SUBSCRIPTION = 'customer.subscription.';
/** Others tell of parts of these changes, which come as `updated` as well. */
const OF_SUBSCRIPTIONS = new Set(['created', 'updated', 'deleted', 'paused', 'resumed', 'trial_will_end']);
const isOfSubscription = (type: string): boolean =>
  type.startsWith(SUBSCRIPTION) && OF_SUBSCRIPTIONS.has(type.slice(SUBSCRIPTION.length));

const mapHandled = (event: Event, context: MapContext): Mapped => {
  if (isOfSubscription(event.type)) return mapSubscription(event, context);
  switch (event.type) {
    case 'customer.created':
    case 'customer.updated':
      return mapCustomer(event, context);
    case 'customer.deleted':
      return mapDeletion(objectOf(event), time.parse(event.created), context);
    case 'checkout.session.completed':
    case 'checkout.session.async_payment_succeeded':
      return mapCheckout(event, context);
    default:
      return ignored('EVENT_NOT_HANDLED');
  }
};

const Related = z.object({ id: z.string().regex(/^[^/]{1,255}$/) });
const thinTime = z.iso.datetime({ offset: true }).transform((iso) => new Date(Math.floor(Date.parse(iso) / 1000) * 1000));

/** Names what changed, and not how. In whole seconds, like the snapshot events beside which it may come. */
const mapThin = (event: Event, context: MapContext): Mapped => {
  const type = event.type.replace(/^v1\./, '');
  const ofCustomer = ['customer.created', 'customer.updated', 'customer.deleted'].includes(type);
  if (type === event.type || !(ofCustomer || isOfSubscription(type))) return ignored('EVENT_NOT_HANDLED');
  const { id } = Related.parse(event.related_object);
  const occurredAt = thinTime.parse(event.created);
  // Of a deleted customer the API would not tell more.
  if (type === 'customer.deleted') return mapDeletion({ id }, occurredAt, context);
  if (context.settings.api === undefined) return rejected('NO_VENDOR_API');
  const creates = type === 'customer.created';
  const subject = ofCustomer ? 'customer' : 'subscription';
  return refresh({ subject, id: subjectId(event, id), occurredAt, ...(creates && { creates }) });
};

/**
 * Customers, their subscriptions and completed Checkout sessions, of the own account and of those connected ones that the
 * settings name. Paths in the settings are relative to the customer; in a subscription or session the same ones are looked for.
 */
export const stripe = defineSource<Event>({
  id: 'stripe',
  docs: 'https://docs.stripe.com/webhooks',
  // `stripe-signature` holds commas of its own; `verify` tells when it came twice.
  verify: verifyStripe,
  schema: Kept,
  // While endpoints of both forms are on, a change comes as a thin event and as its twin.
  head: ({ id, type, snapshot_event }) => ({ eventId: String(snapshot_event || id).slice(0, 255), type }),
  map: (event, context) => {
    const { accounts = [], testEvents } = context.settings;
    const account = accountOf(event);
    // Customers of a connected account are somebody else's.
    if (account !== undefined && !accounts.includes(account)) return ignored('EVENT_NOT_HANDLED');
    if (isTest(event) && testEvents !== 'deliver') return ignored('TEST_EVENT');
    return event.object === THIN_EVENT ? mapThin(event, context) : mapHandled(event, context);
  },
  directory: stripeDirectory,
});

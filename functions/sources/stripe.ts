import * as z from 'zod';
import type { Call } from '../core/calls.ts';
import { filled, idAt, isoOf, momentOf, propertiesOf } from '../core/mapping.ts';
import { verifyStripe } from './signatures.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, rejected } from './source.ts';
import { deletionOf, freeForm, idAtPart, part, scalar, text } from './subject.ts';

/** Phone, address, shipping, tax, description, balance and payment ids are not named, so they go. */
const Kept = z.object({
  id: z.string().min(1).max(255),
  object: scalar,
  type: z.string().min(1).max(255),
  created: scalar,
  livemode: scalar,
  account: scalar,
  data: part(
    z.object({
      object: part(
        z.object({
          id: scalar,
          email: scalar,
          name: scalar,
          created: scalar,
          currency: scalar,
          delinquent: scalar,
          livemode: scalar,
          preferred_locales: part(z.array(scalar)),
          client_reference_id: scalar,
          metadata: freeForm,
          test_clock: scalar,
        }),
      ),
    }),
  ),
});
type Event = z.infer<typeof Kept>;

/** Whole seconds since the epoch. */
const time = z
  .number()
  .transform((seconds) => momentOf(seconds))
  .pipe(z.date());
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

/** The id of the app's own user or company, which the app writes into the customer's metadata: docs.stripe.com/api/metadata */
const USER_ID = ['metadata.user_id', 'metadata.userId', 'client_reference_id'] as const;
const COMPANY_ID = ['metadata.company_id', 'metadata.companyId', 'metadata.org_id'] as const;

/** A thin event has no `data`: docs.stripe.com/webhooks/migrate-snapshot-to-thin-events */
const THIN_EVENT = 'v2.core.event';

const customerOf = (event: Event) => (event.data ? event.data.object : event.data);

const isTest = (event: Event): boolean => {
  const customer = customerOf(event);
  const onTestClock = customer ? (customer.test_clock ?? null) !== null : false;
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
  const call = customerCall(Customer.parse(customerOf(event)), context);
  if (typeof call === 'string') return rejected(call);
  // Whole seconds, and not meant for ordering: events of one second are both sent, in order of arrival.
  const occurredAt = time.parse(event.created);
  // Where the end of a customer is not the end of the user, its beginning brings no deleted user back either.
  const creates = event.type === 'customer.created' && context.settings.deletions === 'tombstone';
  return changes({ call, facet: 'profile', occurredAt, ...(creates && { creates }) });
};

/** Ignored unless the settings say otherwise: a billing record ended, and the user may live on. */
const mapDeletion = (event: Event, { settings }: MapContext): Mapped => {
  const meaning = settings.deletions ?? 'ignore';
  if (meaning === 'ignore') return ignored('DELETION_IGNORED');
  const deletion = { source: 'stripe', meaning, occurredAt: time.parse(event.created) } as const;
  const customer = customerOf(event);
  // The stub `{ id, deleted }` lacks the metadata, so it cannot tell whether a path behind the first one counts.
  const idOf = (customer ? customer.metadata : undefined) ? idAt : idAtPart;
  if (settings.entity === 'company') {
    const company_id = idOf(customer, settings.companyId ?? COMPANY_ID);
    return company_id === undefined ? rejected('NO_COMPANY_ID') : deletionOf({ company_id }, deletion);
  }
  const user_id = idOf(customer, settings.userId ?? USER_ID);
  return user_id === undefined ? rejected('NO_USER_ID') : deletionOf({ user_id }, deletion);
};

const mapHandled = (event: Event, context: MapContext): Mapped => {
  switch (event.type) {
    case 'customer.created':
    case 'customer.updated':
      return mapCustomer(event, context);
    case 'customer.deleted':
      return mapDeletion(event, context);
    default:
      return ignored('EVENT_NOT_HANDLED');
  }
};

/** Customers, from snapshot events of the own account. Paths in the settings are relative to `data.object`, the customer. */
export const stripe = defineSource<Event>({
  id: 'stripe',
  docs: 'https://docs.stripe.com/webhooks',
  // `stripe-signature` holds commas of its own; `verify` tells when it came twice.
  verify: verifyStripe,
  schema: Kept,
  head: ({ id, type }) => ({ eventId: id, type }),
  map: (event, context) => {
    // `account` names a connected account: its customers are somebody else's.
    if (event.object === THIN_EVENT || (event.account ?? null) !== null) return ignored('EVENT_NOT_HANDLED');
    if (isTest(event) && context.settings.testEvents !== 'deliver') return ignored('TEST_EVENT');
    return mapHandled(event, context);
  },
});

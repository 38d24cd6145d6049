import * as z from 'zod';
import { filled, idAt, propertiesOf } from '../core/mapping.ts';
import { changes, ignored, type MapContext, type Mapped, refresh, rejected } from './source.ts';
import { companyIdBeside, type Event, objectOf, subjectId, time, userIdBeside } from './stripe.event.ts';
import { text } from './subject.ts';

const Session = z.object({
  status: text,
  customer: text,
  client_reference_id: text,
  customer_details: z.object({ email: text, name: text }).nullish(),
  customer_email: text,
  metadata: z.record(z.string(), z.unknown()).nullish(),
  created: time.nullish(),
});

/**
 * Says which user a customer is: `client_reference_id` is the app's to choose, and stands nowhere else later. It counts as of the
 * beginning of the session, so that it never stands before what events of the customer tell of the same user, and tell in full.
 */
export const mapCheckout = (event: Event, { settings }: MapContext): Mapped => {
  const session = Session.parse(objectOf(event));
  if (session.status !== 'complete') return ignored('EVENT_NOT_HANDLED');
  const { customer, client_reference_id, customer_details } = session;
  const told = time.parse(event.created);
  const occurredAt = session.created ?? told;
  const beside = { metadata: session.metadata ?? {}, client_reference_id, id: customer };
  const company_id = companyIdBeside(beside, settings);
  // Customers have none, so that it is no choice between them wherever in your list it stands.
  const isListed = settings.userId?.includes('client_reference_id') === true;
  const user_id = userIdBeside(beside, settings) ?? (isListed ? idAt(beside, ['client_reference_id']) : undefined);
  const ofCompany = settings.entity === 'company';
  if ((ofCompany ? company_id : user_id) === undefined && settings.api !== undefined && filled(customer) !== undefined)
    return refresh({ subject: 'customer', id: subjectId(event, customer ?? ''), occurredAt: told });
  const email = filled(customer_details?.email) ?? filled(session.customer_email);
  const properties = { name: filled(customer_details?.name), stripe_customer_id: filled(customer) };
  const sent = propertiesOf(
    undefined,
    { ...settings, properties: {} },
    ofCompany ? { billing_email: email, ...properties } : { email, ...properties },
  );
  if (ofCompany) {
    if (company_id === undefined) return rejected('NO_COMPANY_ID');
    return changes({ call: { kind: 'identifyCompany', company_id, ...sent }, facet: 'profile', occurredAt });
  }
  if (user_id === undefined) return rejected('NO_USER_ID');
  const company = company_id === undefined ? {} : { company: { id: company_id } };
  return changes({ call: { kind: 'identifyUser', user_id, ...sent, ...company }, facet: 'profile', occurredAt });
};

import * as z from 'zod';
import type { Call, Property } from '../core/calls.ts';
import { filled, idAt, isoOf, propertiesOf } from '../core/mapping.ts';
import type { SourceSettings } from '../core/settings.ts';
import { changes, type MapContext, type Mapped, refresh, rejected } from './source.ts';
import { COMPANY_ID, companyIdBeside, type Event, objectOf, subjectId, time, USER_ID, userIdBeside } from './stripe.event.ts';
import { text } from './subject.ts';

const Price = z.object({
  id: text,
  lookup_key: text,
  nickname: text,
  product: text,
  unit_amount: z.number().nullish(),
  recurring: z.object({ interval: text }).nullish(),
});
const Item = z.object({ price: Price.nullish(), quantity: z.number().nullish(), current_period_end: time.nullish() });
type Item = z.infer<typeof Item>;

const Subscription = z.object({
  id: z.string(),
  customer: z.union([z.string(), z.looseObject({})]).nullish(),
  status: text,
  items: z.object({ data: z.array(Item).nullish() }).nullish(),
  current_period_end: time.nullish(),
  trial_end: time.nullish(),
  cancel_at: time.nullish(),
  cancel_at_period_end: z.boolean().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});
type Subscription = z.infer<typeof Subscription>;

const amountOf = ({ price, quantity }: Item): number => (price?.unit_amount ?? 0) * (quantity ?? 1);

/** Null where Stripe says that there is none (any more), so that Userpilot forgets it too. */
const dateOf = (moment: Date | null | undefined): string | null | undefined => (moment === null ? null : isoOf(moment));

/** The plan is that of the item which costs the most. */
const propertiesIn = (subscription: Subscription): Readonly<Record<string, Property | undefined>> => {
  const items = subscription.items?.data ?? [];
  const [main] = items.toSorted((a, b) => amountOf(b) - amountOf(a));
  const { price } = main ?? {};
  return {
    plan: filled(price?.lookup_key) ?? filled(price?.nickname) ?? filled(price?.id),
    plan_product: filled(price?.product),
    plan_interval: filled(price?.recurring?.interval),
    plan_count: subscription.items?.data && items.length,
    subscription_status: filled(subscription.status),
    trial_end_at: dateOf(subscription.trial_end),
    // Since 2025 it stands at the item: docs.stripe.com/changelog/basil
    current_period_end_at: dateOf(main?.current_period_end ?? subscription.current_period_end),
    cancel_at: dateOf(subscription.cancel_at),
    cancel_at_period_end: subscription.cancel_at_period_end ?? undefined,
  };
};

type Id = { readonly id: string } | { readonly because: 'NO_USER_ID' | 'NO_COMPANY_ID' };

/** By its own metadata, which Stripe copies from nowhere, or by those of the customer where a directory brought it along. */
const idIn = ({ customer, metadata }: Subscription, settings: SourceSettings): Id => {
  const whole = typeof customer === 'object' && customer !== null ? customer : undefined;
  const own = { metadata: metadata ?? {}, id: whole?.id ?? customer };
  const ofCompany = settings.entity === 'company';
  const beside = ofCompany ? companyIdBeside(own, settings) : userIdBeside(own, settings);
  const paths = ofCompany ? (settings.companyId ?? COMPANY_ID) : (settings.userId ?? USER_ID);
  const id = beside ?? idAt(whole, paths);
  return id === undefined ? { because: ofCompany ? 'NO_COMPANY_ID' : 'NO_USER_ID' } : { id };
};

/** Paths of the customer do not say what of its subscription to send, so that only the defaults go. */
export const mapSubscription = (event: Event, { settings }: MapContext): Mapped => {
  const subscription = Subscription.parse(objectOf(event));
  const occurredAt = time.parse(event.created);
  const found = idIn(subscription, settings);
  if ('because' in found) {
    // With the customer at hand there is nobody left to ask.
    const isAskable = settings.api !== undefined && typeof subscription.customer === 'string';
    if (!isAskable) return rejected(found.because);
    return refresh({ subject: 'subscription', id: subjectId(event, subscription.id), occurredAt });
  }
  const properties = propertiesOf(undefined, { ...settings, properties: {} }, propertiesIn(subscription));
  const call: Call =
    settings.entity === 'company'
      ? { kind: 'identifyCompany', company_id: found.id, ...properties }
      : { kind: 'identifyUser', user_id: found.id, ...properties };
  return changes({ call, facet: 'subscription', occurredAt });
};

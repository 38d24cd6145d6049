import * as z from 'zod';
import { idAt, momentOf } from '../core/mapping.ts';
import type { Path } from '../core/path.ts';
import type { SourceSettings } from '../core/settings.ts';
import { freeForm, idAtPart, part, scalar } from './subject.ts';

/** Phone, address, shipping, tax, description, balance and payment ids are not named, so they go. */
const Customer = {
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
};

/** Of a subscription neither the comment with which somebody cancelled it nor how it is paid. */
const Subscription = {
  /** Its id, or the whole of it where a directory asked for that. */
  customer: part(z.union([z.string(), z.object(Customer)])),
  status: scalar,
  items: part(
    z.object({
      data: part(
        z.array(
          part(
            z.object({
              price: part(
                z.object({
                  id: scalar,
                  lookup_key: scalar,
                  nickname: scalar,
                  product: scalar,
                  unit_amount: scalar,
                  recurring: part(z.object({ interval: scalar })),
                }),
              ),
              quantity: scalar,
              current_period_end: scalar,
            }),
          ),
        ),
      ),
    }),
  ),
  current_period_end: scalar,
  trial_end: scalar,
  cancel_at: scalar,
  cancel_at_period_end: scalar,
};

const CheckoutSession = {
  customer_details: part(z.object({ email: scalar, name: scalar })),
  customer_email: scalar,
};

export const Kept = z.object({
  id: z.string().min(1).max(255),
  object: scalar,
  type: z.string().min(1).max(255),
  created: scalar,
  livemode: scalar,
  account: scalar,
  data: part(z.object({ object: part(z.object({ ...Customer, ...Subscription, ...CheckoutSession })) })),
  /** Of thin events, which have no `data`. */
  context: scalar,
  snapshot_event: scalar,
  related_object: part(z.object({ id: scalar })),
});
export type Event = z.infer<typeof Kept>;

export const objectOf = (event: Event) => (event.data ? event.data.object : event.data);

/** Whole seconds since the epoch. */
export const time = z
  .number()
  .transform((seconds) => momentOf(seconds))
  .pipe(z.date());

/** The id of the app's own user or company, which the app writes into the customer's metadata: docs.stripe.com/api/metadata */
export const USER_ID = ['metadata.user_id', 'metadata.userId', 'client_reference_id'] as const;
export const COMPANY_ID = ['metadata.company_id', 'metadata.companyId', 'metadata.org_id'] as const;

/**
 * The same id in another object of the same customer: `id` is still the customer's. A path of yours that it lacks ends the
 * search, since the next one is for customers that lack the first, and whether this one does is not known.
 */
const idBeside = (object: object, usual: readonly Path[], chosen: readonly Path[] | undefined): string | undefined =>
  chosen === undefined ? idAt(object, usual) : idAtPart(object, chosen);

export const userIdBeside = (object: object, { userId }: SourceSettings) => idBeside(object, USER_ID, userId);
export const companyIdBeside = (object: object, { companyId }: SourceSettings) => idBeside(object, COMPANY_ID, companyId);

/** The account of somebody else that it happened in; undefined = the own one. */
export const accountOf = ({ account, context }: Event): string | undefined => {
  const foreign = [account, context].find((one) => one !== undefined && one !== null);
  return foreign === undefined ? undefined : String(foreign);
};

/** For the directory: of a connected account it must say which. */
export const subjectId = (event: Event, id: string): string => [accountOf(event), id].flatMap((part) => part ?? []).join('/');

import * as z from 'zod';
import { VendorError } from '../core/errors.ts';
import type { ApiAnswer, Directory, VendorApi } from './directory.ts';

/** That of the answers, whichever the account has for its default. */
const HEADERS = { 'stripe-version': '2026-10-28.endive' };
const PAGE_SIZE = 100;

const Found = z.looseObject({ id: z.string(), livemode: z.boolean().nullish(), deleted: z.boolean().nullish() });
type Found = z.infer<typeof Found>;
const Customer = Found.extend({ created: z.number(), subscriptions: z.object({ data: z.array(Found) }).nullish() });
const Page = z.object({ data: z.array(Customer), has_more: z.boolean() });
const Failure = z.object({ error: z.object({ code: z.string(), message: z.string().nullish() }) });

/** As a snapshot event brings it. Nothing at Stripe says when it changed, so the time is that of what made us ask. */
const toRecord = (type: string, object: Found, at: Date) => ({
  id: `fetched_${object.id}`,
  object: 'event',
  type,
  created: Math.floor(at.getTime() / 1000),
  livemode: object.livemode,
  data: { object },
});

const seconds = (moment: Date): string => String(Math.floor(moment.getTime() / 1000));

/** A key of the other mode finds nobody, and must not end everybody. */
const OTHER_MODE = /similar object exists in (?:live|test) mode/;
const isMissing = ({ status, body }: ApiAnswer): boolean => {
  const { error } = Failure.safeParse(body).data ?? {};
  return status === 404 && error?.code === 'resource_missing' && !OTHER_MODE.test(error.message ?? '');
};

interface Cursor {
  /** Of the last customer of the page before. */
  readonly id: string;
  readonly created: string;
}

const pageAfter = async (api: VendorApi, cursor: Cursor | undefined, until: string) => {
  const ask = (more: Readonly<Record<string, string>>) => {
    const query = new URLSearchParams({ limit: String(PAGE_SIZE), 'created[lte]': until, ...more });
    query.append('expand[]', 'data.subscriptions');
    return api({ url: `/v1/customers?${query}`, headers: HEADERS });
  };
  if (cursor === undefined) return ask({});
  try {
    const answer = await ask({ starting_after: cursor.id });
    if (answer.status !== 404) return answer;
  } catch (error) {
    if (!(error instanceof VendorError) || error.status !== 400) throw error;
  }
  // That customer was deleted meanwhile: on from the same second, where some may come twice.
  return ask({ 'created[lte]': cursor.created });
};

/**
 * Customers with their subscriptions, newest first; a restricted key that may read both is enough. Whoever changed cannot be
 * asked for, and deleted customers are not listed.
 */
export const stripeDirectory: Directory = {
  hosts: ({ api = 'https://api.stripe.com' }) => [api],
  credential: ['key'],
  authorize: ({ credential }) => ({ headers: { authorization: `Bearer ${credential.key}` } }),
  // A sandbox takes 25 a second in all: docs.stripe.com/rate-limits
  pace: { intervalMs: 100, burst: 5 },
  fetch: async (api, refresh) => {
    const { subject, occurredAt, creates } = refresh;
    const [id = '', account] = refresh.id.split('/').reverse();
    const place = subject === 'subscription' ? 'subscriptions' : 'customers';
    const expand = subject === 'subscription' ? '?expand%5B%5D=customer' : '';
    const headers = { ...HEADERS, ...(account !== undefined && { 'stripe-account': account }) };
    const answer = await api({ url: `/v1/${place}/${encodeURIComponent(id)}${expand}`, headers });
    if (isMissing(answer)) return undefined;
    const { data: found } = Found.safeParse(answer.body);
    if (answer.status !== 200 || found === undefined) throw new VendorError('UNEXPECTED', { status: answer.status });
    if (subject === 'subscription') return toRecord('customer.subscription.updated', found, occurredAt);
    if (found.deleted === true) return toRecord('customer.deleted', found, occurredAt);
    return toRecord(creates === true ? 'customer.created' : 'customer.updated', found, occurredAt);
  },
  gone: ({ subject, id: name }, at) => {
    const [id = ''] = name.split('/').reverse();
    // What is no more of a subscription says nothing of its customer: nothing follows from this type.
    return toRecord(subject === 'subscription' ? 'customer.subscription.missing' : 'customer.deleted', { id, deleted: true }, at);
  },
  list: async (api, cursor, { startedAt }) => {
    const [created = '', id = ''] = cursor?.split('.', 2) ?? [];
    const answer = await pageAfter(api, cursor === undefined ? undefined : { id, created }, seconds(startedAt));
    const { data: page } = Page.safeParse(answer.body);
    if (answer.status !== 200 || page === undefined) throw new VendorError('UNEXPECTED', { status: answer.status });
    const records = page.data.flatMap(({ subscriptions, ...customer }) => [
      toRecord('customer.updated', customer, startedAt),
      // The newest, as after its last event.
      ...(subscriptions?.data ?? [])
        .slice(0, 1)
        .map((subscription) => toRecord('customer.subscription.updated', { ...subscription, customer }, startedAt)),
    ]);
    const last = page.data.at(-1);
    return { records, ...(page.has_more && last !== undefined && { next: `${last.created}.${last.id}` }) };
  },
};

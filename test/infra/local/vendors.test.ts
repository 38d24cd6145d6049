import { describe, expect, it } from '@jest/globals';
import {
  DELIVER_VISIBILITY_SECONDS,
  MAX_RECEIVE_COUNT,
  REFRESH_SOURCES,
  REFRESH_VISIBILITY_SECONDS,
} from '../../../functions/manifest.ts';
import { sourceById } from '../../../functions/sources/index.ts';
import { fakeVendors } from '../../../infra/local/fake-vendors/index.ts';
import { queueSpecs, refreshedIn } from '../../../infra/local/resources.ts';
import { VENDORS_ORIGIN, withVendorsAt } from '../../../infra/local/vendors.ts';
import { parseStage, type Stage } from '../../../infra/stages.ts';

const stage = parseStage('local');
const withSettings = (stripe: object): Stage => parseStage('local', { local: { ...stage, sources: { stripe } } });

describe('where the fake vendors are', () => {
  it('is put in the place of the address that stands for them, and nothing else is', () => {
    const settings = {
      api: `${VENDORS_ORIGIN}/stripe`,
      keys: VENDORS_ORIGIN,
      issuer: 'https://harbour.example',
      properties: { at: 'metadata.at' },
    };
    const there = withVendorsAt(withSettings(settings), 'http://127.0.0.1:1');
    expect(there.sources.stripe).toEqual({ ...settings, api: 'http://127.0.0.1:1/stripe', keys: 'http://127.0.0.1:1' });
    const longer = { api: `${VENDORS_ORIGIN}1/stripe` };
    expect(withVendorsAt(withSettings(longer), 'http://127.0.0.1:1').sources.stripe).toEqual(longer);
    expect({ ...there, sources: {} }).toEqual({ ...stage, sources: {} });
  });
});

describe('the fake vendors', () => {
  it('are one for each source of the local stage that asks its vendor', () => {
    const asking = Object.entries(stage.sources).filter(([, { api = '' }]) => api.startsWith(`${VENDORS_ORIGIN}/`));
    expect(fakeVendors.map(({ id }) => id).toSorted()).toEqual(asking.map(([id]) => id).toSorted());
  });

  it('take the credentials that their sources need', () => {
    for (const { id, credential } of fakeVendors)
      expect([id, Object.keys(credential)]).toEqual([
        id,
        expect.arrayContaining([...(sourceById(id)?.directory?.credential ?? [])]),
      ]);
  });
});

describe('the queues', () => {
  it('of what is to be fetched are as that of events, with the same dead letters', () => {
    const specs = new Map(queueSpecs(['clerk', 'stripe']).map(({ name, attributes }) => [name, attributes]));
    expect([...specs.keys()]).toEqual([
      'events-dead.fifo',
      'events.fifo',
      'refresh-clerk.fifo',
      'refresh-stripe.fifo',
      'rejected',
    ]);
    expect({ ...specs.get('refresh-clerk.fifo'), VisibilityTimeout: String(DELIVER_VISIBILITY_SECONDS) }).toEqual(
      specs.get('events.fifo'),
    );
    expect(specs.get('refresh-clerk.fifo')?.VisibilityTimeout).toBe(String(REFRESH_VISIBILITY_SECONDS));
    expect(JSON.parse(specs.get('events.fifo')?.RedrivePolicy ?? '')).toEqual({
      deadLetterTargetArn: expect.stringMatching(/:events-dead\.fifo$/),
      maxReceiveCount: MAX_RECEIVE_COUNT,
    });
  });

  it('are for sources with thin events whose vendor the stage names', () => {
    expect(refreshedIn(stage)).toEqual(REFRESH_SOURCES.filter((id) => stage.sources[id] !== undefined));
    expect(refreshedIn(withSettings({}))).toEqual([]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { SOURCE_IDS, WEBHOOK_SOURCES } from '../../../functions/manifest.ts';
import { DEFAULT_SECRETS_FILE } from '../../../infra/local/defaults.ts';
import { startFakeUserpilot } from '../../../infra/local/fake-userpilot/server.ts';
import { startFakeVendors } from '../../../infra/local/fake-vendors/server.ts';
import { type FunctionEvent, readFunctionEvent } from '../../../infra/local/function-log.ts';
import { banner, eventLine, sampleCommand } from '../../../infra/local/screen.ts';
import type { LocalStack } from '../../../infra/local/stack.ts';
import { styleFor } from '../../../infra/local/style.ts';

const plain = styleFor({}, {});
const event: FunctionEvent = {
  at: new Date(2026, 10, 23, 12, 0, 1),
  source: 'clerk',
  type: 'user.created',
  outcome: 'delivered',
  milliseconds: 41.6,
};
const stack: LocalStack = {
  url: 'http://127.0.0.1:8787',
  userpilot: undefined,
  userpilotUrl: 'https://analytex.userpilot.io',
  vendors: undefined,
  sources: [
    { id: 'auth0', url: 'http://127.0.0.1:8787/webhooks/auth0', hasSecret: false },
    { id: 'stripe', url: 'http://127.0.0.1:8787/webhooks/stripe', hasSecret: true },
  ],
  dataDir: '/data',
  secretsFile: '/my secrets/it’s.json',
  engines: { sqs: '', dynamodb: '', secretsManager: '' },
  queueUrls: { events: '', deadLetters: '', rejected: '', refresh: {} },
  tableName: 'table',
  stop: async () => undefined,
};

describe('a line about an event', () => {
  it('has time, outcome, milliseconds, source and type in columns', () => {
    const lines = [
      eventLine(event, plain),
      eventLine(
        {
          ...event,
          source: 'cognito',
          type: 'PostAuthentication_Authentication',
          outcome: 'superseded',
          code: 'UNCHANGED',
          milliseconds: 12_345,
        },
        plain,
      ),
      eventLine(
        { ...event, source: '-', type: '-', outcome: 'refused', code: 'SIGNATURE_MISMATCH', milliseconds: undefined },
        plain,
      ),
    ];
    expect(lines.map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['12:00:01', 'delivered', '42 ms', 'clerk', 'user.created'],
      ['12:00:01', 'superseded', '12345 ms', 'cognito', 'PostAuthentication_Authentication', 'UNCHANGED'],
      ['12:00:01', 'refused', '-', '-', 'SIGNATURE_MISMATCH'],
    ]);
    const starts = [' clerk', ' cognito', ' - '].map((source, index) => lines[index]?.indexOf(source));
    expect(new Set(starts).size).toBe(1);
    expect(lines[0]?.indexOf(' ms')).toBe(lines[1]?.indexOf(' ms'));
  });

  it('lets no event type move the cursor or break the line', () => {
    const line = eventLine({ ...event, type: '\u001b[2J\nuser\u202ecreated' }, plain);
    expect(line).toMatch(/^[\x20-\x7e]+$/);
    expect(eventLine({ ...event, type: 'x'.repeat(200) }, plain).length).toBeLessThan(110);
  });

  it('has colours on a terminal only, and not when NO_COLOR asks for none', () => {
    const colour = '\u001b[';
    expect(eventLine(event, styleFor({ isTTY: true }, {}))).toContain(colour);
    expect(eventLine(event, styleFor({ isTTY: true }, { NO_COLOR: '1' }))).not.toContain(colour);
    expect(eventLine(event, styleFor({ isTTY: false }, {}))).not.toContain(colour);
  });
});

describe('what the functions write', () => {
  it('is an event when it says how one fared', () => {
    const line =
      '{"at":"2026-11-23T12:00:00.000Z","level":"INFO","message":"event","source":"clerk","type":"user.created","outcome":"delivered","milliseconds":7}';
    expect(readFunctionEvent(line)).toEqual({
      at: new Date('2026-11-23T12:00:00Z'),
      source: 'clerk',
      type: 'user.created',
      outcome: 'delivered',
      milliseconds: 7,
    });
  });

  it.each([
    ['a metric', '{"_aws":{"Timestamp":1},"outcome":["x"]}'],
    ['a line without an outcome', '{"at":"2026-11-23T12:00:00.000Z","level":"WARN","message":"API key not fetched"}'],
    ['no JSON', 'a library says "outcome"'],
  ])('is none when it is %s', (_, line) => {
    expect(readFunctionEvent(line)).toBeUndefined();
  });
});

describe('the banner', () => {
  const options = { stage: 'local', seconds: 0.44, style: plain };
  const rowsOf = (shown: LocalStack) =>
    banner(shown, options)
      .split('\n')
      .map((line) => line.trim().split(/ {2,}/));

  it('shows the address, each source and what it lacks', () => {
    const rows = rowsOf(stack);
    expect(rows).toContainEqual(['Ready', 'http://127.0.0.1:8787', '0.4 s']);
    expect(rows).toContainEqual(['Userpilot', 'https://analytex.userpilot.io']);
    expect(rows).toContainEqual(['Webhooks', 'http://127.0.0.1:8787/webhooks/<source>']);
    expect(rows).toContainEqual(['auth0', 'stripe']);
    expect(rows).toContainEqual(['No secret', 'auth0', '(every request is refused)']);
    const addresses = banner(stack, options).matchAll(/^ {2}\w+ +(?=http|\/data)/gm);
    expect(new Set([...addresses].map(([start]) => start.length)).size).toBe(1);
  });

  it('shows the fakes where there are any', async () => {
    const names = rowsOf(stack).map(([name]) => name);
    expect(['Users', 'Vendors', 'Trigger'].filter((name) => names.includes(name))).toEqual([]);
    const vendors = await startFakeVendors({ vendors: [] });
    await vendors.close();
    expect(rowsOf({ ...stack, vendors })).toContainEqual(['Vendors', vendors.origin, expect.stringMatching(/^fake ones/)]);
  });

  it('fits a screen of 80 columns and 24 lines with every source', async () => {
    const [userpilot, vendors] = await Promise.all([
      startFakeUserpilot({ apiKeys: () => ['invented-key'] }),
      startFakeVendors({ vendors: [] }),
    ]);
    await Promise.all([userpilot.close(), vendors.close()]);
    const sources = SOURCE_IDS.map((id) => ({ id, url: `${stack.url}/${id}`, hasSecret: true }));
    const secretsFile = DEFAULT_SECRETS_FILE;
    const lines = banner({ ...stack, userpilot, vendors, sources, secretsFile }, options).split('\n');
    expect(lines.filter(({ length }) => length > 80)).toEqual([]);
    expect(lines.length).toBeLessThanOrEqual(24);
    const words = lines.flatMap((line) => line.trim().split(/ {2,}/));
    expect(WEBHOOK_SOURCES.filter((id) => !words.includes(id))).toEqual([]);
    expect(words).toContain(`${stack.url}/cognito`);
  });

  it('offers a command that fits this stack', () => {
    expect(sampleCommand(stack)).toBe("npm run send -- stripe --secrets '/my secrets/it’s.json'");
    expect(sampleCommand({ ...stack, url: 'http://127.0.0.1:1234', secretsFile: "/a'b" }, 'all')).toBe(
      "npm run send -- all --to http://127.0.0.1:1234 --secrets '/a'\\''b'",
    );
  });
});

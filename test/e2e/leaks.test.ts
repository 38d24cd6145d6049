import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, describe, expect, it } from '@jest/globals';
import { TABLE_KEY } from '../../functions/manifest.ts';
import type { Invented } from '../../functions/sources/sender.ts';
import { senders } from '../../functions/sources/senders.ts';
import { clientOptions } from '../../infra/local/engines/aws.ts';
import { startDynamo } from '../../infra/local/engines/dynamodb.ts';
import { TABLE_NAME } from '../../infra/local/resources.ts';
import { findCanaries, makeCanaries } from '../support/canaries.ts';
import { type RunnerProcess, startRunnerProcess } from '../support/runner-process.ts';
import { until } from '../support/until.ts';

const canaries = makeCanaries();
const folder = mkdtempSync(join(tmpdir(), 'userpilot-webhooks-leaks-'));
const dataDir = join(folder, 'data');
let runner: RunnerProcess;
afterAll(async () => {
  await runner.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** Secrets that hold a canary as far as the vendor's form lets them; Svix' is base64, and found as such. */
const signing = {
  auth0: canaries.secret,
  clerk: `whsec_${Buffer.from(canaries.secret.padEnd(24)).toString('base64')}`,
  stripe: `whsec_${canaries.secret}`,
} as const;

const who: Invented = {
  id: 'user_leaks',
  email: canaries.email,
  firstName: canaries.firstName,
  lastName: canaries.lastName,
  companyId: 'org_leaks',
  companyName: canaries.companyName,
};

let events = 0;
interface Sent {
  readonly id?: string;
  readonly secret?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What becomes of the signed body on the way. */
  readonly altered?: (body: string) => string;
  /** Signed like this. */
  readonly body?: string;
}
const post = async (
  source: keyof typeof signing,
  type: string,
  { id = who.id, altered = (body) => body, ...sent }: Sent = {},
) => {
  events += 1;
  const moment = { now: new Date(), eventId: `leaks${events}` };
  const body = sent.body ?? senders[source].body(type, { ...who, id }, moment);
  const headers = { ...senders[source].headers(Buffer.from(body), sent.secret ?? signing[source], moment), ...sent.headers };
  const response = await fetch(`${runner.url}/webhooks/${source}`, { method: 'POST', headers, body: altered(body) });
  return { status: response.status, text: await response.text() };
};

const fault = (body: unknown) => fetch(`${runner.userpilotUrl}/_/faults`, { method: 'POST', body: JSON.stringify(body) });
const log = () => readFileSync(join(dataDir, 'functions.log'), 'utf8');
const logged = (text: string, deadlineMs = 15_000) =>
  until(() => log().includes(text), { deadlineMs, description: `"${text}" in the log` });

/** The columns beside the bodies, of every message that any queue still holds. */
const queueAttributes = (): string => {
  const database = new DatabaseSync(join(dataDir, 'queue', 'fauxqs.db'), { readOnly: true });
  const rows = database
    .prepare('SELECT message_attributes, message_group_id, message_deduplication_id, queue_name FROM sqs_messages')
    .all();
  database.close();
  expect(rows.length).toBeGreaterThanOrEqual(4);
  return JSON.stringify(rows);
};

const tableItems = async (): Promise<string> => {
  const engine = await startDynamo({ folder: join(dataDir, 'table'), table: { name: TABLE_NAME, key: TABLE_KEY } });
  const client = new DynamoDBClient(clientOptions(engine.url));
  const { Items = [] } = await client.send(new ScanCommand({ TableName: TABLE_NAME }));
  client.destroy();
  await engine.close();
  expect(Items.length).toBeGreaterThanOrEqual(3);
  return JSON.stringify(Items);
};

describe('what is left behind by a run with everything in it', () => {
  it('holds no secret, address, name or body: output, log, answers, ledger, queue attributes', async () => {
    const secretsFile = join(folder, 'secrets.json');
    const sources = Object.fromEntries(Object.entries(signing).map(([id, secret]) => [id, { signingSecrets: [secret] }]));
    writeFileSync(secretsFile, JSON.stringify({ userpilot: { apiKey: canaries.apiKey }, ...sources }));
    runner = await startRunnerProcess(dataDir, ['--secrets', secretsFile]);

    const answers = [
      await post('clerk', 'user.created'),
      await post('clerk', 'organizationMembership.created'),
      await post('auth0', 'user.updated'),
      await post('stripe', 'customer.created'),
      // Refused: forged, altered, with a canary where a signature or a credential belongs, too large, not JSON.
      await post('clerk', 'user.created', { secret: `whsec_${Buffer.alloc(24).toString('base64')}` }),
      await post('stripe', 'customer.created', {
        altered: (body) => body.replace('{', `{"x":${JSON.stringify(canaries.body)},`),
      }),
      await post('auth0', 'user.created', { headers: { authorization: `Bearer ${canaries.email}` } }),
      await post('clerk', 'user.created', {
        headers: { 'svix-signature': `v1,${Buffer.from(canaries.email).toString('base64')}` },
      }),
      await post('clerk', 'user.created', { altered: (body) => body + ' '.repeat(300_000) }),
      await post('auth0', 'user.created', { body: `{"email":"${canaries.email}"` }),
      // Parked: no user id, and a form that nobody knows.
      await post('stripe', 'customer.created', { id: '' }),
      await post('clerk', 'user.created', {
        body: JSON.stringify({ type: 'user.created', data: { first_name: canaries.firstName, id: {} } }),
      }),
      await post('clerk', 'user.created', { body: JSON.stringify([canaries.body]) }),
    ];
    const trigger = senders.cognito.body(senders.cognito.types[0], who, { now: new Date(), eventId: 'leaks-cognito' });
    await fetch(`${runner.url}/triggers/cognito`, { method: 'POST', body: trigger });
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 401, 401, 401, 401, 413, 400, 202, 202, 202]);

    // Userpilot in trouble, then refusing one for good.
    await until(async () => (await fetch(`${runner.userpilotUrl}/_/users/${who.id}`)).ok);
    await fault({ next: 2, fault: { kind: 'status', status: 500, body: 'html' } });
    await post('clerk', 'user.updated');
    await logged('"code":"UNAVAILABLE"');
    await fault({ fault: { kind: 'reset-before' } });
    await post('clerk', 'user.updated');
    await logged('"code":"CONNECTION_LOST"');
    await fetch(`${runner.userpilotUrl}/_/faults`, { method: 'DELETE' });
    await fault({ user: 'user_refused', fault: { kind: 'status', status: 400 } });
    await post('clerk', 'user.created', { id: 'user_refused' });
    await logged('"code":"USERPILOT_REFUSED"');
    expect(await runner.interrupt()).toBe(0);

    const places = {
      output: runner.written(),
      log: log(),
      answers: answers.map(({ text }) => text).join('\n'),
      ledger: await tableItems(),
      'queue attributes': queueAttributes(),
    };
    for (const [place, text] of Object.entries(places))
      expect({ place, hits: findCanaries(text, canaries) }).toEqual({ place, hits: [] });
    // The canaries were there to be found: the fake Userpilot holds what it was sent.
    const delivered = findCanaries(readFileSync(join(dataDir, 'userpilot.jsonl')), canaries).map(({ canary }) => canary);
    expect(delivered).toEqual(expect.arrayContaining(['email', 'firstName', 'lastName', 'companyName']));
  }, 90_000);
});

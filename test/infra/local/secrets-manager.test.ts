import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WEBHOOK_SOURCES } from '../../../functions/manifest.ts';
import { privateKeySecret } from '../../../functions/sources/token.sender.ts';
import { clientOptions } from '../../../infra/local/engines/aws.ts';
import { type SecretsManagerEngine, startSecretsManager } from '../../../infra/local/engines/secrets-manager.ts';
import { fakeVendors } from '../../../infra/local/fake-vendors/index.ts';
import { openSecretStore } from '../../../infra/local/secret-store.ts';
import {
  completeSecrets,
  inventSecrets,
  isInvented,
  parseSecrets,
  readText,
  type Secrets,
  writeSecrets,
} from '../../../infra/local/secrets-file.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const first: Secrets = { userpilot: { apiKey: 'invented-key-1' }, clerk: { signingSecrets: ['whsec_aW52ZW50ZWQ='] } };

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
let problems: string[];
let engine: SecretsManagerEngine;
let client: SecretsManagerClient;
beforeEach(async () => {
  folder = temporaryFolder();
  path = join(folder.path, 'secrets.json');
  writeSecrets(path, first);
  problems = [];
  engine = await startSecretsManager(openSecretStore(path, (line) => problems.push(line)));
  client = new SecretsManagerClient({ ...clientOptions(engine.url), maxAttempts: 1 });
});
afterEach(async () => {
  client.destroy();
  await engine.close();
  folder.remove();
});

const get = async (SecretId: string, VersionStage?: string) => client.send(new GetSecretValueCommand({ SecretId, VersionStage }));
const textOf = async (id: string, stage?: string) => (await get(id, stage)).SecretString;

describe('GetSecretValue', () => {
  it('answers the current value as JSON text, with the date of the file', async () => {
    const { SecretString, CreatedDate, Name, VersionStages } = await get('clerk');
    expect(SecretString).toBe('{"signingSecrets":["whsec_aW52ZW50ZWQ="]}');
    expect({ Name, VersionStages }).toEqual({ Name: 'clerk', VersionStages: ['AWSCURRENT'] });
    expect(Math.abs((CreatedDate?.getTime() ?? 0) - statSync(path).mtimeMs)).toBeLessThan(2);
  });

  it.each([
    ['a secret that the file has not', 'stripe', 'AWSCURRENT'],
    ['an unknown secret', 'acme', 'AWSCURRENT'],
    ['a value before the first one', 'clerk', 'AWSPREVIOUS'],
  ])('does not find %s', async (_, id, stage) => {
    await expect(get(id, stage)).rejects.toBeInstanceOf(ResourceNotFoundException);
  });

  it('takes an edit of the file for a rotation', async () => {
    writeSecrets(path, { ...first, userpilot: { apiKey: 'invented-key-2' } });
    expect(await textOf('userpilot')).toBe('{"apiKey":"invented-key-2"}');
    expect(await textOf('userpilot', 'AWSPREVIOUS')).toBe('{"apiKey":"invented-key-1"}');
    await expect(get('clerk', 'AWSPREVIOUS')).rejects.toBeInstanceOf(ResourceNotFoundException);
  });

  it('keeps the values from before, and says so once, when an edit breaks the file', async () => {
    writeFileSync(path, '{"userpilot": {"apiKey": "half-typed');
    expect(await textOf('userpilot')).toBe('{"apiKey":"invented-key-1"}');
    await get('userpilot');
    expect(problems).toEqual([`Secrets file ${path} is not valid JSON: look at line 1. The secrets from before stay in force.`]);
  });

  it('forgets a secret that was taken out of the file, but for its former value', async () => {
    writeSecrets(path, { userpilot: first.userpilot });
    await expect(get('clerk')).rejects.toBeInstanceOf(ResourceNotFoundException);
    expect(await textOf('clerk', 'AWSPREVIOUS')).toContain('whsec_');
  });
});

describe('PutSecretValue', () => {
  it('moves the labels and writes the file', async () => {
    await client.send(new PutSecretValueCommand({ SecretId: 'clerk', SecretString: '{"signingSecrets":["whsec_bmV3"]}' }));
    expect(await textOf('clerk')).toBe('{"signingSecrets":["whsec_bmV3"]}');
    expect(await textOf('clerk', 'AWSPREVIOUS')).toBe('{"signingSecrets":["whsec_aW52ZW50ZWQ="]}');
    expect(parseSecrets(readText(path), path).clerk).toEqual({ signingSecrets: ['whsec_bmV3'] });
  });

  it.each([
    ['what the file may not hold', '{"signingSecrets":[]}', 'InvalidRequestException'],
    ['what is not JSON', 'whsec_bmV3', 'InvalidRequestException'],
  ])('refuses %s', async (_, SecretString, name) => {
    await expect(client.send(new PutSecretValueCommand({ SecretId: 'clerk', SecretString }))).rejects.toMatchObject({ name });
    expect(await textOf('clerk')).toBe('{"signingSecrets":["whsec_aW52ZW50ZWQ="]}');
  });
});

describe('a vendor that signs with a private key', () => {
  it('keeps it: the functions see what is shared with them, and no secret where that is nothing', () => {
    const api = { token: 'invented-token' };
    const key = privateKeySecret(new Uint8Array(24));
    const signing = { stytch: { signingSecrets: [key], api }, logto: { signingSecrets: [key] } };
    writeSecrets(path, { ...first, ...signing, workos: { signingSecrets: [key, 'shared'] } });
    const store = openSecretStore(path, (line) => problems.push(line));
    const seen = (['userpilot', 'clerk', 'stytch', 'logto', 'workos'] as const).map(
      (id) => store.version(id, 'AWSCURRENT')?.text,
    );
    const shown = [first.userpilot, first.clerk, { api }, undefined, { signingSecrets: ['shared'] }];
    expect(seen.map((text) => text && JSON.parse(text))).toEqual(shown);
    expect(store.secrets()).toMatchObject(signing);
  });
});

describe('the endpoint', () => {
  it('refuses operations that it does not have', async () => {
    const headers = { 'x-amz-target': 'secretsmanager.DeleteSecret', 'content-type': 'application/x-amz-json-1.1' };
    const response = await fetch(engine.url, { method: 'POST', headers, body: '{}' });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ __type: 'UnknownOperationException' });
  });
});

describe('a secrets file', () => {
  it('that was invented is readable by its owner only, and is one that can be read', () => {
    writeSecrets(path, inventSecrets());
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const secrets = parseSecrets(readText(path), path);
    expect(Object.keys(secrets)).toEqual(['userpilot', ...WEBHOOK_SOURCES]);
    expect([isInvented(secrets), isInvented(first)]).toEqual([true, false]);
  });

  it.each([
    ['{\n  "userpilot": {"apiKey": "topsecret"\n', 'is not valid JSON: look at line 3.'],
    ['{"clerk":{"signingSecrets":["topsecret"]}}', 'userpilot: Invalid input: expected object, received undefined.'],
    ['{"userpilot":{"apiKey":"topsecret with spaces"}}', 'userpilot.apiKey: write the API key, without spaces or line ends.'],
    ['{"userpilot":{"apiKey":"topsecret"},"clerk":{"signingSecrets":[""]}}', 'clerk.signingSecrets.0: write the secret'],
    ['{"userpilot":{"apiKey":"topsecret"},"clerk":{"signingSecrets":[]}}', 'clerk.signingSecrets: write at least one secret.'],
    ['{"userpilot":{"apiKey":"topsecret"},"clerk":{}}', 'clerk: write signingSecrets, api or both.'],
    ['{"userpilot":{"apiKey":"topsecret"},"clerk":{"api":{"token":""}}}', 'clerk.api.token: write a value.'],
    ['{"userpilot":{"apiKey":"topsecret"},"clerk":{"signing":["topsecret"]}}', 'clerk: unknown name signing'],
    [
      '{"userpilot":{"apiKey":"topsecret"},"clark":{}}',
      `unknown name clark (known: ${['userpilot', ...WEBHOOK_SOURCES].join(', ')})`,
    ],
    ['{"userpilot":{"apikey":"topsecret"}}', 'userpilot: unknown name apikey'],
    ['"topsecret"', 'the file: Invalid input: expected object, received string.'],
  ])('%j: says what to mend in one line and prints no value', (text, expected) => {
    let message = '';
    try {
      parseSecrets(text, 'secrets.json');
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain(expected);
    expect(message).not.toMatch(/topsecret|\n/);
  });

  it('may hold a credential alone', () => {
    const secrets: Secrets = { ...first, clerk: { api: { token: 'invented-token' } } };
    expect(parseSecrets(JSON.stringify(secrets), path)).toEqual(secrets);
  });

  it('gets what it lacks, and what the fake vendors ask for, and keeps all else', () => {
    const whole = completeSecrets(first);
    expect(whole).toMatchObject(first);
    expect(Object.keys(whole).toSorted()).toEqual(['userpilot', ...WEBHOOK_SOURCES].toSorted());
    for (const { id, credential } of fakeVendors) expect(whole).toMatchObject({ [id]: { api: credential } });
    const mine: Secrets = { ...whole, clerk: { api: { token: 'mine' } } };
    expect(completeSecrets(mine)).toEqual(mine);
  });

  it('that is not there, or not readable, is named', () => {
    expect(() => readText(join(folder.path, 'none.json'))).toThrow(/none\.json does not exist\.$/);
    expect(() => readText(folder.path)).toThrow(/cannot be read\.$/);
  });
});

import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import * as z from 'zod';
import { SourceSecret } from '../../functions/core/secrets.ts';
import { WEBHOOK_SOURCES, type WebhookSourceId } from '../../functions/manifest.ts';
import { senders } from '../../functions/sources/senders.ts';
import { fakeVendors } from './fake-vendors/index.ts';
import { codeOf, Problem } from './problem.ts';

const Userpilot = z.strictObject({
  apiKey: z.string().regex(/^[\x21-\x7e]+$/, 'write the API key, without spaces or line ends'),
});

const ofSources = Object.fromEntries(WEBHOOK_SOURCES.map((id) => [id, SourceSecret.optional()]));

/** What a secrets file may hold. A source that is left out has no secret, and its requests are refused. */
const Secrets = z.strictObject({
  userpilot: Userpilot,
  ...(ofSources as Record<WebhookSourceId, z.ZodOptional<typeof SourceSecret>>), // made from just these ids
});
export type Secrets = z.infer<typeof Secrets>;

const INVENTED_KEY = 'invented-for-development-';

/** The ids under which Secrets Manager knows them. */
export const SECRET_IDS = ['userpilot', ...WEBHOOK_SOURCES] as const;
export type SecretId = (typeof SECRET_IDS)[number];

const explain = (issue: z.core.$ZodIssue): string => {
  const place = issue.path.map(String).join('.') || 'the file';
  if (issue.code !== 'unrecognized_keys') return `${place}: ${issue.message}`;
  return `${place}: unknown name ${issue.keys.join(', ')}${issue.path.length === 0 ? ` (known: ${SECRET_IDS.join(', ')})` : ''}`;
};

/** JSON.parse says where it stopped, but quotes the text beside it, and the text is secret. */
const lineOf = (error: unknown, text: string): number => {
  const position = Number(/position (\d+)/.exec(String(error))?.[1] ?? text.length);
  return text.slice(0, position).split('\n').length;
};

const parseJson = (text: string, path: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Problem(`Secrets file ${path} is not valid JSON: look at line ${lineOf(error, text)}.`);
  }
};

/** Throws a Problem that names the place in the file and quotes no value. */
export const parseSecrets = (text: string, path: string): Secrets => {
  const result = Secrets.safeParse(parseJson(text, path));
  if (result.success) return result.data;
  throw new Problem(`Secrets file ${path} is wrong: ${result.error.issues.map(explain).join('; ')}.`);
};

/** Throws a Problem when the file cannot be read. */
export const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const reason = codeOf(cause) === 'ENOENT' ? 'does not exist' : 'cannot be read';
    throw new Problem(`Secrets file ${path} ${reason}.`, { cause });
  }
};

/** Whole or not at all, readable by its owner only. */
export const writeSecrets = (path: string, secrets: Secrets): void => {
  const fresh = `${path}.${randomUUID()}`;
  writeFileSync(fresh, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  renameSync(fresh, path);
};

type OfSource = z.infer<typeof SourceSecret>;

/** What the fake vendor of a source lets in. */
const credentialOf = (source: WebhookSourceId): Pick<OfSource, 'api'> => {
  const vendor = fakeVendors.find(({ id }) => id === source);
  return vendor === undefined ? {} : { api: { ...vendor.credential } };
};

const inventFor = (source: WebhookSourceId): OfSource => ({ signingSecrets: [senders[source].secret(randomBytes(24))] });

/** The same secrets, with invented ones for the sources and with the fake vendors' credentials that they lack. */
export const completeSecrets = (secrets: Secrets): Secrets => ({
  ...secrets,
  ...Object.fromEntries(WEBHOOK_SOURCES.map((id) => [id, { ...credentialOf(id), ...(secrets[id] ?? inventFor(id)) }])),
});

/** Secrets for development in the vendors' forms, from random bytes. None of them opens anything outside this machine. */
export const inventSecrets = (): Secrets =>
  completeSecrets({ userpilot: { apiKey: `${INVENTED_KEY}${randomBytes(16).toString('hex')}` } });

/** Whether Userpilot itself could know the key. */
export const isInvented = ({ userpilot }: Secrets): boolean => userpilot.apiKey.startsWith(INVENTED_KEY);

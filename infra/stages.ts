import * as z from 'zod';
import {
  DeletionSettings,
  OverflowSettings,
  RetrySettings,
  SourceSettings,
  UserpilotBaseUrl,
} from '../functions/core/settings.ts';
import { RESYNC_SOURCES, SOURCE_IDS, type SourceId } from '../functions/manifest.ts';
import { problemsIn } from '../functions/sources/standard-webhooks.ts';

/** Days that CloudWatch Logs accepts: docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
export const LOG_RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

const KNOWN_SOURCES = SOURCE_IDS.join(', ');

const LISTING: ReadonlySet<string> = new Set<SourceId>(RESYNC_SOURCES);

const Fields = z.strictObject({
  /** `us`, `eu` or a dedicated https base URL; read back as the base URL to call. */
  userpilot: z.string('write "us", "eu" or the https base URL from the Environment page').pipe(UserpilotBaseUrl),
  /** Where the stack goes. Absent parts are those of the AWS profile that deploys. */
  env: z
    .strictObject({
      account: z
        .string()
        .regex(/^\d{12}$/, 'write the 12 digits of the AWS account')
        .exactOptional(),
      region: z
        .string()
        .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'write an AWS region, e.g. eu-central-1')
        .exactOptional(),
    })
    .exactOptional(),
  /** One function each. A source that is left out costs nothing and cannot be called. */
  sources: z.partialRecord(z.enum(SOURCE_IDS), SourceSettings).refine((sources) => Object.keys(sources).length > 0, {
    error: `write at least one of ${KNOWN_SOURCES}`,
    when: ({ issues }) => issues.length === 0,
  }),
  /** The wait before another delivery. */
  retry: RetrySettings.prefault({}),
  /** Whether deletions reach Userpilot. What a vendor's deletion means at all is a setting of its source. */
  deletions: DeletionSettings.prefault({}),
  /** When more events wait than single calls can drain soon, bulk jobs take of the surplus. `false` = never. */
  overflow: z.union([z.literal(false), OverflowSettings]).prefault({}),
  logRetentionDays: z.literal(LOG_RETENTION_DAYS),
  /** Whether queues, table, key and secrets outlive the stack, and whether the stack refuses to be deleted. */
  retain: z.boolean(),
  /** An SNS topic of yours that hears the alarms. Its own policy must let CloudWatch publish. */
  alarmTopicArn: z
    .string()
    .regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+$/, 'write the ARN of an SNS topic')
    .exactOptional(),
  /** Gets the alarms through a topic of the stack, once the person has confirmed the subscription mail. */
  alarmEmail: z.email('write an e-mail address').exactOptional(),
  /** For all sources together. Requests above it get 429, which vendors send again. */
  httpThrottle: z
    .strictObject({ requestsPerSecond: z.int().positive(), burst: z.int().positive() })
    .default({ requestsPerSecond: 100, burst: 200 }),
});

/** What one deployment may say. Its output has every default filled in. */
export const Stage = Fields.superRefine(({ env, sources }, context) => {
  for (const pool of sources.cognito?.userPools ?? []) {
    const region = pool.split('_')[0];
    // Cognito invokes functions of its own region only, and a pool id begins with the region.
    if (env?.region !== undefined && region !== env.region) {
      const message = `pool ${pool} cannot call a function in ${env.region}: deploy to the region of the pool`;
      context.addIssue({ code: 'custom', path: ['sources', 'cognito', 'userPools'], message });
    }
  }
  for (const [source, settings] of Object.entries(sources)) {
    for (const { path, message } of problemsIn(settings?.events ?? {})) {
      context.addIssue({ code: 'custom', path: ['sources', source, 'events', ...path], message });
    }
    if (settings?.resync !== undefined && !LISTING.has(source)) {
      const message = `the users of ${source} cannot be listed; those of ${RESYNC_SOURCES.join(', ')} can`;
      context.addIssue({ code: 'custom', path: ['sources', source, 'resync'], message });
    }
  }
  if (sources.cognito?.resync !== undefined && (sources.cognito.userPools ?? []).length === 0) {
    const message = 'name the pools whose users a resync lists, and which its function may then list';
    context.addIssue({ code: 'custom', path: ['sources', 'cognito', 'userPools'], message });
  }
});
export type Stage = Readonly<z.output<typeof Stage>>;
export type StageInput = z.input<typeof Stage>;

/** The deployments. Edit these: `npx cdk deploy --context stage=production` reads one of them. */
export const stages = {
  /** `npm start` runs this one; it is not deployed. The address is that of a fake Userpilot on the same machine. */
  local: {
    userpilot: 'http://127.0.0.1:4010',
    sources: {
      auth0: { testEvents: 'deliver', api: 'http://127.0.0.1:4020/auth0' },
      clerk: { api: 'http://127.0.0.1:4020/clerk/v1' },
      cognito: { userPools: ['eu-west-1_Invented1'] },
      descope: { api: 'http://127.0.0.1:4020/descope' },
      'entra-external-id': { api: 'http://127.0.0.1:4020/entra-external-id' },
      firebase: { api: 'http://127.0.0.1:4020/firebase' },
      frontegg: { api: 'http://127.0.0.1:4020/frontegg' },
      fusionauth: { api: 'http://127.0.0.1:4020/fusionauth' },
      hanko: {
        api: 'http://127.0.0.1:4020/hanko',
        audience: ['app.example.com'],
        keys: 'http://127.0.0.1:4020/hanko/jwks',
      },
      keycloak: { api: 'http://127.0.0.1:4020/keycloak/realms/local' },
      kinde: { api: 'http://127.0.0.1:4020/kinde', keys: 'http://127.0.0.1:4020/kinde/jwks' },
      logto: { api: 'http://127.0.0.1:4020/logto' },
      okta: { api: 'http://127.0.0.1:4020/okta' },
      ory: { api: 'http://127.0.0.1:4020/ory' },
      propelauth: { api: 'http://127.0.0.1:4020/propelauth', issuer: 'https://auth.invented.example' },
      'standard-webhooks': {},
      stripe: { userId: ['metadata.user_id'], testEvents: 'deliver', api: 'http://127.0.0.1:4020/stripe' },
      stytch: { api: 'http://127.0.0.1:4020/stytch' },
      supabase: { api: 'http://127.0.0.1:4020/supabase/auth/v1' },
      workos: { api: 'http://127.0.0.1:4020/workos' },
      zitadel: { api: 'http://127.0.0.1:4020/zitadel' },
    },
    retry: { baseSeconds: 1, capSeconds: 10, openSeconds: 1 },
    deletions: { mode: 'erase' },
    logRetentionDays: 1,
    retain: false,
  },
  staging: {
    userpilot: 'us',
    sources: {
      clerk: {},
      stripe: { userId: ['metadata.user_id'], testEvents: 'deliver' },
    },
    logRetentionDays: 14,
    retain: false,
  },
  production: {
    userpilot: 'eu',
    env: { account: '111122223333', region: 'eu-central-1' },
    sources: {
      auth0: {},
      clerk: { properties: { plan: 'public_metadata.plan' } },
      cognito: { userPools: ['eu-central-1_Example01'] },
      stripe: { userId: ['metadata.user_id'] },
    },
    logRetentionDays: 90,
    retain: true,
    alarmEmail: 'on-call@example.com',
  },
} satisfies Readonly<Record<string, StageInput>>;

/** A union's own message is "Invalid input"; its last branch is the free form, whose message says what to write. */
const explain = (issue: z.core.$ZodIssue): string => {
  const last = issue.code === 'invalid_union' ? issue.errors.at(-1)?.[0] : undefined;
  if (issue.code === 'unrecognized_keys' && issue.path.at(-1) === 'sources')
    return `no ${issue.keys.join(', ')}; known: ${KNOWN_SOURCES}`;
  return last === undefined ? issue.message.replace(/^userpilot: /, '') : explain(last);
};

/**
 * One stage of the table, checked. `table` is another one only in tests.
 *
 * @throws Error naming the stage, the field and the remedy, for every field that is wrong.
 */
export const parseStage = (name: string, table: Readonly<Record<string, unknown>> = stages): Stage => {
  if (!Object.hasOwn(table, name)) {
    throw new Error(`infra/stages.ts has no stage "${name}". Known stages: ${Object.keys(table).join(', ')}.`);
  }
  const result = Stage.safeParse(table[name]);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => `  ${[name, ...issue.path].map(String).join('.')}: ${explain(issue)}`);
  throw new Error(`infra/stages.ts is wrong:\n${lines.join('\n')}`);
};

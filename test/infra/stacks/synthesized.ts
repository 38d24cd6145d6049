import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { createApp } from '../../../infra/app.ts';
import { type Bundle, buildAll, ENTRIES, refreshEntry } from '../../../infra/build.ts';
import type { StageInput } from '../../../infra/stages.ts';

const { context } = JSON.parse(readFileSync(new URL('../../../cdk.json', import.meta.url), 'utf8'));

export interface Synthesized {
  readonly template: Template;
  readonly bundles: readonly Bundle[];
  readonly stack: Stack;
}

/** One source whose users are brought over every night, and one that is left alone. */
const RESYNCING = {
  resyncing: {
    userpilot: 'eu',
    env: { account: '111122223333', region: 'eu-central-1' },
    sources: {
      clerk: { resync: { schedule: 'cron(0 3 * * ? *)', timeZone: 'Europe/Berlin', full: true } },
      workos: { resync: { schedule: 'rate(12 hours)' } },
      logto: {},
      // By hand only.
      cognito: { userPools: ['eu-central-1_Example01'], resync: { missing: 'tombstone' } },
    },
    overflow: false,
    logRetentionDays: 14,
    retain: false,
  },
} satisfies Readonly<Record<string, StageInput>>;

/** Two sources that could fetch, only one of which is told where. */
export const REFRESHING = {
  refreshing: {
    userpilot: 'eu',
    sources: { clerk: { api: 'https://api.vendor.example' }, workos: {}, stytch: { api: 'https://api.other.example' } },
    retry: { baseSeconds: 7 },
    logRetentionDays: 14,
    retain: false,
  },
} satisfies Readonly<Record<string, StageInput>>;

/** A folder with the real bundles, and stages synthesized from them with the context of cdk.json, findings included. */
export const createSynthesis = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'synthesis-'));
  const bundles = await buildAll({
    directory: join(directory, 'bundles'),
    entries: [...ENTRIES, refreshEntry('clerk')],
  });
  const app = (stage: string) =>
    createApp({
      bundles: join(directory, 'bundles'),
      outdir: join(directory, stage),
      context: { ...context, stage },
      analyticsReporting: false,
      ...(stage in RESYNCING && { stages: RESYNCING }),
      ...(stage in REFRESHING && { stages: REFRESHING, refreshSources: ['clerk', 'workos'] as const }),
    });
  return {
    bundles,
    app,
    synthesize(stage: string): Synthesized {
      const stack = app(stage).node.children.find((child) => child instanceof Stack);
      if (stack === undefined) throw new Error(`stage ${stage} has no stack`);
      return { template: Template.fromStack(stack), bundles, stack };
    },
    close: () => rm(directory, { recursive: true, force: true }),
  };
};

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

const logicalId = (resource: unknown): string => {
  const { Ref, 'Fn::GetAtt': attribute } = resource as { readonly Ref?: string; readonly 'Fn::GetAtt'?: readonly string[] };
  return Ref ?? attribute?.[0] ?? JSON.stringify(resource);
};

/** What the role of a function may do: action to logical ids of the resources. */
export const allowedBy = (template: Template, role: string): Readonly<Record<string, readonly string[]>> => {
  const allowed: Record<string, string[]> = {};
  for (const { Properties } of Object.values(template.findResources('AWS::IAM::Policy'))) {
    if (!Properties.Roles.some((attached: unknown) => logicalId(attached) === role)) continue;
    for (const { Effect, Action, Resource } of Properties.PolicyDocument.Statement as readonly Statement[]) {
      if (Effect !== 'Allow') throw new Error(`${role}: unexpected effect ${Effect}`);
      for (const action of [Action].flat()) allowed[action] = [...(allowed[action] ?? []), ...[Resource].flat().map(logicalId)];
    }
  }
  return allowed;
};

interface Resource {
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: a template is foreign JSON; what a test expects in it, its assertion says.
  readonly Properties: any;
}

/** The one resource of a type whose logical id begins with `prefix`; throws when there are none or several. */
export const only = (template: Template, type: string, prefix = ''): Resource => {
  const [first, ...others] = Object.entries(template.findResources(type)).filter(([id]) => id.startsWith(prefix));
  if (first === undefined || others.length > 0) throw new Error(`not one ${type} ${prefix}`);
  return { id: first[0], Properties: first[1].Properties };
};

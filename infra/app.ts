import { App, type AppProps, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { BUILD_DIRECTORY, buildAll } from './build.ts';
import { WebhooksStack, type WebhooksStackProps } from './stacks/webhooks-stack.ts';
import { parseStage } from './stages.ts';

/** A forgotten `--context stage=` must not touch production. */
const DEFAULT_STAGE = 'staging';

export interface WebhooksAppProps extends AppProps, Pick<WebhooksStackProps, 'bundles' | 'refreshSources'> {
  /** Another one only in tests. @default infra/stages.ts */
  readonly stages?: Parameters<typeof parseStage>[1];
}

/**
 * The CDK app of the stage that the context names (`--context stage=production`).
 *
 * @throws Error when infra/stages.ts has no such stage, or a wrong one.
 */
export const createApp = ({ stages, bundles, refreshSources, ...props }: WebhooksAppProps): App => {
  const app = new App(props);
  // Not an annotation that one may overlook: a finding fails the synthesis.
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const name = String(app.node.tryGetContext('stage') ?? DEFAULT_STAGE);
  const stage = parseStage(name, stages);
  if (!stage.userpilot.startsWith('https:')) {
    throw new Error(
      `Stage "${name}" sends to ${stage.userpilot}, which no Lambda function reaches. Run it with npm start, or deploy another stage.`,
    );
  }
  new WebhooksStack(app, `UserpilotWebhooks-${name}`, {
    stage,
    bundles,
    description: `Webhooks to Userpilot: ${name}`,
    ...(refreshSources !== undefined && { refreshSources }),
    ...(stage.env !== undefined && { env: stage.env }),
  });
  return app;
};

if (import.meta.main) {
  await buildAll();
  createApp({ bundles: BUILD_DIRECTORY });
}

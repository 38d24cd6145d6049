import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  Code,
  type DurableConfig,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  type VersionOptions,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

export interface BundledFunctionProps {
  /** Folder with the bundle that infra/build.ts made. */
  readonly bundle: string;
  readonly description: string;
  readonly timeout: Duration;
  readonly memoryMb: number;
  readonly logRetention: RetentionDays;
  readonly environment: Readonly<Record<string, string>>;
  /** @default - an ordinary function */
  readonly durableConfig?: DurableConfig;
  /** @default - versions go when they are no longer the current one */
  readonly currentVersionOptions?: VersionOptions;
}

/** A function that may write its own log and nothing else, until it is granted more. */
export class BundledFunction extends Construct {
  readonly fn: LambdaFunction;
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, { bundle, memoryMb, logRetention, ...props }: BundledFunctionProps) {
    super(scope, id);
    this.logGroup = new LogGroup(this, 'Log', { retention: logRetention, removalPolicy: RemovalPolicy.DESTROY });
    // Not AWSLambdaBasicExecutionRole, which may write to every log group of the account.
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.logGroup.grantWrite(role);
    this.fn = new LambdaFunction(this, 'Function', {
      ...props,
      // A source map would only make the package larger: the runtime is not asked to read it, see infra/build.ts.
      code: Code.fromAsset(bundle, { exclude: ['*.map'] }),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: memoryMb,
      // Our lines are JSON already; Lambda's own JSON format would wrap them once more.
      loggingFormat: LoggingFormat.TEXT,
      logGroup: this.logGroup,
      role,
    });
  }
}

import { type RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { CfnSecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';

export interface EmptySecretProps {
  /** What to put in, with the JSON that the functions read. */
  readonly description: string;
  readonly removalPolicy: RemovalPolicy;
}

/**
 * A secret without a value, filled in by a person after the deployment: no value passes through a template.
 * The library's own Secret generates a random value, which would look like a key.
 */
export class EmptySecret extends Construct {
  readonly arn: string;

  constructor(scope: Construct, id: string, { description, removalPolicy }: EmptySecretProps) {
    super(scope, id);
    const secret = new CfnSecret(this, 'Secret', { description });
    secret.applyRemovalPolicy(removalPolicy);
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'The vendor issues the value and has no interface for rotation; infra/RUNBOOK.md says how to rotate it by hand.',
    });
    this.arn = secret.ref;
  }

  grantRead(grantee: IGrantable): void {
    Grant.addToPrincipal({ grantee, actions: ['secretsmanager:GetSecretValue'], resourceArns: [this.arn] });
  }

  /** Takes the JSON from standard input (ended by Ctrl-D), so that it stays out of the shell's history. */
  get putCommand(): string {
    return `aws secretsmanager put-secret-value --region ${Stack.of(this).region} --secret-id ${this.arn} --secret-string "$(cat)"`;
  }
}

import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { TABLE_KEY, TABLE_TTL } from '../../functions/manifest.ts';

export interface LedgerTableProps {
  readonly removalPolicy: RemovalPolicy;
}

/** What was delivered, the pace and the breaker: one table, no profile in it. */
export class LedgerTable extends Construct {
  readonly table: Table;
  private readonly key: Key;

  constructor(scope: Construct, id: string, { removalPolicy }: LedgerTableProps) {
    super(scope, id);
    this.key = new Key(this, 'Key', {
      description: 'Userpilot webhooks: the ledger table',
      enableKeyRotation: true,
      removalPolicy,
    });
    this.table = new Table(this, 'Table', {
      partitionKey: { name: TABLE_KEY, type: AttributeType.STRING },
      timeToLiveAttribute: TABLE_TTL,
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: this.key,
      deletionProtection: removalPolicy === RemovalPolicy.RETAIN,
      removalPolicy,
    });
  }

  /** Ledger, limiter and breaker work by conditional updates of single items; none of them deletes, queries or scans. */
  grantUse(grantee: IGrantable): void {
    this.table.grant(grantee, 'dynamodb:GetItem', 'dynamodb:UpdateItem');
    // DynamoDB uses the key in the name of whoever calls it: .../amazondynamodb/latest/developerguide/encryption.usagenotes.html
    Grant.addToPrincipal({
      grantee,
      actions: ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'],
      resourceArns: [this.key.keyArn],
      conditions: { StringEquals: { 'kms:ViaService': `dynamodb.${Stack.of(this).region}.amazonaws.com` } },
    });
  }

  /** Besides, whole pages of users are compared with the ledger. */
  grantCompare(grantee: IGrantable): void {
    this.grantUse(grantee);
    this.table.grant(grantee, 'dynamodb:BatchGetItem');
  }
}

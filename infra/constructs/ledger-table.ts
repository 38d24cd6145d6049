import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { DUE_INDEX, TABLE_KEY, TABLE_TTL } from '../../functions/manifest.ts';

export interface LedgerTableProps {
  readonly removalPolicy: RemovalPolicy;
}

/** What was delivered, the pace and the breaker, and whom to erase: one table, no profile in it. */
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
    this.table.addGlobalSecondaryIndex({
      indexName: DUE_INDEX.name,
      partitionKey: { name: DUE_INDEX.key, type: AttributeType.STRING },
      sortKey: { name: DUE_INDEX.sort, type: AttributeType.STRING },
    });
  }

  /** Ledger, limiter and breaker work by conditional updates of single items; none of them deletes, queries or scans. */
  grantUse(grantee: IGrantable): void {
    this.grant(grantee, this.table.tableArn, 'dynamodb:GetItem', 'dynamodb:UpdateItem');
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
    this.grant(grantee, this.table.tableArn, 'dynamodb:BatchGetItem');
  }

  /** Besides, all users of a source are looked through for those whom its vendor does not list any more. */
  grantCensus(grantee: IGrantable): void {
    this.grant(grantee, this.table.tableArn, 'dynamodb:Scan');
  }

  /** Beside `grantUse`: what is due, who is dead, and how many there are. */
  grantErase(grantee: IGrantable): void {
    this.grant(grantee, `${this.table.tableArn}/index/${DUE_INDEX.name}`, 'dynamodb:Query');
    this.grant(grantee, this.table.tableArn, 'dynamodb:BatchGetItem', 'dynamodb:DescribeTable');
  }

  /** Not the table's own grant, which adds all of its indexes by a wildcard. */
  private grant(grantee: IGrantable, resourceArn: string, ...actions: string[]): void {
    Grant.addToPrincipal({ grantee, actions, resourceArns: [resourceArn] });
  }
}

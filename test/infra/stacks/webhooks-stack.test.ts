import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Stack } from 'aws-cdk-lib';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { DeletionSettings, RetrySettings } from '../../../functions/core/settings.ts';
import {
  DELIVER_TIMEOUT_SECONDS,
  DUE_INDEX,
  ENV,
  ERASE_TIMEOUT_SECONDS,
  MAX_RECEIVE_COUNT,
  REFRESH_TIMEOUT_SECONDS,
  RESYNC_ALIAS,
  TABLE_KEY,
  TABLE_TTL,
} from '../../../functions/manifest.ts';
import { type Bundle, DELIVER_BUNDLE, ERASE_BUNDLE, OVERFLOW_BUNDLE, refreshBundle, resyncBundle } from '../../../infra/build.ts';
import { allowedBy, createSynthesis, only } from './synthesized.ts';

const DAY = 86_400;
let synthesis: Awaited<ReturnType<typeof createSynthesis>>;
let production: Template;
let staging: Template;
let refreshing: Template;
let resyncing: Template;
let stack: Stack;
let bundles: readonly Bundle[];

beforeAll(async () => {
  synthesis = await createSynthesis();
  ({ template: production, stack, bundles } = synthesis.synthesize('production'));
  staging = synthesis.synthesize('staging').template;
  refreshing = synthesis.synthesize('refreshing').template;
  resyncing = synthesis.synthesize('resyncing').template;
}, 120_000);
afterAll(() => synthesis.close());

const QUEUE = 'AWS::SQS::Queue';
const SECRET = 'AWS::SecretsManager::Secret';
const FUNCTION = 'AWS::Lambda::Function';
const LOG_GROUP = 'AWS::Logs::LogGroup';
const RECEIVERS = ['Auth0', 'Clerk', 'Stripe'];

describe('queues', () => {
  it('keep the events of one person in order, at high throughput', () => {
    const events = only(production, QUEUE, 'QueuesEvents').Properties;
    expect(events).toMatchObject({
      FifoQueue: true,
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
    });
  });

  it('hide a message for at least six times as long as deliver may run', () => {
    const { VisibilityTimeout } = only(production, QUEUE, 'QueuesEvents').Properties;
    expect(VisibilityTimeout).toBeGreaterThanOrEqual(6 * DELIVER_TIMEOUT_SECONDS);
  });

  it('give up late, into a FIFO queue', () => {
    const deadLetters = only(production, QUEUE, 'QueuesDeadLetters');
    expect(deadLetters.Properties).toMatchObject({ FifoQueue: true });
    expect(only(production, QUEUE, 'QueuesEvents').Properties).toMatchObject({
      RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': [deadLetters.id, 'Arn'] }, maxReceiveCount: MAX_RECEIVE_COUNT },
    });
  });

  it('keep rejected events without an order', () => {
    expect(only(production, QUEUE, 'QueuesRejected').Properties).not.toHaveProperty('FifoQueue');
  });

  it('keep everything for 14 days, encrypted', () => {
    production.allResourcesProperties(QUEUE, { MessageRetentionPeriod: 14 * DAY, SqsManagedSseEnabled: true });
    production.resourceCountIs(QUEUE, 5);
  });

  it('refuse whoever comes without TLS', () => {
    const deny = { Action: 'sqs:*', Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } };
    production.allResourcesProperties('AWS::SQS::QueuePolicy', {
      PolicyDocument: { Statement: Match.arrayWith([Match.objectLike(deny)]) },
    });
    production.resourceCountIs('AWS::SQS::QueuePolicy', 5);
  });
});

describe('ledger', () => {
  it('has one key, one index of what is to be erased, a time to live, and costs by use', () => {
    production.hasResourceProperties('AWS::DynamoDB::Table', {
      KeySchema: [{ AttributeName: TABLE_KEY, KeyType: 'HASH' }],
      AttributeDefinitions: [TABLE_KEY, DUE_INDEX.key, DUE_INDEX.sort].map((name) => ({
        AttributeName: name,
        AttributeType: 'S',
      })),
      GlobalSecondaryIndexes: [
        {
          IndexName: DUE_INDEX.name,
          KeySchema: [
            { AttributeName: DUE_INDEX.key, KeyType: 'HASH' },
            { AttributeName: DUE_INDEX.sort, KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'ALL' },
        },
      ],
      TimeToLiveSpecification: { AttributeName: TABLE_TTL, Enabled: true },
      BillingMode: 'PAY_PER_REQUEST',
    });
  });

  it('can be restored to any second and is encrypted with a key that rotates', () => {
    production.hasResourceProperties('AWS::DynamoDB::Table', {
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      SSESpecification: {
        SSEEnabled: true,
        SSEType: 'KMS',
        KMSMasterKeyId: { 'Fn::GetAtt': [only(production, 'AWS::KMS::Key').id, 'Arn'] },
      },
    });
    production.hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true });
  });
});

describe('state', () => {
  // Another id is another resource: CloudFormation would make an empty one and drop this one, with all that is in it.
  it.each([
    [
      QUEUE,
      [
        'EraserMissedA10AB86B',
        'OverflowNotStartedAE0B7274',
        'QueuesDeadLettersF0D5D2AD',
        'QueuesEvents3B99B77C',
        'QueuesRejected0A91DD53',
      ],
    ],
    ['AWS::DynamoDB::Table', ['LedgerTable9343E4AA']],
    ['AWS::KMS::Key', ['LedgerKeyA5F78EAE']],
    [
      SECRET,
      [
        'Auth0SigningSecret599B23F2',
        'ClerkSigningSecret4122BFA6',
        'DeliverUserpilotSecret89E41A67',
        'StripeSigningSecret765B5B32',
      ],
    ],
  ])('%s: logical ids are permanent', (type, ids) => {
    expect(Object.keys(production.findResources(type)).toSorted()).toEqual(ids);
  });

  it.each([QUEUE, 'AWS::DynamoDB::Table', 'AWS::KMS::Key', SECRET])('%s: outlives the stack where the stage says so', (type) => {
    production.allResources(type, { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    staging.allResources(type, { DeletionPolicy: 'Delete' });
  });

  it('cannot be deleted by accident where the stage says so', () => {
    production.hasResourceProperties('AWS::DynamoDB::Table', { DeletionProtectionEnabled: true });
    staging.hasResourceProperties('AWS::DynamoDB::Table', { DeletionProtectionEnabled: false });
    expect(stack.terminationProtection).toBe(true);
  });

  it.each(['QueueName', 'TableName', 'FunctionName', 'LogGroupName', 'RoleName', 'AlarmName', 'TopicName'])(
    'nothing sets %s',
    (name) => {
      const types = [
        QUEUE,
        SECRET,
        FUNCTION,
        LOG_GROUP,
        'AWS::DynamoDB::Table',
        'AWS::IAM::Role',
        'AWS::CloudWatch::Alarm',
        'AWS::SNS::Topic',
      ];
      const named = types.flatMap((type) =>
        Object.keys(production.findResources(type, { Properties: { [name]: Match.anyValue() } })),
      );
      expect(named).toEqual([]);
    },
  );
});

describe('secrets', () => {
  it('are created empty', () => {
    const text = JSON.stringify([production.toJSON(), staging.toJSON()]);
    expect(text).not.toMatch(/SecretString|GenerateSecretString|resolve:secretsmanager/);
  });

  it('say what to put in', () => {
    expect(only(production, SECRET, 'Clerk').Properties).toMatchObject({
      Description: expect.stringContaining('{"signingSecrets": ["..."]}'),
    });
    expect(only(production, SECRET, 'Deliver').Properties).toMatchObject({
      Description: expect.stringContaining('{"apiKey": "..."}'),
    });
  });

  it('are one per webhook source and one for Userpilot', () => {
    production.resourceCountIs(SECRET, 4);
    staging.resourceCountIs(SECRET, 3);
  });
});

describe('functions', () => {
  it('run on Node 24 and arm64', () => {
    production.allResourcesProperties(FUNCTION, { Runtime: 'nodejs24.x', Architectures: ['arm64'], Handler: 'index.handler' });
    production.resourceCountIs(FUNCTION, 7);
  });

  it('log into a group of their own that forgets', () => {
    const groups = Object.values(production.findResources(FUNCTION)).map(
      ({ Properties }) => Properties.LoggingConfig.LogGroup.Ref,
    );
    expect(new Set(groups).size).toBe(7);
    production.allResourcesProperties(LOG_GROUP, { RetentionInDays: 90 });
    staging.allResourcesProperties(LOG_GROUP, { RetentionInDays: 14 });
  });

  it('answer in the time that their caller gives', () => {
    const timeoutOf = (prefix: string) => only(production, FUNCTION, prefix).Properties.Timeout;
    expect(RECEIVERS.map((source) => timeoutOf(`${source}Receive`))).toEqual([10, 10, 10]);
    expect(timeoutOf('Cognito')).toBeLessThan(5);
    expect(timeoutOf('Deliver')).toBe(DELIVER_TIMEOUT_SECONDS);
  });

  it('know addresses and settings, and no secret', () => {
    const variables = (prefix: string) => Object.keys(only(production, FUNCTION, prefix).Properties.Environment.Variables);
    const receive = [ENV.source, ENV.eventsQueueUrl, ENV.rejectedQueueUrl];
    expect(variables('ClerkReceive').toSorted()).toEqual([...receive, ENV.signingSecretId].toSorted());
    expect(variables('Cognito').toSorted()).toEqual(receive.toSorted());
    expect(variables('Deliver').toSorted()).toEqual(
      [
        ENV.eventsQueueUrl,
        ENV.rejectedQueueUrl,
        ENV.tableName,
        ENV.userpilotSecretId,
        ENV.userpilotBaseUrl,
        ENV.retry,
        ENV.deletions,
      ].toSorted(),
    );
  });

  it('get the settings of their stage', () => {
    expect(only(production, FUNCTION, 'ClerkReceive').Properties).toMatchObject({
      Environment: {
        Variables: { [ENV.source]: '{"properties":{"plan":"public_metadata.plan"}}' },
      },
    });
    expect(only(production, FUNCTION, 'Deliver').Properties).toMatchObject({
      Environment: {
        Variables: {
          [ENV.userpilotBaseUrl]: 'https://analytex-eu.userpilot.io',
          [ENV.retry]: JSON.stringify(RetrySettings.parse({})),
        },
      },
    });
  });

  it('exist for the sources of the stage only', () => {
    expect(
      Object.keys(staging.findResources(FUNCTION)).map((id) => id.replace(/(Run)?Function.*|Receive.*|Erase[A-Z0-9].*/, '')),
    ).toEqual(['Deliver', 'Eraser', 'Clerk', 'Stripe', 'Overflow']);
  });

  it('deliver in batches, answer for each message, two at a time, and filter nothing away', () => {
    const { Properties } = only(production, 'AWS::Lambda::EventSourceMapping');
    expect(Properties).toMatchObject({
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 2 },
      EventSourceArn: { 'Fn::GetAtt': [only(production, QUEUE, 'QueuesEvents').id, 'Arn'] },
    });
    expect(Properties).not.toHaveProperty('FilterCriteria');
    expect(Properties).not.toHaveProperty('MaximumBatchingWindowInSeconds');
  });
});

describe('least privilege', () => {
  const id = (type: string, prefix: string) => only(production, type, prefix).id;
  const roleOf = (prefix: string) => id('AWS::IAM::Role', prefix);
  const ownLog = (prefix: string) => ({
    'logs:CreateLogStream': [id(LOG_GROUP, prefix)],
    'logs:PutLogEvents': [id(LOG_GROUP, prefix)],
  });
  const queue = (name: string) => id(QUEUE, `Queues${name}`);

  it.each(RECEIVERS)('%s: reads its own secret, writes to two queues', (source) => {
    expect(allowedBy(production, roleOf(`${source}Receive`))).toEqual({
      ...ownLog(source),
      'secretsmanager:GetSecretValue': [id(SECRET, source)],
      'sqs:SendMessage': [queue('Events'), queue('Rejected')],
    });
  });

  it('Cognito: writes to two queues', () => {
    expect(allowedBy(production, roleOf('Cognito'))).toEqual({
      ...ownLog('Cognito'),
      'sqs:SendMessage': [queue('Events'), queue('Rejected')],
    });
  });

  it('deliver: consumes events, sets aside, updates the ledger, reads the API key', () => {
    const key = [only(production, 'AWS::KMS::Key').id];
    const table = [only(production, 'AWS::DynamoDB::Table').id];
    expect(allowedBy(production, roleOf('Deliver'))).toEqual({
      ...ownLog('Deliver'),
      'sqs:ReceiveMessage': [queue('Events')],
      'sqs:DeleteMessage': [queue('Events')],
      'sqs:ChangeMessageVisibility': [queue('Events')],
      'sqs:GetQueueAttributes': [queue('Events')],
      'sqs:GetQueueUrl': [queue('Events')],
      'sqs:SendMessage': [queue('Rejected')],
      'dynamodb:GetItem': table,
      'dynamodb:UpdateItem': table,
      'kms:Decrypt': key,
      'kms:DescribeKey': key,
      'kms:Encrypt': key,
      'kms:GenerateDataKey': key,
      'kms:ReEncryptFrom': key,
      'kms:ReEncryptTo': key,
      'secretsmanager:GetSecretValue': [id(SECRET, 'Deliver')],
    });
  });

  it('uses the key through DynamoDB only', () => {
    const statements = Object.values(production.findResources('AWS::IAM::Policy')).flatMap(
      ({ Properties }) => Properties.PolicyDocument.Statement,
    );
    const kms = statements.filter(({ Action }) => [Action].flat().includes('kms:Decrypt'));
    const byDynamo = { StringEquals: { 'kms:ViaService': 'dynamodb.eu-central-1.amazonaws.com' } };
    expect(kms.map(({ Condition }) => Condition)).toEqual([byDynamo, byDynamo, byDynamo]);
  });

  /** Calls to AWS that are in a bundle. */
  const callsIn = (bundle: string) => {
    const inputs = bundles.find(({ entry }) => entry.bundle === bundle)?.inputs ?? [];
    const calls = inputs.flatMap((input) => {
      const [, service, call] = /@aws-sdk\/client-([\w-]+)\/.*\/commands\/(\w+?)(?:Batch)?Command\.js$/.exec(input) ?? [];
      return service === undefined ? [] : [`${service.replace('-', '')}:${call}`];
    });
    // Part of every DynamoDB client; called only with endpoint discovery, which is off unless switched on.
    return calls.filter((call) => call !== 'dynamodb:DescribeEndpoints');
  };

  it('deliver: may make every call that is in its bundle', () => {
    const calls = callsIn(DELIVER_BUNDLE);
    expect(calls).toContain('dynamodb:UpdateItem');
    expect(Object.keys(allowedBy(production, roleOf('Deliver')))).toEqual(expect.arrayContaining(calls));
  });

  it('erase: may make every call that is in its bundle', () => {
    const calls = callsIn(ERASE_BUNDLE);
    expect(calls).toContain('dynamodb:Query');
    expect(Object.keys(allowedBy(production, roleOf('EraserErase')))).toEqual(expect.arrayContaining(calls));
  });

  it('refresh: may make every call that is in its bundle', () => {
    const calls = callsIn(refreshBundle('clerk'));
    expect(calls).toContain('dynamodb:UpdateItem');
    const role = only(refreshing, 'AWS::IAM::Role', 'ClerkRefresh').id;
    expect(Object.keys(allowedBy(refreshing, role))).toEqual(expect.arrayContaining(calls));
  });

  it('resync: may make every call that is in its bundle, except of what the durable SDK and the queue bring besides', () => {
    const role = allowedBy(resyncing, only(resyncing, 'AWS::IAM::Role', 'ClerkResyncRun').id);
    const denied = callsIn(resyncBundle('clerk')).filter((call) => !(call in role));
    expect(denied.filter((call) => !call.startsWith('lambda:'))).toEqual(['sqs:ChangeMessageVisibility']);
  });

  it('overflow: may make every call that is in its bundle, except of what the durable SDK and the queue bring besides', () => {
    const role = allowedBy(production, only(production, 'AWS::IAM::Role', 'OverflowRun').id);
    const denied = callsIn(OVERFLOW_BUNDLE).filter((call) => !(call in role));
    expect(denied.filter((call) => !call.startsWith('lambda:'))).toEqual(['sqs:SendMessage']);
  });

  it('attaches no policy that AWS manages and allows no wildcard but the version of a durable function', () => {
    production.allResourcesProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
    const statements = Object.values(production.findResources('AWS::IAM::Policy')).flatMap(
      ({ Properties }) => Properties.PolicyDocument.Statement,
    );
    const others = statements.filter(({ Action }) => ![Action].flat().includes('lambda:CheckpointDurableExecution'));
    expect(others).toHaveLength(statements.length - 1);
    expect(JSON.stringify(others.map(({ Action, Resource }) => [Action, Resource]))).not.toContain('*');
  });
});

describe('deletions', () => {
  const id = (type: string, prefix: string) => only(production, type, prefix).id;
  const arnOf = (type: string, prefix: string) => ({ 'Fn::GetAtt': [id(type, prefix), 'Arn'] });

  it('are passed on half an hour before Userpilot carries them out', () => {
    expect(only(production, 'AWS::Scheduler::Schedule', 'Eraser').Properties).toMatchObject({
      ScheduleExpression: 'cron(30 1 * * ? *)',
      ScheduleExpressionTimezone: 'UTC',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: {
        Arn: arnOf(FUNCTION, 'Eraser'),
        RoleArn: arnOf('AWS::IAM::Role', 'EraserSchedule'),
        Input: '{}',
        DeadLetterConfig: { Arn: arnOf(QUEUE, 'EraserMissed') },
      },
    });
  });

  it('are passed on by a function with the settings of its stage', () => {
    const { Timeout, Environment } = only(production, FUNCTION, 'Eraser').Properties;
    expect(Timeout).toBe(ERASE_TIMEOUT_SECONDS);
    expect(Environment.Variables).toEqual({
      [ENV.tableName]: { Ref: id('AWS::DynamoDB::Table', 'Ledger') },
      [ENV.userpilotSecretId]: { Ref: id(SECRET, 'Deliver') },
      [ENV.userpilotBaseUrl]: 'https://analytex-eu.userpilot.io',
      [ENV.deletions]: JSON.stringify(DeletionSettings.parse({})),
    });
  });

  it('need the table, its one index and the API key', () => {
    const log = [id(LOG_GROUP, 'Eraser')];
    const table = [id('AWS::DynamoDB::Table', 'Ledger')];
    const key = [id('AWS::KMS::Key', 'Ledger')];
    expect(allowedBy(production, id('AWS::IAM::Role', 'EraserErase'))).toEqual({
      'logs:CreateLogStream': log,
      'logs:PutLogEvents': log,
      'dynamodb:GetItem': table,
      'dynamodb:UpdateItem': table,
      'dynamodb:BatchGetItem': table,
      'dynamodb:DescribeTable': table,
      'dynamodb:Query': [expect.stringMatching(/^\S*LedgerTable\S*"\/index\/due"\S*$/)],
      'kms:Decrypt': key,
      'kms:DescribeKey': key,
      'kms:Encrypt': key,
      'kms:GenerateDataKey': key,
      'kms:ReEncryptFrom': key,
      'kms:ReEncryptTo': key,
      'secretsmanager:GetSecretValue': [id(SECRET, 'Deliver')],
    });
  });

  it('are started by a role that may do nothing else', () => {
    expect(allowedBy(production, id('AWS::IAM::Role', 'EraserSchedule'))).toEqual({
      'lambda:InvokeFunction': [id(FUNCTION, 'Eraser')],
      'sqs:SendMessage': [id(QUEUE, 'EraserMissed')],
    });
  });
});

describe('what a source fetches', () => {
  const id = (type: string, prefix: string) => only(refreshing, type, prefix).id;
  const urlOf = (prefix: string) => ({ Ref: id(QUEUE, prefix) });

  it('exists where a source can fetch and its settings say from where', () => {
    const functions = Object.keys(refreshing.findResources(FUNCTION)).filter((name) => name.includes('Refresh'));
    expect(functions).toEqual([expect.stringMatching(/^ClerkRefreshFetch/)]);
    expect(Object.keys(production.findResources(FUNCTION)).filter((name) => name.includes('Refresh'))).toEqual([]);
  });

  it('waits in a queue like that of the events, with the same dead letters', () => {
    const events = only(refreshing, QUEUE, 'QueuesEvents');
    const own = only(refreshing, QUEUE, 'ClerkRefreshQueue');
    expect(own.Properties).toEqual(events.Properties);
    expect(own.Properties.VisibilityTimeout).toBeGreaterThanOrEqual(6 * REFRESH_TIMEOUT_SECONDS);
    refreshing.allResourcesProperties(QUEUE, { MessageRetentionPeriod: 14 * DAY, SqsManagedSseEnabled: true });
    const deny = { Action: 'sqs:*', Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } };
    expect(only(refreshing, 'AWS::SQS::QueuePolicy', 'ClerkRefreshQueue').Properties).toMatchObject({
      PolicyDocument: { Statement: [expect.objectContaining(deny)] },
    });
  });

  it('is fetched in batches, answered for each message, two at a time, at once', () => {
    const { Properties } = only(refreshing, 'AWS::Lambda::EventSourceMapping', 'ClerkRefresh');
    expect(Properties).toMatchObject({
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 2 },
      EventSourceArn: { 'Fn::GetAtt': [id(QUEUE, 'ClerkRefreshQueue'), 'Arn'] },
    });
    expect(Properties).not.toHaveProperty('FilterCriteria');
    expect(Properties).not.toHaveProperty('MaximumBatchingWindowInSeconds');
  });

  it('is fetched by a function that knows its source, addresses and pace, and no secret', () => {
    const { Timeout, Environment } = only(refreshing, FUNCTION, 'ClerkRefresh').Properties;
    expect(Timeout).toBe(REFRESH_TIMEOUT_SECONDS);
    expect(Environment.Variables).toEqual({
      [ENV.source]: '{"api":"https://api.vendor.example"}',
      [ENV.signingSecretId]: { Ref: id(SECRET, 'Clerk') },
      [ENV.eventsQueueUrl]: urlOf('QueuesEvents'),
      [ENV.refreshQueueUrl]: urlOf('ClerkRefreshQueue'),
      [ENV.rejectedQueueUrl]: urlOf('QueuesRejected'),
      [ENV.tableName]: { Ref: id('AWS::DynamoDB::Table', 'Ledger') },
      [ENV.retry]: JSON.stringify(RetrySettings.parse({ baseSeconds: 7 })),
    });
  });

  it('is asked for by the receive function of the source, which may write there and not read', () => {
    const variables = (prefix: string) => only(refreshing, FUNCTION, prefix).Properties.Environment.Variables;
    expect(variables('ClerkReceive')).toMatchObject({ [ENV.refreshQueueUrl]: urlOf('ClerkRefreshQueue') });
    for (const other of ['WorkosReceive', 'StytchReceive']) expect(variables(other)).not.toHaveProperty(ENV.refreshQueueUrl);
    const receive = allowedBy(refreshing, id('AWS::IAM::Role', 'ClerkReceive'));
    expect(receive['sqs:SendMessage']?.toSorted()).toEqual(
      ['ClerkRefreshQueue', 'QueuesEvents', 'QueuesRejected'].map((prefix) => id(QUEUE, prefix)),
    );
    expect(receive).not.toHaveProperty('sqs:ReceiveMessage');
  });

  it("grants the function its own queue, its source's secret, the table, and what it puts into the queues", () => {
    const own = [id(QUEUE, 'ClerkRefreshQueue')];
    const log = [id(LOG_GROUP, 'ClerkRefresh')];
    const table = [id('AWS::DynamoDB::Table', 'Ledger')];
    const key = [id('AWS::KMS::Key', 'Ledger')];
    expect(allowedBy(refreshing, id('AWS::IAM::Role', 'ClerkRefresh'))).toEqual({
      'logs:CreateLogStream': log,
      'logs:PutLogEvents': log,
      'sqs:ReceiveMessage': own,
      'sqs:DeleteMessage': own,
      'sqs:ChangeMessageVisibility': own,
      'sqs:GetQueueAttributes': own,
      'sqs:GetQueueUrl': own,
      'sqs:SendMessage': [id(QUEUE, 'QueuesEvents'), id(QUEUE, 'QueuesRejected')],
      'dynamodb:GetItem': table,
      'dynamodb:UpdateItem': table,
      'kms:Decrypt': key,
      'kms:DescribeKey': key,
      'kms:Encrypt': key,
      'kms:GenerateDataKey': key,
      'kms:ReEncryptFrom': key,
      'kms:ReEncryptTo': key,
      'secretsmanager:GetSecretValue': [id(SECRET, 'Clerk')],
    });
  });

  it('says of the secret what belongs in, the credential only where there is an API', () => {
    const description = (prefix: string) => only(refreshing, SECRET, prefix).Properties.Description;
    const whole = '{"signingSecrets": ["..."], "api": {...}}';
    expect(description('Clerk')).toContain(whole);
    expect(description('Workos')).toContain('{"signingSecrets": ["..."]}');
    const outputs = refreshing.findOutputs('*');
    expect(outputs.ClerkSecretCommand?.Description).toContain(whole);
    expect(outputs.WorkosSecretCommand?.Description).not.toContain('api');
    expect(outputs.ClerkRefreshQueueUrl?.Value).toEqual(urlOf('ClerkRefreshQueue'));
    expect(outputs).not.toHaveProperty('WorkosRefreshQueueUrl');
  });

  it('keeps its logical id, as the queue may hold what nobody sends again', () => {
    expect(id(QUEUE, 'ClerkRefreshQueue')).toBe('ClerkRefreshQueue378FAE6A');
  });
});

describe('all users of a source', () => {
  const id = (type: string, prefix: string) => only(resyncing, type, prefix).id;
  const arnOf = (prefix: string) => ({ 'Fn::GetAtt': [id(QUEUE, prefix), 'Arn'] });
  const alias = (source: string) => ({ Ref: id('AWS::Lambda::Alias', `${source}ResyncRunFunction`) });
  const SCHEDULE = 'AWS::Scheduler::Schedule';

  it('are brought over where the stage says when', () => {
    const functions = Object.keys(resyncing.findResources(FUNCTION)).filter((name) => name.includes('Resync'));
    expect(functions).toEqual(
      ['Clerk', 'Workos', 'Cognito'].map((name) => expect.stringMatching(new RegExp(`^${name}ResyncRun`))),
    );
    const schedulesIn = (stack: Template) => Object.keys(stack.findResources(SCHEDULE)).filter((name) => name.includes('Resync'));
    expect(schedulesIn(resyncing)).toHaveLength(2);
    expect(schedulesIn(production)).toEqual([]);
  });

  it('take a durable execution of a week, in steps of 15 minutes', () => {
    expect(only(resyncing, FUNCTION, 'ClerkResync').Properties).toMatchObject({
      DurableConfig: { ExecutionTimeout: 7 * DAY, RetentionPeriodInDays: 30 },
      Timeout: 900,
      MemorySize: 1024,
    });
    expect(only(resyncing, FUNCTION, 'ClerkReceive').Properties).not.toHaveProperty('DurableConfig');
  });

  it('are brought over by a version that outlives the next deployment, called by an alias', () => {
    const version = only(resyncing, 'AWS::Lambda::Version', 'ClerkResync').id;
    resyncing.hasResource('AWS::Lambda::Version', { DeletionPolicy: 'Retain' });
    expect(only(resyncing, 'AWS::Lambda::Alias', 'ClerkResync').Properties).toMatchObject({
      Name: RESYNC_ALIAS,
      FunctionVersion: { 'Fn::GetAtt': [version, 'Version'] },
    });
    expect(resyncing.findOutputs('ClerkResyncFunctionArn').ClerkResyncFunctionArn?.Value).toEqual(alias('Clerk'));
  });

  it('know their source, addresses and pace, and no secret', () => {
    const { Variables } = only(resyncing, FUNCTION, 'ClerkResync').Properties.Environment;
    expect(Variables).toEqual({
      [ENV.source]: '{"resync":{"schedule":"cron(0 3 * * ? *)","timeZone":"Europe/Berlin","full":true}}',
      [ENV.signingSecretId]: { Ref: id(SECRET, 'Clerk') },
      [ENV.userpilotSecretId]: { Ref: id(SECRET, 'Deliver') },
      [ENV.userpilotBaseUrl]: 'https://analytex-eu.userpilot.io',
      [ENV.eventsQueueUrl]: { Ref: id(QUEUE, 'QueuesEvents') },
      [ENV.tableName]: { Ref: id('AWS::DynamoDB::Table', 'Ledger') },
    });
    expect(only(resyncing, SECRET, 'Clerk').Properties.Description).toContain('"api": {...}');
    expect(only(resyncing, SECRET, 'Logto').Properties.Description).not.toContain('"api"');
  });

  it('are started on time or a little later, again when that fails, and into a queue when it fails for hours', () => {
    expect(only(resyncing, SCHEDULE, 'ClerkResync').Properties).toMatchObject({
      ScheduleExpression: 'cron(0 3 * * ? *)',
      ScheduleExpressionTimezone: 'Europe/Berlin',
      FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 },
      State: 'ENABLED',
      Target: {
        Arn: alias('Clerk'),
        Input: '{"full":true}',
        RetryPolicy: { MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 6 * 3600 },
        DeadLetterConfig: { Arn: arnOf('ClerkResyncNotStarted') },
      },
    });
    expect(only(resyncing, SCHEDULE, 'WorkosResync').Properties).toMatchObject({
      ScheduleExpression: 'rate(12 hours)',
      ScheduleExpressionTimezone: 'Etc/UTC',
      Target: { Input: '{"full":false}' },
    });
    expect(only(resyncing, QUEUE, 'ClerkResyncNotStarted').Properties).toEqual({
      MessageRetentionPeriod: 14 * DAY,
      SqsManagedSseEnabled: true,
    });
  });

  it('are started by a schedule of this account, which may do nothing else', () => {
    const role = only(resyncing, 'AWS::IAM::Role', 'ClerkResyncSchedulerRole');
    expect(role.Properties.AssumeRolePolicyDocument.Statement).toEqual([
      {
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'aws:SourceAccount': '111122223333' } },
        Effect: 'Allow',
        Principal: { Service: 'scheduler.amazonaws.com' },
      },
    ]);
    expect(allowedBy(resyncing, role.id)).toEqual({
      'lambda:InvokeFunction': [alias('Clerk').Ref],
      'sqs:SendMessage': [id(QUEUE, 'ClerkResyncNotStarted')],
    });
  });

  it('are read from the vendor and written by a function that may start itself again, and no other', () => {
    const log = [id(LOG_GROUP, 'ClerkResync')];
    const table = [id('AWS::DynamoDB::Table', 'Ledger')];
    const key = [id('AWS::KMS::Key', 'Ledger')];
    const executions = JSON.stringify({ 'Fn::Join': ['', [{ 'Fn::GetAtt': [id(FUNCTION, 'ClerkResync'), 'Arn'] }, ':*']] });
    expect(allowedBy(resyncing, id('AWS::IAM::Role', 'ClerkResyncRun'))).toEqual({
      'logs:CreateLogStream': log,
      'logs:PutLogEvents': log,
      'sqs:SendMessage': [id(QUEUE, 'QueuesEvents')],
      'dynamodb:GetItem': table,
      'dynamodb:BatchGetItem': table,
      'dynamodb:Scan': table,
      'dynamodb:UpdateItem': table,
      'kms:Decrypt': key,
      'kms:DescribeKey': key,
      'kms:Encrypt': key,
      'kms:GenerateDataKey': key,
      'kms:ReEncryptFrom': key,
      'kms:ReEncryptTo': key,
      'secretsmanager:GetSecretValue': [id(SECRET, 'Clerk'), id(SECRET, 'Deliver')],
      'lambda:CheckpointDurableExecution': [executions],
      'lambda:GetDurableExecutionState': [executions],
      'lambda:InvokeFunction': [alias('Clerk').Ref],
    });
    resyncing.allResourcesProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
  });

  it('list the Cognito pools of the settings by the role of their function, which has no secret of a vendor', () => {
    const allowed = allowedBy(resyncing, id('AWS::IAM::Role', 'CognitoResyncRun'));
    const pools = allowed['cognito-idp:ListUsers'] ?? [];
    expect(pools).toHaveLength(1);
    expect(pools[0]).toContain(':cognito-idp:eu-central-1:111122223333:userpool/eu-central-1_Example01');
    expect(allowed['secretsmanager:GetSecretValue']).toEqual([id(SECRET, 'Deliver')]);
    expect(allowed).not.toHaveProperty('dynamodb:DeleteItem');
    const { Variables } = only(resyncing, FUNCTION, 'CognitoResync').Properties.Environment;
    expect(Variables).not.toHaveProperty(ENV.signingSecretId);
    expect(allowedBy(resyncing, id('AWS::IAM::Role', 'ClerkResyncRun'))).not.toHaveProperty('cognito-idp:ListUsers');
  });

  it('are started by hand only where the settings say no schedule', () => {
    for (const type of [SCHEDULE, QUEUE]) {
      expect(Object.keys(resyncing.findResources(type)).filter((name) => name.startsWith('CognitoResync'))).toEqual([]);
    }
    expect(resyncing.findOutputs('CognitoResyncFunctionArn').CognitoResyncFunctionArn?.Value).toEqual(alias('Cognito'));
  });
});

describe('a backlog', () => {
  const id = (type: string, prefix: string) => only(production, type, prefix).id;
  const SCHEDULE = 'AWS::Scheduler::Schedule';

  it('is looked at every five minutes, unless the stage says no', () => {
    expect(only(production, SCHEDULE, 'Overflow').Properties).toMatchObject({
      ScheduleExpression: 'rate(5 minutes)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: {
        Arn: { Ref: id('AWS::Lambda::Alias', 'OverflowRunFunction') },
        Input: '{}',
        RetryPolicy: { MaximumEventAgeInSeconds: 300 },
      },
    });
    expect(only(production, FUNCTION, 'Overflow').Properties).toMatchObject({
      DurableConfig: { ExecutionTimeout: 7 * DAY, RetentionPeriodInDays: 1 },
      Environment: { Variables: { [ENV.overflow]: '{"from":2000}' } },
    });
    expect(Object.keys(resyncing.findResources(FUNCTION)).filter((name) => name.startsWith('Overflow'))).toEqual([]);
  });

  it('is taken up and put off by a function that can neither delete nor send an event', () => {
    const allowed = allowedBy(production, id('AWS::IAM::Role', 'OverflowRun'));
    const events = [id(QUEUE, 'QueuesEvents')];
    expect(Object.fromEntries(Object.entries(allowed).filter(([action]) => action.startsWith('sqs:')))).toEqual({
      'sqs:ReceiveMessage': events,
      'sqs:ChangeMessageVisibility': events,
      'sqs:GetQueueAttributes': events,
    });
  });
});

describe('HTTP API', () => {
  it('has one route per webhook source, for any method', () => {
    const routes = Object.values(production.findResources('AWS::ApiGatewayV2::Route')).map(
      ({ Properties }) => Properties.RouteKey,
    );
    expect(routes.toSorted()).toEqual(['ANY /webhooks/auth0', 'ANY /webhooks/clerk', 'ANY /webhooks/stripe']);
  });

  it('speaks the payload format that the functions read', () => {
    production.allResourcesProperties('AWS::ApiGatewayV2::Integration', { PayloadFormatVersion: '2.0' });
  });

  it('throttles, and lets no browser in', () => {
    production.hasResourceProperties('AWS::ApiGatewayV2::Stage', {
      StageName: '$default',
      DefaultRouteSettings: { ThrottlingRateLimit: 100, ThrottlingBurstLimit: 200 },
    });
    expect(only(production, 'AWS::ApiGatewayV2::Api').Properties).not.toHaveProperty('CorsConfiguration');
  });

  it('logs who was answered what, without headers, queries and addresses', () => {
    const { Format } = only(production, 'AWS::ApiGatewayV2::Stage').Properties.AccessLogSettings;
    expect(Object.keys(JSON.parse(String(Format)))).toContain('status');
    expect(Format).not.toMatch(/header|query|sourceIp|userAgent|path\b/i);
  });

  it('may invoke a function by its own route only', () => {
    const { Properties } = only(production, 'AWS::Lambda::Permission', 'ApiANYwebhooksclerk');
    expect(JSON.stringify(Properties)).toContain('/*/*/webhooks/clerk');
  });
});

describe('Cognito', () => {
  it('may call from the pools of the stage only', () => {
    production.hasResourceProperties('AWS::Lambda::Permission', {
      Principal: 'cognito-idp.amazonaws.com',
      SourceAccount: '111122223333',
      SourceArn: 'arn:aws:cognito-idp:eu-central-1:111122223333:userpool/eu-central-1_Example01',
    });
    const callers = Object.values(production.findResources('AWS::Lambda::Permission')).map(
      ({ Properties }) => Properties.Principal,
    );
    expect(callers.filter((principal) => principal === 'cognito-idp.amazonaws.com')).toHaveLength(1);
  });
});

describe('outputs', () => {
  it.each([
    'EventsQueueUrl',
    'RejectedQueueUrl',
    'DeadLettersQueueUrl',
    'TableName',
    'UserpilotSecretArn',
    'UserpilotSecretCommand',
    'CognitoFunctionArn',
    'EraseFunctionName',
    'Auth0WebhookUrl',
    'ClerkWebhookUrl',
    'ClerkSecretArn',
    'StripeSecretCommand',
  ])('print %s', (name) => {
    expect(Object.keys(production.findOutputs('*'))).toContain(name);
  });
});

describe('checks', () => {
  it('find nothing to object to', () => {
    expect(() => synthesis.app('staging').synth()).not.toThrow();
    expect(() => synthesis.app('refreshing').synth()).not.toThrow();
  });

  it('fail the synthesis when there is something', () => {
    const app = synthesis.app('staging');
    new Queue(new Stack(app, 'Careless'), 'Queue');
    expect(() => app.synth()).toThrow(/AwsSolutions-SQS/);
  });

  it('refuse to deploy the stage of the local machine', () => {
    expect(() => synthesis.app('local')).toThrow('Stage "local" sends to http://127.0.0.1');
  });
});

import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { HttpApi, HttpMethod, HttpStage, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { type WebhookSourceId, webhookPath } from '../../functions/manifest.ts';
import { RunbookAlarm } from './runbook-alarm.ts';

export interface WebhookApiProps {
  readonly logRetention: RetentionDays;
  /** For all routes together. Above it callers get 429. */
  readonly throttle: { readonly requestsPerSecond: number; readonly burst: number };
}

/** No header, query, body or address of a caller: docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html */
const ACCESS_LOG = {
  requestId: '$context.requestId',
  time: '$context.requestTime',
  route: '$context.routeKey',
  status: '$context.status',
  milliseconds: '$context.responseLatency',
  invocationStatus: '$context.integration.status',
  error: '$context.error.message',
  invocationError: '$context.integration.error',
};

/** The public address that vendors post to. */
export class WebhookApi extends Construct {
  private readonly api: HttpApi;

  constructor(scope: Construct, id: string, { logRetention, throttle }: WebhookApiProps) {
    super(scope, id);
    // No CORS: browsers have no business here.
    this.api = new HttpApi(this, 'Api', { description: 'Webhooks for Userpilot', createDefaultStage: false });
    const log = new LogGroup(this, 'AccessLog', { retention: logRetention, removalPolicy: RemovalPolicy.DESTROY });
    new HttpStage(this, 'Stage', {
      httpApi: this.api,
      autoDeploy: true,
      throttle: { rateLimit: throttle.requestsPerSecond, burstLimit: throttle.burst },
      accessLogSettings: {
        destination: new LogGroupLogDestination(log),
        format: AccessLogFormat.custom(JSON.stringify(ACCESS_LOG)),
      },
    });
    new RunbookAlarm(this, 'Http5xxAlarm', {
      metric: this.api.metricServerError(),
      says: 'A webhook was answered with 5xx. The vendor sends it again, for hours to days.',
      section: 'Webhooks answered with 5xx',
    });
  }

  /** Any method: the function answers 405 itself, so that a vendor's "test" button shows something useful. Returns the address. */
  addSource(source: WebhookSourceId, fn: IFunction): string {
    const path = webhookPath(source);
    const integration = new HttpLambdaIntegration(`${source}-integration`, fn);
    for (const route of this.api.addRoutes({ path, methods: [HttpMethod.ANY], integration })) {
      Validations.of(route).acknowledge({
        id: 'AwsSolutions-APIG4',
        reason:
          'The function checks the signature that the vendor puts on every request; a vendor cannot present AWS or JWT credentials.',
      });
    }
    return `${this.api.apiEndpoint}${path}`;
  }
}

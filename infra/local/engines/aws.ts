import { devNull } from 'node:os';

/** The account and region that the engines pretend to be. Any would do: nothing leaves the machine. */
export const ACCOUNT_ID = '000000000000';
export const REGION = 'us-east-1';

/** What a client that is not the functions' own needs to talk to an engine. The engines check no credentials. */
export const clientOptions = (endpoint: string) =>
  ({ endpoint, region: REGION, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }) as const;

/** Variables through which a developer's own AWS set-up could reach the functions and lead them to a real account. */
const FOREIGN = [
  'AWS_PROFILE',
  'AWS_DEFAULT_PROFILE',
  'AWS_SESSION_TOKEN',
  'AWS_ENDPOINT_URL',
  'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS',
  'AWS_USE_FIPS_ENDPOINT',
  'AWS_USE_DUALSTACK_ENDPOINT',
] as const;

/** The variables by which an AWS SDK finds the engines; undefined = must not be set. */
export const sdkVariables = (urls: {
  readonly sqs: string;
  readonly dynamodb: string;
  readonly secretsManager: string;
}): Readonly<Record<string, string | undefined>> => ({
  ...Object.fromEntries(FOREIGN.map((name) => [name, undefined])),
  AWS_REGION: REGION,
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
  AWS_CONFIG_FILE: devNull,
  AWS_SHARED_CREDENTIALS_FILE: devNull,
  AWS_ENDPOINT_URL_SQS: urls.sqs,
  AWS_ENDPOINT_URL_DYNAMODB: urls.dynamodb,
  AWS_ENDPOINT_URL_SECRETS_MANAGER: urls.secretsManager,
});

/** The same for what the fake vendors stand for. */
export const cognitoVariables = (url: string) => ({ AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER: url }) as const;

/** Sets the variables in this process and returns what puts the former ones back. */
export const applyVariables = (variables: Readonly<Record<string, string | undefined>>): (() => void) => {
  const former = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
  const set = (values: Readonly<Record<string, string | undefined>>) => {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
  set(variables);
  return () => set(former);
};

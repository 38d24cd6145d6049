import { resolve } from 'node:path';
import { readArguments, readNumber } from './arguments.ts';
import { DEFAULT_DATA_DIR, DEFAULT_PORT } from './defaults.ts';

export const USAGE = 'npm start -- [--port N] [--data DIR] [--fresh] [--stage NAME] [--secrets FILE] [--userpilot URL]';

export const HELP = `${USAGE}

  --port N         where to listen, 0 for any free port (default ${DEFAULT_PORT})
  --data DIR       where queues, table, secrets and log lie (default .local)
  --fresh          begin with empty queues, table, log and fake Userpilot; secrets stay
  --stage NAME     settings from infra/stages.ts (default local)
  --secrets FILE   JSON: {"userpilot":{"apiKey":"…"},"clerk":{"signingSecrets":["…"]}, …} (default DIR/secrets.json)
  --userpilot URL  us, eu or a base URL instead of the built-in fake
`;

export interface CliOptions {
  readonly help: boolean;
  readonly port: number;
  readonly dataDir: string;
  readonly fresh: boolean;
  readonly stage: string;
  readonly secretsFile?: string;
  readonly userpilotUrl?: string;
}

/** Throws a Problem for an option that it does not know or cannot read. */
export const readOptions = (args: readonly string[]): CliOptions => {
  const options = {
    port: { type: 'string' },
    data: { type: 'string' },
    fresh: { type: 'boolean', default: false },
    stage: { type: 'string', default: 'local' },
    secrets: { type: 'string' },
    userpilot: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  const { values } = readArguments({ args: [...args], options }, USAGE);
  return {
    help: values.help,
    port: values.port === undefined ? DEFAULT_PORT : readNumber('port', values.port, { min: 0, max: 65_535 }),
    dataDir: values.data === undefined ? DEFAULT_DATA_DIR : resolve(values.data),
    fresh: values.fresh,
    stage: values.stage,
    ...(values.secrets !== undefined && { secretsFile: resolve(values.secrets) }),
    ...(values.userpilot !== undefined && { userpilotUrl: values.userpilot }),
  };
};

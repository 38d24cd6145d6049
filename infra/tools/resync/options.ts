import { SOURCE_IDS, type SourceId } from '../../../functions/manifest.ts';
import { readArguments } from '../../local/arguments.ts';
import { DEFAULT_PORT } from '../../local/defaults.ts';
import { Problem } from '../../local/problem.ts';
import { readWhere } from '../queues/options.ts';
import type { Where } from '../queues/place.ts';

export const USAGE = 'npm run resync -- SOURCE [--to URL | --stage NAME] [--full] [--dry-run] [--watch]';

export const HELP = `${USAGE}

  SOURCE        ${SOURCE_IDS.join(', ')}
  --to URL      a local stack (default http://127.0.0.1:${DEFAULT_PORT}); the run is this process, and goes on where it was killed
  --stage NAME  a deployed stage of infra/stages.ts, with the credentials of the usual AWS variables
  --full        all users, also where the vendor can tell who changed since the last run
  --dry-run     sends nothing: counts what would be sent, and shows a few calls without their values; a local stack only
  --watch       starts nothing: shows a run that is under way; a deployed stage only
`;

export interface ResyncOptions {
  readonly source: SourceId;
  readonly where: Where;
  readonly full: boolean;
  readonly dryRun: boolean;
  readonly watch: boolean;
}

const readSource = ([name = '', ...more]: readonly string[]): SourceId => {
  const source = SOURCE_IDS.find((id) => id === name);
  if (source !== undefined && more.length === 0) return source;
  const what = more.length > 0 ? 'One source at a time' : name === '' ? 'Which source?' : `Unknown source ${name}`;
  throw new Problem(`${what}: known are ${SOURCE_IDS.join(', ')}. Usage: ${USAGE}`);
};

/** @throws Problem for what it does not know or cannot read. */
export const readResyncOptions = (args: readonly string[]): ResyncOptions | 'help' => {
  const options = {
    to: { type: 'string' },
    stage: { type: 'string' },
    full: { type: 'boolean', default: false },
    'dry-run': { type: 'boolean', default: false },
    watch: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  const { values, positionals } = readArguments({ args: [...args], options, allowPositionals: true }, USAGE);
  if (values.help) return 'help';
  const { full, watch, 'dry-run': dryRun } = values;
  const source = readSource(positionals);
  const where = readWhere(values);
  if (dryRun && where.kind === 'deployed')
    throw new Problem(
      '--dry-run goes with a local stack only: start one with the settings of the stage (npm start -- --stage NAME).',
    );
  if (watch && where.kind === 'local') throw new Problem('--watch goes with --stage only: a local run is its own process.');
  if (watch && full) throw new Problem('--watch starts nothing: leave --full out.');
  return { source, where, full, dryRun, watch };
};

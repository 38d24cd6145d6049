import { dryRun } from './dry-run.ts';
import { helpOf, type QueueName } from './help.ts';
import type { Job } from './job.ts';
import { list } from './list.ts';
import { REPLAYS_PER_SECOND } from './mover.ts';
import { type QueueCommand, readQueueOptions } from './options.ts';
import { openPlace, type StageNamed } from './place.ts';
import { createQueueReader } from './queue-reader.ts';
import { replay } from './replay.ts';
import { show } from './show.ts';
import { printTo, type Terminal } from './terminal.ts';
import { plural } from './text.ts';

export interface QueueCommandDeps {
  readonly terminal: Terminal;
  readonly stageNamed: StageNamed;
  readonly now: () => Date;
}

const QUEUES = {
  rejected: { key: 'rejected', noun: 'rejected event' },
  'dead-letters': { key: 'deadLetters', noun: 'dead letter' },
} as const satisfies Readonly<Record<QueueName, unknown>>;

/** A run that only reads gets through far more than one that sends. */
const READS_PER_SECOND = 20;

const isSlow = (command: QueueCommand): boolean => command.kind === 'replay' && !command.dryRun;

const run = (command: Exclude<QueueCommand, { readonly kind: 'help' }>, job: Job): Promise<number> => {
  if (command.kind === 'list') return list(job, command.ids);
  if (command.kind === 'show') return show(job, command);
  return command.dryRun ? dryRun(job, command) : replay(job, command);
};

/** `npm run rejected` and `npm run dead-letters`; answers the exit code. @throws Problem for what the operator can mend. */
export const runQueueCommand = async (queue: QueueName, args: readonly string[], deps: QueueCommandDeps): Promise<number> => {
  const { terminal, stageNamed, now } = deps;
  const command = readQueueOptions(queue, args);
  if (command.kind === 'help') {
    terminal.output.write(helpOf(queue));
    return 0;
  }
  const place = await openPlace(command.where, stageNamed);
  const { key, noun } = QUEUES[queue];
  const messagesPerSecond = isSlow(command) ? REPLAYS_PER_SECOND : READS_PER_SECOND;
  const reader = createQueueReader({ sqs: place.sqs, queueUrl: place.queues[key], messagesPerSecond });
  const stopping = new AbortController();
  // Also at a second Ctrl-C: what is held must be put back, or nobody sees it for a while.
  const stop = () => stopping.abort();
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    return await run(command, { noun, place, reader, terminal, now, stopping: stopping.signal });
  } finally {
    const left = await reader.putBack();
    if (left > 0)
      printTo(terminal)(`  ${plural(left, noun)} could not be put back: they are seen again when their time is over.`);
    process.off('SIGINT', stop).off('SIGTERM', stop);
    place.sqs.destroy();
  }
};

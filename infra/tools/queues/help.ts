import { DEFAULT_PORT } from '../../local/defaults.ts';

/** The queues that an operator works with, by the name of the command. */
export type QueueName = 'rejected' | 'dead-letters';

export const usageOf = (queue: QueueName): string =>
  `npm run ${queue} -- ${queue === 'rejected' ? 'list|show ID|replay' : 'list|replay'} [--to URL | --stage NAME] [--help]`;

const SHOW_HELP = `
  show ID              one event in full, personal data included, after asking
    --yes              without asking
`;

export const helpOf = (queue: QueueName): string => `${usageOf(queue)}

  --to URL             a local stack (default http://127.0.0.1:${DEFAULT_PORT})
  --stage NAME         a deployed stage of infra/stages.ts, with the credentials of the usual AWS variables

  list                 how many there are, by source, type and reason
    --ids              one by one
${queue === 'rejected' ? SHOW_HELP : ''}
  replay               maps events again as the stage says now, and sends them to the queue of events, five a second
    --reason CODE      only those rejected for this reason; may come several times, as may the next two
    --source NAME      only those of this source, e.g. clerk
    --id ID            only this one, by the id that list --ids shows
    --older-than AGE   only those received longer ago, e.g. 30min, 2h, 3d
    --younger-than AGE only those received since
    --all              every one
    --dry-run          sends nothing: shows what would be sent, and how it differs from what was made of the event before
    --show-values      with --dry-run: values too, which are personal data
    --drop-ignored     takes out events that ask for nothing any more
`;

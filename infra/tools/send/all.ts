import { SOURCE_IDS, type SourceId, WEBHOOK_SOURCES } from '../../../functions/manifest.ts';
import type { Invented } from '../../../functions/sources/sender.ts';
import { senders } from '../../../functions/sources/senders.ts';
import type { Secrets } from '../../local/secrets-file.ts';
import type { SendAllOptions } from './options.ts';
import { personOf } from './person.ts';
import type { Fate, Poster } from './post.ts';
import { sendOne } from './run.ts';
import { signingSecretOf } from './secrets.ts';
import type { Stack } from './stack.ts';

/** Whom a source's sign-up is about: somebody else for each, and the same whichever sources a stack has. */
export const personFrom = (source: SourceId): Invented => personOf(1 + SOURCE_IDS.indexOf(source));

export interface SentFrom {
  readonly source: SourceId;
  readonly type: string;
  readonly who: Invented;
  readonly fate: Pick<Fate, 'kind' | 'reason'>;
}

/** Those of the stack; of an address that does not tell, those that a secret is known for. */
const sourcesOf = (stack: Stack | undefined, secrets: Secrets): readonly SourceId[] =>
  stack?.sources ?? WEBHOOK_SOURCES.filter((id) => secrets[id]?.signingSecrets !== undefined);

/** One sign-up from every source, one after another. What cannot be signed is refused unsent. */
export async function* sendFromAll(
  { to }: SendAllOptions,
  { stack, secrets, poster }: { readonly stack: Stack | undefined; readonly secrets: Secrets; readonly poster: Poster },
): AsyncIterable<SentFrom> {
  for (const source of sourcesOf(stack, secrets)) {
    const [type] = senders[source].types;
    const who = personFrom(source);
    const secret = signingSecretOf(source, () => secrets);
    const fate =
      secret === undefined
        ? ({ kind: 'refused', reason: 'no secret to sign with' } as const)
        : await sendOne({ source, type, to }, who, { secret, poster });
    yield { source, type, who, fate };
  }
}

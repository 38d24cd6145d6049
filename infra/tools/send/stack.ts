import * as z from 'zod';
import { SOURCE_IDS, type SourceId } from '../../../functions/manifest.ts';

const Health = z.object({ userpilot: z.string().optional(), sources: z.array(z.string()) });

/** What a local stack tells of itself. */
export interface Stack {
  /** In the order of the manifest. */
  readonly sources: readonly SourceId[];
  /** Where its fake Userpilot shows a user; undefined when it has none. */
  userAt(id: string): string | undefined;
}

/** Undefined when the address is not that of a local stack. */
export const askStack = async (to: string): Promise<Stack | undefined> => {
  try {
    const response = await fetch(`${to}/health`, { signal: AbortSignal.timeout(2000) });
    const { userpilot, sources } = Health.parse(await response.json());
    return {
      sources: SOURCE_IDS.filter((id) => sources.includes(id)),
      userAt: (id) => (userpilot === undefined ? undefined : `${userpilot}/_/users/${id}`),
    };
  } catch {
    return undefined;
  }
};

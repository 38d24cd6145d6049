import * as z from 'zod';

const Item = z.object({ itemIdentifier: z.string().min(1) });
const Answer = z.object({ batchItemFailures: z.array(Item).nullish() }).nullish();

/**
 * Which messages of a batch Lambda deletes, by the function's answer under ReportBatchItemFailures. Nothing, null, no
 * list or an empty one: all. An identifier that is empty or not of the batch, or anything that is no such list: none,
 * as after an error. lambda/latest/dg/services-sqs-errorhandling.html
 */
export const toDelete = (answer: unknown, messageIds: readonly string[]): readonly string[] => {
  const parsed = Answer.safeParse(answer);
  if (!parsed.success) return [];
  const failed = new Set(parsed.data?.batchItemFailures?.map(({ itemIdentifier }) => itemIdentifier));
  const known = [...failed].every((id) => messageIds.includes(id));
  return known ? messageIds.filter((id) => !failed.has(id)) : [];
};

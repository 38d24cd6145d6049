import { ConditionalCheckFailedException, type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { DependencyError } from '../core/errors.ts';
import { type Family, PACES, type Pace, slotsOf } from '../core/pacing.ts';
import { type Limiter, OutOfTime } from '../core/ports.ts';
import { TABLE_KEY } from '../manifest.ts';

export interface LimiterOptions {
  readonly table: string;
  readonly now: () => Date;
  /** Resolves after so many milliseconds. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly paces?: Readonly<Record<Family, Pace>>;
}

interface Waiting {
  readonly deadline: number;
  readonly resolve: (slot: number) => void;
  readonly reject: (error: unknown) => void;
}

/** A batch asks for at most ten permits at once. */
const MAX_PERMITS = 10;

/**
 * GCRA in one DynamoDB item per endpoint family, shared by all workers. `tat` is the theoretical arrival time in epoch
 * milliseconds. Permits that are asked for in one turn of the event loop are reserved by one write; the write adds, so two
 * workers never have to try again because of each other: either `tat` lies ahead and grows, or it lies behind and starts from now.
 */
export const createLimiter = (client: DynamoDBClient, { table, now, sleep, paces = PACES }: LimiterOptions): Limiter => {
  const waiting = new Map<Family, Waiting[]>();

  const update = async (family: Family, expression: string, condition: string, values: Readonly<Record<string, number>>) => {
    const answer = await client.send(
      new UpdateItemCommand({
        TableName: table,
        Key: { [TABLE_KEY]: { S: `limiter#${family}` } },
        UpdateExpression: expression,
        ConditionExpression: condition,
        ExpressionAttributeValues: Object.fromEntries(
          Object.entries(values).map(([name, value]) => [name, { N: String(value) }]),
        ),
        ReturnValues: 'UPDATED_NEW',
      }),
    );
    return Number(answer.Attributes?.tat?.N);
  };
  const unless = (error: unknown): undefined => {
    if (error instanceof ConditionalCheckFailedException) return undefined;
    throw new DependencyError('TABLE', { cause: error });
  };

  const reserve = async (family: Family, count: number): Promise<number> => {
    const cost = count * paces[family].intervalMs;
    // Between the two writes another worker may move `tat` across now; the second round then fits.
    for (let round = 0; round < 3; round += 1) {
      const moment = now().getTime();
      const grown = await update(family, 'SET tat = tat + :cost', 'tat >= :now', { ':cost': cost, ':now': moment }).catch(unless);
      if (grown !== undefined) return grown;
      const restart = { ':start': moment + cost, ':now': moment };
      const started = await update(family, 'SET tat = :start', 'attribute_not_exists(tat) OR tat < :now', restart).catch(unless);
      if (started !== undefined) return started;
    }
    throw new DependencyError('TABLE');
  };

  const flush = async (family: Family): Promise<void> => {
    const askers = waiting.get(family)?.splice(0, MAX_PERMITS) ?? [];
    try {
      const slots = slotsOf(await reserve(family, askers.length), askers.length, paces[family]);
      for (const [index, { resolve }] of askers.entries()) resolve(slots[index] as number); // as many slots as askers
    } catch (error) {
      for (const { reject } of askers) reject(error);
    }
  };

  return {
    async take(family, deadline) {
      const slot = await new Promise<number>((resolve, reject) => {
        const askers = waiting.get(family) ?? [];
        waiting.set(family, askers);
        if (askers.length % MAX_PERMITS === 0) setImmediate(() => void flush(family));
        askers.push({ deadline, resolve, reject });
      });
      const wait = slot - now().getTime();
      if (slot > deadline) throw new OutOfTime();
      if (wait > 0) await sleep(wait);
    },
    async pushBack(family, seconds) {
      const { intervalMs, burst } = paces[family];
      // The burst allowance must not let anyone through before the moment Userpilot named.
      const tat = now().getTime() + seconds * 1000 + (burst - 1) * intervalMs;
      await update(family, 'SET tat = :tat', 'attribute_not_exists(tat) OR tat < :tat', { ':tat': tat }).catch(unless);
    },
  };
};

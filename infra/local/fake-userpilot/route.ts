import type { IncomingHttpHeaders } from 'node:http';
import * as z from 'zod';
import type { Body } from './body.ts';
import { type Answer, refuse } from './errors.ts';
import type { Knobs } from './knobs.ts';
import type { Bucket } from './rate.ts';
import type { World } from './world.ts';

/** An authenticated call. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Body;
  /** Epoch ms by the fake's clock. */
  readonly at: number;
  /** Stands for the key, and is not the key: it goes into the journal. */
  readonly scope: string;
  readonly world: World;
  readonly knobs: Knobs;
  /** A scripted end for the job that this call submits. */
  readonly jobFails?: 'validating' | number;
}

export interface Route {
  /** The allowance that it draws on. Absent: none is documented. */
  readonly bucket?: Bucket;
  /** Headers that the documentation calls required here, as patterns of their values. */
  readonly required: Readonly<Record<string, RegExp>>;
  readonly handle: (call: Call) => Answer;
}

/** Never trimmed. Ids have no documented length or alphabet. */
export const Id = z.string().min(1);
export const Metadata = z.record(z.string(), z.unknown());

const describe = (error: z.ZodError): string =>
  error.issues.map(({ path, message }) => [path.join('.') || 'body', message].join(': ')).join('; ');

/** Reads a JSON object of this shape before `run` sees it; anything else is 413 or 400. */
export const withJson =
  <Shape>(shape: z.ZodType<Shape>, run: (body: Shape, call: Call) => Answer) =>
  (call: Call): Answer => {
    const { body } = call;
    if (body.kind === 'too-large') return refuse(413, 'the body is larger than 50 MB');
    if (body.kind === 'unreadable') return refuse(400, body.why);
    if (body.kind !== 'json') return refuse(400, 'a JSON object is expected');
    const parsed = shape.safeParse(body.value);
    return parsed.success ? run(parsed.data, call) : refuse(400, describe(parsed.error));
  };

/** One percent-encoded path segment; undefined when the encoding is broken. */
export const decodeSegment = (segment: string): string | undefined => {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
};

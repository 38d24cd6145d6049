import { type BodyEncoding, FRONT_DOORS, type FrontDoor, type WireRequest } from '../support/http-events.ts';
import type { Target } from './target.ts';

/** What must come of a request: a refusal by its status, or one of the ways in which an authentic event is acknowledged. */
export type Expected =
  | 400
  | 401
  | 404
  | 405
  | 413
  | 415
  | 'accepted'
  | 'ignored'
  | 'parked'
  /** Acknowledged, in whichever of the three ways. */
  | 'taken'
  /** Acknowledged, or refused as malformed. */
  | 'authentic'
  /** Acknowledged, or refused as no proof: where the proof is a token, what it claims belongs to it. */
  | 'claimed'
  /** Acknowledged, or refused in any of the ways above. */
  | 'answered';

/** One hostile request before it goes through a front door. */
export interface Mutation {
  readonly name: string;
  readonly request: WireRequest;
  readonly expected: Expected;
  readonly encoding?: BodyEncoding;
}

/** One hostile event as the function gets it. */
export interface Case {
  readonly name: string;
  readonly target: Target;
  readonly event: unknown;
  readonly expected: Expected;
}

const DOORS = Object.keys(FRONT_DOORS) as readonly FrontDoor[]; // its own keys, see there

export const throughDoor = (target: Target, mutation: Mutation, door: FrontDoor): Case => ({
  name: `${target.name}, ${door}: ${mutation.name}`,
  target,
  event: FRONT_DOORS[door](mutation.request, mutation.encoding),
  expected: mutation.expected,
});

export const throughEveryDoor = (target: Target, mutations: readonly Mutation[]): readonly Case[] =>
  mutations.flatMap((mutation) => DOORS.map((door) => throughDoor(target, mutation, door)));

/** One door each, in turns. */
export const throughSomeDoor = (target: Target, mutations: readonly Mutation[]): readonly Case[] =>
  mutations.map((mutation, index) => throughDoor(target, mutation, DOORS[index % DOORS.length] ?? 'HTTP API'));

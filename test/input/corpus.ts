import { alteredBodies, contentEncodings } from './altered-bodies.ts';
import { type Case, throughEveryDoor, throughSomeDoor } from './case.ts';
import { brokenEvents, misplaced } from './doors.ts';
import { flippedHeaders, flippedTokens, oddHeaders, spoiledHeaders, spoiledTokens, truncatedHeaders } from './forged-headers.ts';
import { forgedSignatures } from './forged-signatures.ts';
import { forgedTokens } from './forged-tokens.ts';
import { hostileJson } from './hostile-json.ts';
import { replays } from './replays.ts';
import type { Target } from './target.ts';

/** Every hostile request to one source, under a name that says what is wrong with it. */
export const corpusOf = (target: Target): readonly Case[] => [
  ...throughEveryDoor(target, [
    ...spoiledHeaders(target),
    ...spoiledTokens(target),
    ...oddHeaders(target),
    ...misplaced(target),
    ...contentEncodings(target),
  ]),
  // One value under each name, and bytes for a body: every door hands them over alike.
  ...throughSomeDoor(target, [
    ...forgedSignatures(target),
    ...forgedTokens(target),
    ...replays(target),
    ...flippedHeaders(target),
    ...flippedTokens(target),
    ...truncatedHeaders(target),
    ...alteredBodies(target),
    ...hostileJson(target),
  ]),
  ...brokenEvents(target),
];

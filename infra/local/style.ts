import { styleText } from 'node:util';

type Look = Parameters<typeof styleText>[0];
/** Puts a look on a text, or leaves it as it is. */
export type Style = (look: Look, text: string) => string;

/** Colours only for a person: on a terminal, and unless NO_COLOR asks for none (no-color.org). */
export const styleFor = ({ isTTY }: { readonly isTTY?: boolean }, { NO_COLOR }: NodeJS.ProcessEnv): Style =>
  isTTY === true && !NO_COLOR ? (look, text) => styleText(look, text, { validateStream: false }) : (_, text) => text;

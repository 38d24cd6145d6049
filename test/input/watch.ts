import { findCanaries } from '../support/canaries.ts';
import { forbidden } from './target.ts';

/** Gathers what others can see and looks through it by the megabyte, which is far quicker than line by line. */
export const createWatch = () => {
  let seen: { readonly text: string; readonly from: string }[] = [];
  let length = 0;
  const hits = new Set<string>();
  const look = () => {
    if (findCanaries(seen.map(({ text }) => text).join('\n'), forbidden).length > 0) {
      for (const { text, from } of seen)
        for (const { canary, form } of findCanaries(text, forbidden)) hits.add(`${from}: ${canary}, ${form}`);
    }
    [seen, length] = [[], 0];
  };
  return {
    /** `from` says where it was seen. */
    see(text: string, from: string) {
      seen.push({ text, from });
      length += text.length;
      if (length > 1_000_000) look();
    },
    hits() {
      look();
      return [...hits];
    },
  };
};

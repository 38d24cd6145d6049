/** Words with two spaces between them, in lines of at most `width` columns; a word that is longer has a line of its own. */
export const wrapped = (words: readonly string[], width: number): readonly string[] => {
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 2 + word.length <= width) lines[lines.length - 1] = `${line}  ${word}`;
    else lines.push(word);
  }
  return lines;
};

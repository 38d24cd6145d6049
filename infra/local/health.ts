/** Milliseconds that a part gets to answer. */
const PATIENCE_MS = 1000;

/** Any answer will do: an engine that speaks HTTP is up. */
const answers = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
    await response.body?.cancel();
    return true;
  } catch {
    return false;
  }
};

/** Which of the named parts answer. */
export const lookAfter = async (urls: Readonly<Record<string, string>>): Promise<Readonly<Record<string, 'up' | 'down'>>> =>
  Object.fromEntries(
    await Promise.all(Object.entries(urls).map(async ([name, url]) => [name, (await answers(url)) ? 'up' : 'down'] as const)),
  );

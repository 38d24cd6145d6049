import { exchange, jsonOf } from './exchange.ts';

/** Inside a webhook's answering time. */
const TIMEOUT_MS = 3000;
const MAX_BODY_BYTES = 262_144;

/**
 * A vendor's page of public keys, as JSON. Throws an Error when it did not answer 200.
 * @param url fixed by configuration
 */
export const fetchKeyPage = async (url: string): Promise<unknown> => {
  const headers = { accept: 'application/json' };
  const { status, text } = await exchange({ method: 'GET', url, headers, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BODY_BYTES });
  if (status !== 200) throw new Error(`the page of public keys answered ${status}`);
  return jsonOf(text);
};

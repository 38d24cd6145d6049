import type { IncomingMessage } from 'node:http';

/** "50 MB" in the documentation, read as the smaller of its two meanings. Bytes. */
export const MAX_BYTES = 50_000_000;
/** What a multipart envelope may weigh beyond the file inside it. Bytes. */
const ENVELOPE_BYTES = 65_536;

export type Body =
  | { readonly kind: 'absent' | 'too-large' }
  | { readonly kind: 'unreadable'; readonly why: string }
  | { readonly kind: 'json'; readonly value: unknown; readonly bytes: number }
  /** One row per line; undefined for a line that is not JSON. */
  | { readonly kind: 'file'; readonly name: string; readonly rows: readonly unknown[]; readonly bytes: number };

/** All bytes of a request. Of one that is too large the rest is read and thrown away. */
export const readBytes = async (request: IncomingMessage): Promise<Buffer | 'too-large' | 'hung-up'> => {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request) {
      length += chunk.length;
      if (length <= MAX_BYTES + ENVELOPE_BYTES) chunks.push(chunk);
      else chunks.length = 0;
    }
  } catch {
    return 'hung-up';
  }
  return length <= MAX_BYTES + ENVELOPE_BYTES ? Buffer.concat(chunks) : 'too-large';
};

/** Invalid UTF-8 is not JSON. Throws a TypeError or SyntaxError. */
const parseJson = (bytes: Uint8Array | ArrayBuffer): unknown =>
  JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));

const parseLine = (line: string): unknown => {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
};

/** NDJSON in a part called `file`: docs.userpilot.com/api-references/bulk-updates/users */
const decodeUpload = async (bytes: Buffer, contentType: string): Promise<Body> => {
  try {
    const form = await new Response(new Uint8Array(bytes), { headers: { 'content-type': contentType } }).formData();
    const part = form.get('file');
    if (part === null) return { kind: 'unreadable', why: 'multipart/form-data without a part called "file"' };
    const file = typeof part === 'string' ? new File([part], '') : part;
    if (file.size > MAX_BYTES) return { kind: 'too-large' };
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
    const lines = text.replace(/(\r?\n)+$/, '').split('\n');
    return { kind: 'file', name: file.name, bytes: file.size, rows: text.trim() === '' ? [] : lines.map(parseLine) };
  } catch {
    return { kind: 'unreadable', why: 'the body is not the multipart/form-data that its Content-Type announces' };
  }
};

/** The server tells JSON from a file by Content-Type alone, which every documented call with a body must carry. */
export const decodeBody = async (bytes: Buffer | 'too-large', contentType = ''): Promise<Body> => {
  if (bytes === 'too-large') return { kind: 'too-large' };
  if (bytes.length === 0) return { kind: 'absent' };
  if (/^multipart\/form-data\b/i.test(contentType)) return decodeUpload(bytes, contentType);
  if (bytes.length > MAX_BYTES) return { kind: 'too-large' };
  if (!/^application\/json\b/i.test(contentType)) return { kind: 'unreadable', why: 'Content-Type must be application/json' };
  try {
    return { kind: 'json', value: parseJson(bytes), bytes: bytes.length };
  } catch {
    return { kind: 'unreadable', why: 'the body is not JSON' };
  }
};

/** The body as the request log and the per-user faults see it. */
export const contentOf = (body: Body): unknown => {
  if (body.kind === 'json') return body.value;
  return body.kind === 'file' ? body.rows : undefined;
};

/** The user whom a real-time call is about. */
export const userIdIn = (content: unknown): string | undefined => {
  const id = typeof content === 'object' && content !== null && 'user_id' in content ? content.user_id : undefined;
  return typeof id === 'string' ? id : undefined;
};

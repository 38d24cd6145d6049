import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new empty folder under the system's temporary one, and what takes it away again. */
export const temporaryFolder = () => {
  const path = mkdtempSync(join(tmpdir(), 'userpilot-webhooks-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
};

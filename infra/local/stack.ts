import type { SourceId } from '../../functions/manifest.ts';
import type { QueueUrls } from './engines/start.ts';
import type { Knobs } from './fake-userpilot/knobs.ts';
import type { FakeUserpilot } from './fake-userpilot/server.ts';
import type { FakeVendorServer } from './fake-vendors/server.ts';
import type { FakeUser } from './fake-vendors/vendor.ts';
import type { FunctionEvent } from './function-log.ts';

export interface StackOptions {
  /** Where queues, table, secrets, log and the fake's users lie. Made when it does not exist. */
  readonly dataDir: string;
  /** @default 0, any free one */
  readonly port?: number;
  /** Begin with everything but the secrets empty. @default false */
  readonly fresh?: boolean;
  /** @default 'local' */
  readonly stage?: string;
  /** Absent: `secrets.json` in the data folder, invented when it does not exist. */
  readonly secretsFile?: string;
  /** `us`, `eu` or a base URL. Absent: a fake one of its own. */
  readonly userpilotUrl?: string;
  /** How the fake Userpilot behaves. */
  readonly userpilotKnobs?: Partial<Knobs>;
  /** Whom the fake vendors know. @default 60 invented people */
  readonly vendorUsers?: readonly FakeUser[];
  /** How often a backlog is looked at, and how long a second of a bulk job's wait is; others in tests only. */
  readonly overflow?: { readonly everyMs?: number; readonly secondMs?: number };
  /** Told of each event as it goes its way. */
  readonly onEvent?: (event: FunctionEvent) => void;
  /** Told in one line of what somebody should look at. */
  readonly onNotice?: (line: string) => void;
}

export interface LocalSource {
  readonly id: SourceId;
  readonly url: string;
  /** False: nothing proves a sender, so every request is refused. Always true for a source without a signature, and for public keys elsewhere. */
  readonly hasSecret: boolean;
}

export interface LocalStack {
  readonly url: string;
  /** The fake; undefined when another Userpilot was named. */
  readonly userpilot: FakeUserpilot | undefined;
  readonly userpilotUrl: string;
  /** The fake APIs and public keys; undefined when no source of the stage asks one. */
  readonly vendors: FakeVendorServer | undefined;
  readonly sources: readonly LocalSource[];
  readonly dataDir: string;
  readonly secretsFile: string;
  readonly engines: { readonly sqs: string; readonly dynamodb: string; readonly secretsManager: string };
  readonly queueUrls: QueueUrls;
  readonly tableName: string;
  /** Takes no more requests, gives what is in hand `graceMs` to end, closes everything. What did not end comes again at the next start. */
  stop(graceMs?: number): Promise<void>;
}

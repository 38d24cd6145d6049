import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PersistenceManager } from '../../../node_modules/fauxqs/dist/persistence.js';

/** The engine's SQLite file, with a second connection for what fauxqs 2.4.1 does not do by itself. */
export class QueueDisk extends PersistenceManager {
  readonly #db: DatabaseSync;

  constructor(folder: string) {
    super(folder);
    this.#db = new DatabaseSync(join(folder, 'fauxqs.db'));
  }

  /**
   * Makes every message visible. Call it before loading: the only consumer died with the last run, so whatever it
   * had in hand would otherwise stay invisible until its deadline, six minutes or a back-off of up to 30. Receive
   * counts stay.
   */
  releaseInFlight(): void {
    this.#db.exec('UPDATE sqs_messages SET receipt_handle = NULL, visibility_deadline = NULL');
  }

  /** The engine's own statement nulls the receive count, which the table forbids: a visibility of zero failed and hid the message. */
  override updateMessageReady(messageId: string): void {
    this.#db
      .prepare('UPDATE sqs_messages SET receipt_handle = NULL, visibility_deadline = NULL WHERE message_id = ?')
      .run(messageId);
  }

  override close(): void {
    this.#db.close();
    super.close();
  }
}

/** Why a request was refused. Callers of a 401 never learn which: it goes to the log and the metric only. */
export type RefusalCode =
  | 'SIGNATURE_MISSING'
  | 'SIGNATURE_MALFORMED'
  | 'SIGNATURE_MISMATCH'
  | 'TIMESTAMP_OUTSIDE_TOLERANCE'
  | 'HEADER_CONFLICT'
  | 'NO_SECRET_CONFIGURED'
  /** Signed with a key that is not among the vendor's public ones, as far as we know them. */
  | 'KEY_UNKNOWN'
  /** A genuine token of the vendor's that was made for somebody else, or for another purpose. */
  | 'TOKEN_NOT_FOR_US';

/** Why an authentic event asks nothing of Userpilot. Counted, acknowledged, not kept. */
export type IgnoredCode =
  | 'EVENT_NOT_HANDLED'
  | 'TEST_EVENT'
  | 'NOTHING_CHANGED'
  | 'NO_COMPANY_DETACH'
  | 'DELETION_IGNORED'
  | 'NOT_A_SIGN_UP';

/** Why an authentic event was parked in the rejected queue. Kept for 14 days and replayable. */
export type RejectedCode =
  | 'NO_USER_ID'
  | 'NO_COMPANY_ID'
  | 'SCHEMA_MISMATCH'
  | 'EVENT_TOO_LARGE'
  /** The event names a user and carries no profile, and the stage does not say where the vendor's API is. */
  | 'NO_VENDOR_API'
  | 'ENVELOPE_MALFORMED'
  | 'USERPILOT_REFUSED';

/** Why a change was not sent: a newer one stands, or nothing would be different. */
export type SupersededCode = 'STALE' | 'TOMBSTONED' | 'DUPLICATE' | 'UNCHANGED' | 'MERGED';

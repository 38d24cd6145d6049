/**
 * Where Userpilot's documentation is silent or contradicts itself, the fake has to pick. Each pick is a knob;
 * the default is the reading that is hardest on the caller, unless it says otherwise.
 */
export interface Knobs {
  /** identify and companies/identify together, in any 60 s, per key: docs.userpilot.com/real-time/overview. @default 600 */
  readonly identifyPerMinute: number;
  /** An allowance of its own: same page. @default 600 */
  readonly trackPerMinute: number;
  /** Users and companies together: docs.userpilot.com/api-references/delete/overview. @default 2000 */
  readonly deleteEveryMs: number;
  /** Sent as Retry-After with a 429 of the limits above; null sends no such header, as none is documented. @default null */
  readonly retryAfterSeconds: number | null;
  /** True: all keys are keys of one application token, with one allowance and one job slot. @default false */
  readonly keysShareAllowance: boolean;
  /** Keys of another region that this one answers like its own while nothing becomes visible. Any other key is 401. @default [] */
  readonly invisibleKeys: readonly string[];
  /** The pages say 200, the published OpenAPI file says 202. @default 202 */
  readonly companyIdentifyStatus: 200 | 202;
  /** Take `company.company_id` on identify where `company.id` is missing, as the OpenAPI file would. @default false */
  readonly acceptCompanyIdKey: boolean;
  /** 400 without `X-API-Version: 2020-09-22` on identify, track and delete. @default true */
  readonly requireVersionHeader: boolean;
  /** 400 without `Accept: application/json` on companies/identify and bulk; the sources disagree. @default false */
  readonly requireAcceptHeader: boolean;
  /**
   * An object or array as a property value. `drop`: the value is left out (a bulk row is skipped as a whole) with a
   * warning in the request log. `refuse`: 400, or a failed job. @default 'drop'
   */
  readonly nestedValues: 'drop' | 'refuse';
  /** Rows that cannot be read or name nobody: 400 at once, or 202 and a failed job. @default 'refuse' */
  readonly badBulkRows: 'refuse' | 'fail-job';
  /** Documented as 1,200 on one page and 1,800 on another. @default 1200 */
  readonly bulkRowsPerMinute: number;
  /** How long a job stays `queued`. Not documented. @default 1000 */
  readonly queuedMs: number;
  /** How long a job stays `validating`. Not documented. @default 2000 */
  readonly validatingMs: number;
  /** How long a job stays `pending_refresh`, which still holds the slot. Not documented. @default 5000 */
  readonly pendingRefreshMs: number;
  /** Whether a bulk row moves `last_seen_at`, as identify does. @default false */
  readonly bulkBumpsLastSeen: boolean;
  /** Whether writing an id again before the nightly run takes it off the list. @default false */
  readonly writingCancelsDeletion: boolean;
}

export const DEFAULT_KNOBS: Knobs = {
  identifyPerMinute: 600,
  trackPerMinute: 600,
  deleteEveryMs: 2000,
  retryAfterSeconds: null,
  keysShareAllowance: false,
  invisibleKeys: [],
  companyIdentifyStatus: 202,
  acceptCompanyIdKey: false,
  requireVersionHeader: true,
  requireAcceptHeader: false,
  nestedValues: 'drop',
  badBulkRows: 'refuse',
  bulkRowsPerMinute: 1200,
  queuedMs: 1000,
  validatingMs: 2000,
  pendingRefreshMs: 5000,
  bulkBumpsLastSeen: false,
  writingCancelsDeletion: false,
};

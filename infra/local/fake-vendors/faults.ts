/** What can go wrong between a caller and a vendor. None but `slow` lets the vendor answer. */
export const VENDOR_FAULTS = ['429', '429-retry-after', '404', '500', 'slow', 'reset'] as const;
export type VendorFault = (typeof VENDOR_FAULTS)[number];

/** The usual answer of a slow vendor comes so late: within every caller's patience, longer than anyone likes. */
export const SLOW_MS = 1500;

import * as z from 'zod';

/** What a Userpilot property may hold. Dates travel as ISO 8601 strings in UTC: docs.userpilot.com/reference/data-model */
export const Property = z.union([z.string().max(65_535), z.number(), z.boolean(), z.null()]);
export type Property = z.infer<typeof Property>;

/** At most 500 properties per entity, names up to 255 characters: docs.userpilot.com/reference/data-model */
export const Properties = z.record(z.string().min(1).max(255), Property).refine((record) => Object.keys(record).length <= 500, {
  error: 'more than 500 properties',
});
export type Properties = z.infer<typeof Properties>;

/** Never trimmed and never empty: it must equal what the browser SDK identifies with, to the letter. */
const Id = z.string().min(1).max(1024);

export const IdentifyUser = z.strictObject({
  kind: z.literal('identifyUser'),
  user_id: Id,
  metadata: Properties.optional(),
  /** Moves the user to this company. Company properties go through `identifyCompany`, where their order is kept. */
  company: z.strictObject({ id: Id }).optional(),
});
export const IdentifyCompany = z.strictObject({
  kind: z.literal('identifyCompany'),
  company_id: Id,
  metadata: Properties.optional(),
});
/** Sends nothing by itself: becomes a tombstone in the ledger, so that no late update brings the entity back. */
export const DeleteUser = z.strictObject({ kind: z.literal('deleteUser'), user_id: Id });
export const DeleteCompany = z.strictObject({ kind: z.literal('deleteCompany'), company_id: Id });

export const Call = z.discriminatedUnion('kind', [IdentifyUser, IdentifyCompany, DeleteUser, DeleteCompany]);
export type Call = z.infer<typeof Call>;
export type IdentifyUser = z.infer<typeof IdentifyUser>;
export type IdentifyCompany = z.infer<typeof IdentifyCompany>;
export type Identify = IdentifyUser | IdentifyCompany;

/** The parts of an entity that a vendor reports by separate events, each with its own clock. */
export const Facet = z.enum(['profile', 'membership', 'subscription']);
export type Facet = z.infer<typeof Facet>;

/**
 * One call and what is needed to order it. Times of different facets are never compared:
 * a membership that changed later says nothing about how old the profile is.
 */
export const Change = z.strictObject({
  call: Call,
  facet: Facet,
  /** When it happened at the vendor. Orders changes of one facet of one source; arrival order breaks ties only. */
  occurredAt: z.iso.datetime({ offset: true }).transform((text) => new Date(text)),
  /** The vendor says that the entity came to be: lifts an older tombstone, as no plain update can. */
  creates: z.boolean().optional(),
});
export type Change = z.infer<typeof Change>;

/** `user` and `company` ids live in separate name spaces at Userpilot. */
export const entityOf = (call: Call): string =>
  call.kind === 'identifyUser' || call.kind === 'deleteUser' ? `user:${call.user_id}` : `company:${call.company_id}`;

export const isDeletion = (call: Call): boolean => call.kind === 'deleteUser' || call.kind === 'deleteCompany';

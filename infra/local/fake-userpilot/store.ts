import { mergeProperties, type Properties, withoutAlias } from './values.ts';

export interface StoredUser {
  readonly user_id: string;
  /** After all merges; a property that was cleared is not there. */
  readonly metadata: Properties;
  /** Absent: the user belongs to no company. */
  readonly company_id?: string;
  /** ISO 8601, by the fake's clock. */
  readonly first_seen_at: string;
  /** ISO 8601. Absent: only ever written in bulk. */
  readonly last_seen_at?: string;
}

export interface StoredCompany {
  readonly company_id: string;
  readonly metadata: Properties;
}

/** What has taken effect by now: rows of a running job appear as the clock passes them. */
export interface Store {
  users(): readonly StoredUser[];
  user(id: string): StoredUser | undefined;
  companies(): readonly StoredCompany[];
  company(id: string): StoredCompany | undefined;
}

export interface CompanyWrite {
  readonly company_id: string;
  readonly properties: Properties;
}
export interface UserWrite {
  readonly user_id: string;
  readonly properties: Properties;
  readonly company?: CompanyWrite;
}

/** Users and companies with Userpilot's merge rules: docs.userpilot.com/reference/data-model */
export class Profiles implements Store {
  readonly #users = new Map<string, StoredUser>();
  readonly #companies = new Map<string, StoredCompany>();

  users = (): readonly StoredUser[] => [...this.#users.values()];
  user = (id: string): StoredUser | undefined => this.#users.get(id);
  companies = (): readonly StoredCompany[] => [...this.#companies.values()];
  company = (id: string): StoredCompany | undefined => this.#companies.get(id);
  counts = (): { readonly users: number; readonly companies: number } => ({
    users: this.#users.size,
    companies: this.#companies.size,
  });

  /** A user has at most one company: another id moves the user, none leaves the user where it was. */
  writeUser(write: UserWrite, at: number, { seen }: { readonly seen: boolean }): void {
    const old = this.#users.get(write.user_id);
    const moment = new Date(at).toISOString();
    if (write.company) this.writeCompany(write.company);
    this.#users.set(write.user_id, {
      ...old,
      user_id: write.user_id,
      metadata: mergeProperties(old?.metadata ?? {}, withoutAlias(write.properties)),
      ...(write.company && { company_id: write.company.company_id }),
      first_seen_at: old?.first_seen_at ?? moment,
      ...(seen && { last_seen_at: moment }),
    });
  }

  writeCompany({ company_id, properties }: CompanyWrite): void {
    const old = this.#companies.get(company_id);
    this.#companies.set(company_id, { company_id, metadata: mergeProperties(old?.metadata ?? {}, properties) });
  }

  /** Users of a removed company keep its id: what Userpilot does with them is not documented. */
  remove(kind: 'users' | 'companies', id: string): void {
    if (kind === 'users') this.#users.delete(id);
    else this.#companies.delete(id);
  }
}

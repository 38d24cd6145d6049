import { Deletions, type EntityKind } from './deletions.ts';
import { type JobOrder, Jobs, type Row } from './jobs.ts';
import type { Knobs } from './knobs.ts';
import { type CompanyWrite, Profiles, type UserWrite } from './store.ts';

/** Everything that changes a world. A journal of these, carried out again in order, gives the same world. */
export type Command = { readonly at: number } & (
  | { readonly op: 'user'; readonly user: UserWrite }
  | { readonly op: 'company'; readonly company: CompanyWrite }
  | { readonly op: 'delete'; readonly kind: EntityKind; readonly ids: readonly string[] }
  | { readonly op: 'job'; readonly order: JobOrder }
);

/** One Userpilot environment. Time comes from outside, with each command and question. */
export class World {
  readonly profiles = new Profiles();
  readonly jobs: Jobs;
  readonly #deletions = new Deletions();
  readonly #knobs: Knobs;
  readonly #record: (command: Command) => void;

  /** `record` is called before a command takes effect, so that an answered request is a recorded one. */
  constructor(knobs: Knobs, record: (command: Command) => void) {
    this.#knobs = knobs;
    this.#record = record;
    this.jobs = new Jobs(knobs);
  }

  run(command: Command): void {
    this.#record(command);
    this.replay(command);
  }

  replay(command: Command): void {
    this.settle(command.at);
    if (command.op === 'user') this.#write({ user: command.user }, command.at, true);
    else if (command.op === 'company') this.#write({ company: command.company }, command.at, true);
    else if (command.op === 'delete') this.#deletions.schedule(command.kind, command.ids, command.at);
    else this.jobs.submit(command.order, command.at);
  }

  /** Lets happen what was due up to this moment: bulk rows, and the nightly deletions among them. */
  settle(at: number): void {
    const write = (row: Row, rowAt: number) => this.#write(row, rowAt, this.#knobs.bulkBumpsLastSeen);
    for (let due = this.#deletions.nextDue(); due !== undefined && due <= at; due = this.#deletions.nextDue()) {
      this.jobs.progress(due, write);
      for (const { kind, id } of this.#deletions.take(due)) this.profiles.remove(kind, id);
    }
    this.jobs.progress(at, write);
  }

  #write(row: Row, at: number, seen: boolean): void {
    if ('user' in row) this.profiles.writeUser(row.user, at, { seen });
    else this.profiles.writeCompany(row.company);
    if (!this.#knobs.writingCancelsDeletion) return;
    if ('user' in row) this.#deletions.cancel('users', row.user.user_id);
    else this.#deletions.cancel('companies', row.company.company_id);
  }
}

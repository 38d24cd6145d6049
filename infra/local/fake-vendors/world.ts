import { personOf } from '../../tools/send/person.ts';
import type { FakeUser } from './vendor.ts';

const INVENTED = /^invented-user-(\d{6,15})$/;
const APART_MS = 60_000;

/** The first `count` people that `npm run send` invents; they signed up a minute after one another, the last one just now. */
export const inventUsers = (count: number, now: Date): readonly FakeUser[] =>
  Array.from({ length: count }, (_, index) => {
    const at = new Date(now.getTime() - (count - 1 - index) * APART_MS);
    return { who: personOf(index), createdAt: at, updatedAt: at };
  });

/** Who has an account with the fake vendors; all of them know the same people. */
export class FakePeople {
  readonly #startedAt: Date;
  readonly #removed = new Set<string>();
  readonly #users: Map<string, FakeUser>;
  #inOrder: readonly FakeUser[] | undefined;

  constructor(users: readonly FakeUser[], startedAt: Date) {
    this.#startedAt = startedAt;
    this.#users = new Map(users.map((user) => [user.who.id, user]));
  }

  /** In order of creation; the invented people that nobody added are not among them. */
  get users(): readonly FakeUser[] {
    this.#inOrder ??= [...this.#users.values()].toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
    return this.#inOrder;
  }

  user(id: string): FakeUser | undefined {
    return this.#users.get(id) ?? this.#invented(id);
  }

  /** Takes the place of the user with the same id. */
  add(user: FakeUser): void {
    this.#removed.delete(user.who.id);
    this.#users.set(user.who.id, user);
    this.#inOrder = undefined;
  }

  remove(id: string): void {
    this.#removed.add(id);
    this.#users.delete(id);
    this.#inOrder = undefined;
  }

  #invented(id: string): FakeUser | undefined {
    const number = INVENTED.exec(id)?.[1];
    if (number === undefined || this.#removed.has(id)) return undefined;
    const who = personOf(Number(number));
    return who.id === id ? { who, createdAt: this.#startedAt, updatedAt: this.#startedAt } : undefined;
  }
}

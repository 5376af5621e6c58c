// Owners and operators: who has which rank. Pure.

import { rights as limits } from "../../limits.ts";
import { type RightsJournal, readRows, type RightsRow } from "./rights-rows.ts";

/** `console`: somebody at the server's own terminal. Everybody else is a `member`. */
export type Rank = "member" | "operator" | "owner" | "console";

export type Role = {
  /** The ID of an account, or the public key of a device without an account. */
  id: string;
  rank: "operator" | "owner";
  /** The person's name at that time. */
  name: string;
  by: string;
  /** Unix milliseconds. */
  atMs: number;
};

const order: Readonly<Record<Rank, number>> = { member: 0, operator: 1, owner: 2, console: 3 };

export function isAtLeast(rank: Rank, least: Rank): boolean {
  return order[rank] >= order[least];
}

export class Roles {
  readonly #journal: RightsJournal;
  readonly #byId = new Map<string, Role>();

  constructor(rows: Iterable<RightsRow>, journal: RightsJournal) {
    this.#journal = journal;
    const roles = readRows(rows, rowKind, (id, fields) => ({
      id,
      rank: fields.text("rank") === "owner" ? ("owner" as const) : ("operator" as const),
      name: fields.text("name"),
      by: fields.text("by"),
      atMs: fields.number("atMs"),
    }));
    for (const role of roles) this.#byId.set(role.id, role);
  }

  /** The highest rank among the IDs of a person. */
  rankOf(ids: readonly string[]): Rank {
    let rank: Rank = "member";
    for (const id of ids) {
      const role = this.#byId.get(id);
      if (role !== undefined && !isAtLeast(rank, role.rank)) rank = role.rank;
    }
    return rank;
  }

  /** Whether a person with these IDs is an operator or owner of the server. */
  isOperator(ids: readonly string[]): boolean {
    return ids.some((id) => this.#byId.has(id));
  }

  get hasOwner(): boolean {
    return [...this.#byId.values()].some(({ rank }) => rank === "owner");
  }

  /** The accounts and keys that belong to owners and operators. */
  ids(): ReadonlySet<string> {
    return new Set(this.#byId.keys());
  }

  list(): readonly Role[] {
    return [...this.#byId.values()];
  }

  /** False: there are too many. */
  give(role: Role): boolean {
    if (!this.#byId.has(role.id) && this.#byId.size >= limits.maxRoles) return false;
    this.#byId.set(role.id, role);
    const { id, ...fields } = role;
    this.#journal.put(`${rowKind}/${id}`, fields);
    return true;
  }

  /** The device joins an account: its role becomes the account's, and the device's own ends. */
  move(key: string, account: Pick<Role, "id" | "name">): void {
    const role = this.#byId.get(key);
    if (role === undefined) return;
    this.take(key);
    if (!isAtLeast(this.rankOf([account.id]), role.rank)) this.give({ ...role, ...account });
  }

  take(id: string): void {
    if (this.#byId.delete(id)) this.#journal.remove(`${rowKind}/${id}`);
  }
}

const rowKind = "role";

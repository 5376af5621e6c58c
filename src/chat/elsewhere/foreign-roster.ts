// The members of a room who are connected to other servers that use the same store. One person may
// be there through several servers, with several devices. Pure.

import type { PublicPerson } from "./foreign-person.ts";
import type { RoomRank } from "../people/persona.ts";

/** A member of a room who is connected to another server. */
export type ForeignMember = {
  readonly server: string;
  readonly folded: string;
  readonly name: string;
  /** Undefined: their server is older and does not send it. */
  readonly about?: PublicPerson | undefined;
  /** The rank until they leave the room, if any. */
  readonly rank?: RoomRank | undefined;
};

/** What has changed, with the names of those who arrived and left. */
export type RosterDifference = {
  readonly added: readonly ForeignMember[];
  readonly removed: readonly ForeignMember[];
  /** Members who stayed, before and after. */
  readonly kept: readonly (readonly [before: ForeignMember, now: ForeignMember])[];
};

export class ForeignRoster {
  /** By folded name, then by server, in order of arrival. */
  readonly #members = new Map<string, Map<string, ForeignMember>>();
  /** Ranks from before that version have ended, except for one person. */
  #ended = { version: 0, except: "" };

  /**
   * `version` counts presence changes by all servers. `rooms`: in how many of this server's open
   * rooms each of these people is, by folded name.
   */
  constructor(
    public version = 0,
    readonly rooms: Map<string, number> | undefined = undefined,
  ) {}

  /** Its room is closed. */
  close(): void {
    for (const folded of this.#members.keys()) this.#count(folded, -1);
    this.#members.clear();
  }

  get size(): number {
    return this.#members.size;
  }

  has(folded: string): boolean {
    return this.#members.has(folded);
  }

  /** If a member is on several servers, the entry of the first one. */
  get(folded: string): ForeignMember | undefined {
    const [first] = this.#members.get(folded)?.values() ?? [];
    return first;
  }

  /** The entries of a member on all servers. */
  all(folded: string): readonly ForeignMember[] {
    return [...(this.#members.get(folded)?.values() ?? [])];
  }

  /** Every person once. */
  *people(): Iterable<ForeignMember> {
    for (const folded of this.#members.keys()) {
      const member = this.get(folded);
      if (member !== undefined) yield member;
    }
  }

  /** Folded and shown names. */
  *entries(): Iterable<readonly [folded: string, name: string]> {
    for (const { folded, name } of this.people()) yield [folded, name];
  }

  /** Returns what is kept of the member. */
  add(added: ForeignMember): ForeignMember {
    const { server, folded } = added;
    const isEnded = this.version < this.#ended.version && folded !== this.#ended.except;
    const member = isEnded ? { ...added, rank: undefined } : added;
    const servers = this.#members.get(folded);
    if (servers !== undefined) servers.set(server, member);
    else {
      this.#members.set(folded, new Map([[server, member]]));
      this.#count(folded, 1);
    }
    return member;
  }

  remove({ server, folded }: Pick<ForeignMember, "server" | "folded">): void {
    const servers = this.#members.get(folded);
    if (servers?.delete(server) !== true || servers.size > 0) return;
    this.#members.delete(folded);
    this.#count(folded, -1);
  }

  /**
   * Nobody has a rank any more except, perhaps, the person with this folded name. `version`: nor
   * does anybody by an earlier change that is heard of only later.
   */
  endRanks(except: string, version: number): void {
    this.#ended = { version, except };
    for (const [folded, servers] of this.#members) {
      if (folded === except) continue;
      for (const [server, member] of servers) servers.set(server, { ...member, rank: undefined });
    }
  }

  /** Replaces all members. */
  replace(members: readonly ForeignMember[]): RosterDifference {
    const before = new Map(Array.from(this.people(), (member) => [member.folded, member]));
    this.close();
    for (const member of members) this.add(member);
    const now = [...this.people()];
    return {
      added: now.filter(({ folded }) => !before.has(folded)),
      removed: [...before.values()].filter(({ folded }) => !this.has(folded)),
      kept: now.flatMap((member) => {
        const was = before.get(member.folded);
        return was === undefined ? [] : [[was, member] as const];
      }),
    };
  }

  #count(folded: string, by: number): void {
    const count = (this.rooms?.get(folded) ?? 0) + by;
    if (count > 0) this.rooms?.set(folded, count);
    else this.rooms?.delete(folded);
  }
}

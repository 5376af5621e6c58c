// Who is in a room by way of another server that uses the same store. One person may be there by
// several servers, with several devices. Pure.

import type { PublicPerson } from "./foreign-person.ts";
import type { RoomRank } from "./persona.ts";

/** Somebody in a room, connected to another server. */
export type ForeignMember = {
  readonly server: string;
  readonly folded: string;
  readonly name: string;
  /** Undefined: their server is older and does not say. */
  readonly about?: PublicPerson | undefined;
  /** Until they leave the room; undefined: none. */
  readonly rank?: RoomRank | undefined;
};

/** What has changed, with the names of those who came and went. */
export type RosterDifference = {
  readonly added: readonly ForeignMember[];
  readonly removed: readonly ForeignMember[];
  /** Those who were there and are, as they were and as they are. */
  readonly kept: readonly (readonly [before: ForeignMember, now: ForeignMember])[];
};

export class ForeignRoster {
  /** By folded name, then by server, in order of arrival. */
  readonly #members = new Map<string, Map<string, ForeignMember>>();

  /** `version` counts the changes of who is there, by whatever server. */
  constructor(public version = 0) {}

  get size(): number {
    return this.#members.size;
  }

  has(folded: string): boolean {
    return this.#members.has(folded);
  }

  /** Of several servers, by the one where they came first. */
  get(folded: string): ForeignMember | undefined {
    const [first] = this.#members.get(folded)?.values() ?? [];
    return first;
  }

  /** Everybody once. */
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

  add(member: ForeignMember): void {
    const { server, folded } = member;
    const servers = this.#members.get(folded);
    if (servers === undefined) this.#members.set(folded, new Map([[server, member]]));
    else servers.set(server, member);
  }

  remove({ server, folded }: Pick<ForeignMember, "server" | "folded">): void {
    const servers = this.#members.get(folded);
    servers?.delete(server);
    if (servers?.size === 0) this.#members.delete(folded);
  }

  /** Everybody who is there. */
  replace(members: readonly ForeignMember[]): RosterDifference {
    const before = new Map(Array.from(this.people(), (member) => [member.folded, member]));
    this.#members.clear();
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
}

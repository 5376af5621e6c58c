// Who is in a room by way of another server that uses the same store. One person may be there by
// several servers, with several devices. Pure.

/** Somebody in a room, connected to another server. */
export type ForeignMember = {
  readonly server: string;
  readonly folded: string;
  readonly name: string;
};

export class ForeignRoster {
  /** Names by server, by folded name, in order of arrival. */
  readonly #members = new Map<string, Map<string, string>>();

  /** `version` counts the changes of who is there, by whatever server. */
  constructor(public version = 0) {}

  get size(): number {
    return this.#members.size;
  }

  has(folded: string): boolean {
    return this.#members.has(folded);
  }

  /** Folded and shown names. */
  *entries(): Iterable<readonly [folded: string, name: string]> {
    for (const [folded, servers] of this.#members) {
      for (const name of servers.values()) {
        yield [folded, name];
        break;
      }
    }
  }

  add({ server, folded, name }: ForeignMember): void {
    const servers = this.#members.get(folded);
    if (servers === undefined) this.#members.set(folded, new Map([[server, name]]));
    else servers.set(server, name);
  }

  remove({ server, folded }: Pick<ForeignMember, "server" | "folded">): void {
    const servers = this.#members.get(folded);
    servers?.delete(server);
    if (servers?.size === 0) this.#members.delete(folded);
  }

  /** Everybody who is there. Returns who is new, and who is gone, with their names. */
  replace(members: readonly ForeignMember[]): {
    added: readonly (readonly [folded: string, name: string])[];
    removed: readonly (readonly [folded: string, name: string])[];
  } {
    const before = new Map(this.entries());
    this.#members.clear();
    for (const member of members) this.add(member);
    const now = new Map(this.entries());
    return {
      added: [...now].filter(([folded]) => !before.has(folded)),
      removed: [...before].filter(([folded]) => !now.has(folded)),
    };
  }
}

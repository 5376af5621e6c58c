// A room: its roster (everybody in it), its listeners (those connected here, by dialect), and the number of its last message.
// It decides nothing.

import type { Dialect } from "./dialect.ts";
import { RecipientGroup } from "./fan-out/recipient-group.ts";
import type { RoomTail } from "./room-tail.ts";
import type { Identity, Membership } from "./session.ts";

export class Room {
  /** Names by folded name, in the order in which they came. */
  readonly roster = new Map<string, string>();
  readonly groups = new Map<Dialect, RecipientGroup>();
  /** Members for whom a page of the past is being read, by what is said meanwhile. */
  readonly tails = new Set<RoomTail>();
  #sorted: string[] | undefined;

  /** `seq` is the number of the last message that its listeners have been given. */
  constructor(
    readonly name: string,
    public seq: number,
  ) {}

  /** Nobody is here, and nobody listens. */
  get isEmpty(): boolean {
    return this.roster.size === 0 && this.groups.size === 0;
  }

  add({ folded, name }: Identity): void {
    this.roster.set(folded, name);
    this.#sorted = undefined;
  }

  remove({ folded }: Identity): void {
    this.roster.delete(folded);
    this.#sorted = undefined;
  }

  /** From now on the member hears the room, from its place in the turn on. */
  listen(membership: Membership): void {
    const { dialect } = membership.session;
    let group = this.groups.get(dialect);
    if (group === undefined) {
      group = new RecipientGroup(dialect);
      this.groups.set(dialect, group);
    }
    if (group.members.has(membership)) return;
    group.members.add(membership);
    membership.session.listens++;
  }

  unlisten(membership: Membership): void {
    const { dialect } = membership.session;
    const group = this.groups.get(dialect);
    if (group?.members.delete(membership) === true) membership.session.listens--;
    if (group?.members.size === 0) this.groups.delete(dialect);
  }

  /** Names of everybody here, in the order in which they came. */
  names(): readonly string[] {
    return Array.from(this.roster.values());
  }

  /** Names of everybody here, sorted by folded name: an order in which a list can be paged. */
  sortedNames(): readonly string[] {
    this.#sorted ??= [...this.roster.keys()].sort().map((key) => this.roster.get(key)!);
    return this.#sorted;
  }
}

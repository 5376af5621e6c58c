// A room: its roster, its listeners grouped by dialect, and the number of its last message. Makes
// no decisions.

import type { Dialect } from "../dialect.ts";
import type { ShareOwner } from "../../share-owner.ts";
import type { ForeignRoster } from "../elsewhere/foreign-roster.ts";
import { RecipientGroup } from "../fan-out/recipient-group.ts";
import type { RoomTail } from "../history/room-tail.ts";
import type { RoomRank } from "../people/persona.ts";
import type { Identity, Membership } from "../session.ts";
import type { ToldSettings } from "./told-settings.ts";

/** A person who opens a room: by folded name, and as in `ranks`. */
export type Opening = {
  readonly folded: string;
  readonly key: string;
  /** Somebody was shown the members before it was settled. */
  wasShown?: boolean;
};

export class Room {
  /** Names by folded name, in order of arrival. */
  readonly roster = new Map<string, string>();
  readonly groups = new Map<Dialect, RecipientGroup>();
  /** One per running history read, collecting messages that arrive meanwhile. */
  readonly tails = new Set<RoomTail>();
  #ranks = new Map<string, RoomRank>();
  /** With other servers: the modes that its members were told of. Set by membership.ts. */
  told: ToldSettings | undefined;
  /** Who is its operator, unless somebody at another server has entered before: not settled yet. */
  opening: Opening | undefined;
  /** People whom its operators have invited. */
  readonly called = new Set<string>();
  #sorted: string[] | undefined;

  /** `seq` is the number of the last message delivered. */
  constructor(
    readonly name: string,
    public seq: number,
    /** The owner whose room limit it counts against. */
    readonly openedBy: ShareOwner,
    /** In Unix milliseconds. */
    readonly openedMs: number,
    /** Members on other servers; undefined if there are no other servers. */
    readonly elsewhere: ForeignRoster | undefined = undefined,
  ) {}

  /** Ranks that end with the membership, by person; others once nobody is left. */
  get ranks(): Map<string, RoomRank> {
    return this.#ranks;
  }

  /**
   * Called before the first member enters: ranks and invitations from before have ended. The map is
   * replaced, not cleared: that is how lost-members.ts recognizes that the ranks it remembers have
   * ended.
   */
  endRanks(): void {
    this.#ranks = new Map();
    this.called.clear();
  }

  /** Number of members, wherever they are connected. */
  get memberCount(): number {
    const { elsewhere, roster } = this;
    if (elsewhere === undefined) return roster.size;
    let count = elsewhere.size;
    for (const folded of roster.keys()) if (!elsewhere.has(folded)) count++;
    return count;
  }

  /** Whether it has members, wherever they are connected. */
  get isPopulated(): boolean {
    return this.roster.size > 0 || (this.elsewhere?.size ?? 0) > 0;
  }

  /** Whether somebody is in the room, on any server. */
  has(folded: string): boolean {
    return this.roster.has(folded) || this.elsewhere?.has(folded) === true;
  }

  /** Members on another server have arrived or left. */
  changedElsewhere(): void {
    this.#sorted = undefined;
  }

  /** Has neither members nor listeners. */
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

  /**
   * The store has decided whether this person was the first at any server to open the room, by the
   * presence change `version`.
   */
  settleOpening(folded: string, isFirst: boolean, version: number): void {
    if (this.opening?.folded !== folded) return;
    const { key } = this.opening;
    this.opening = undefined;
    if (!isFirst) return;
    this.ranks.set(key, { isVoiced: false, ...this.ranks.get(key), isOperator: true });
    // Members at other servers have left since, or came later.
    this.elsewhere?.endRanks(folded, version);
  }

  /** A person is known by another key from now on. */
  rekey(before: string, after: string): void {
    const rank = this.ranks.get(before);
    if (rank !== undefined) this.ranks.set(after, rank);
    this.ranks.delete(before);
    if (this.called.delete(before)) this.called.add(after);
    if (this.opening?.key === before) this.opening = { ...this.opening, key: after };
  }

  /** Starts delivery to the member, from its position in the turn on. */
  listen(membership: Membership): void {
    const { dialect } = membership.session;
    let group = this.groups.get(dialect);
    if (group === undefined) {
      group = new RecipientGroup(dialect);
      this.groups.set(dialect, group);
    }
    if (group.members.has(membership)) return;
    group.members.add(membership);
    membership.heardAs = dialect;
    membership.session.listens++;
  }

  unlisten(membership: Membership): void {
    const { heardAs } = membership;
    if (heardAs === undefined) return;
    membership.heardAs = undefined;
    const group = this.groups.get(heardAs);
    if (group?.members.delete(membership) === true) membership.session.listens--;
    if (group?.members.size === 0) this.groups.delete(heardAs);
  }

  /** Members' names in order of arrival. */
  names(): readonly string[] {
    return Array.from(this.#everybody().values());
  }

  /** Whether `sortedNames` has them already. */
  get isSorted(): boolean {
    return this.#sorted !== undefined;
  }

  /** Members' names sorted by folded name, for paging. */
  sortedNames(): readonly string[] {
    if (this.#sorted === undefined) {
      const all = this.#everybody();
      this.#sorted = [...all.keys()].sort().map((key) => all.get(key)!);
    }
    return this.#sorted;
  }

  /** Names by folded name. */
  #everybody(): ReadonlyMap<string, string> {
    if (this.elsewhere === undefined || this.elsewhere.size === 0) return this.roster;
    return new Map([...this.elsewhere.entries(), ...this.roster]);
  }
}

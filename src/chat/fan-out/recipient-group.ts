// A room in one dialect's words: every event of a turn is rendered once and encoded once, and all members that speak the
// dialect are given the same bytes. A member that hears something of its own in between gets a copy cut for it.

import type { Dialect } from "../dialect.ts";
import { output } from "../../limits.ts";
import type { RoomEvent, Said } from "../events.ts";
import { cutsOf, runAt } from "./coalesce.ts";
import { composeFor, Script } from "./rendered-batch.ts";
import type { Session } from "../session.ts";
import { TokenBucket } from "../token-bucket.ts";

/** What a room hands to its voices at the end of a turn. An event that was withdrawn is undefined. */
export type RoomTurn = {
  events: readonly (RoomEvent | undefined)[];
  /** The last event of this turn that changed who is here. */
  presence: { at: number; cause: "joined" | "left" | "renamed"; author: number } | undefined;
  /** Lists the names of those present: asked for only where a list is sent. */
  names: () => readonly string[];
  nowMs: number;
  after: Aftermath;
};

/** What a turn leaves to do: members that lag further behind than allowed, and ones whose next message waits for its gap. */
export type Aftermath = { slow: Session[]; gaps: Session[] };

export class Voice {
  readonly members = new Set<Session>();
  /** The list of users changed while the budget for lists was spent. */
  rosterDue = false;
  #rosterBudget: TokenBucket | undefined;

  constructor(readonly dialect: Dialect) {}

  /** Renders a turn once and hands it to every member. Returns how many messages were handed to members, added up. */
  deliver(turn: RoomTurn): number {
    const script = this.#render(turn);
    let handed = 0;
    for (const session of this.members) {
      if (session.special || session.personal !== undefined) {
        handed += composeFor(session, script);
      } else {
        if (session.isSpaced) script.spaceOut(session);
        else session.outbox.send(script.bytes, script.block);
        handed += script.said;
      }
      settle(session, turn.nowMs, turn.after);
    }
    return handed;
  }

  /** Sends the list of users if one is owed and affordable; true while one is still owed. */
  payRoster(names: RoomTurn["names"], nowMs: number): boolean {
    if (!this.rosterDue) return false;
    const listFor = this.#affordableRoster(names, nowMs);
    if (listFor === undefined) return true;
    for (const session of this.members) {
      session.insert({ at: 0, text: listFor(session.name), onCommit: false });
    }
    return false;
  }

  #render(turn: RoomTurn): Script {
    const { dialect } = this;
    const { events } = turn;
    const script = new Script(dialect);
    const list = this.#sharedRoster(turn);
    const cuts = dialect.renderRun === undefined ? undefined : cutsOf(this.members);
    // A plain loop: this runs for every message, once a dialect.
    for (let at = 0; at < events.length; at++) {
      if (list?.at === at) script.add(at, list.text, list.hiddenFrom, 0);
      const event = events[at];
      const run = cuts === undefined ? none : runAt(events, at, cuts);
      if (run.length > 1) {
        script.add(at, dialect.renderRun!(run), 0, run.length);
        at += run.length - 1;
        continue;
      }
      const text = event === undefined ? undefined : dialect.renderRoom(event);
      if (event === undefined || text === undefined) continue;
      const own =
        (event.type === "said" && !dialect.echo.said) ||
        (event.type === "joined" && !dialect.echo.joined);
      script.add(at, text, own ? event.author : 0, event.type === "said" ? 1 : 0);
    }
    if (list?.at === events.length) script.add(list.at, list.text, list.hiddenFrom, 0);
    return script;
  }

  /** The list of users that this turn's presence calls for, if it is the same for all; else each member gets its own. */
  #sharedRoster(turn: RoomTurn): { at: number; text: string; hiddenFrom: number } | undefined {
    const style = this.dialect.roster;
    const { presence } = turn;
    if (style === undefined || presence === undefined || this.members.size === 0) return undefined;
    const when = style.when[presence.cause];
    if (when === "never") return undefined;
    const listFor = this.#affordableRoster(turn.names, turn.nowMs);
    if (listFor === undefined) return undefined;
    const at = when === "before" ? presence.at : presence.at + 1;
    const skipped = style.skipRenamed && presence.cause === "renamed" ? presence.author : 0;
    if (style.shared) return { at, text: listFor(""), hiddenFrom: skipped };
    for (const session of this.members) {
      if (session.id === skipped) continue;
      session.insert({ at, text: listFor(session.name), onCommit: false });
    }
    return undefined;
  }

  /** Renders the list once if the members' budget for lists allows; else remembers that it is owed. */
  #affordableRoster(
    names: RoomTurn["names"],
    nowMs: number,
  ): ((self: string) => string) | undefined {
    const style = this.dialect.roster;
    if (style === undefined) return undefined;
    this.#rosterBudget ??= new TokenBucket(
      output.rosterBytesPerSecond - output.rosterBurstBytes,
      output.rosterBurstBytes,
      nowMs,
    );
    if (this.#rosterBudget.waitMs(nowMs) > 0) {
      this.rosterDue = true;
      return undefined;
    }
    const listFor = style.render(names());
    this.#rosterBudget.take(Buffer.byteLength(listFor("")), nowMs);
    this.rosterDue = false;
    return listFor;
  }
}

const none: readonly Said[] = [];

/** Sends what a session hears that no room's turn has reached: answers, private messages, the past. */
export function deliverAlone(session: Session, nowMs: number, after: Aftermath): void {
  if (session.personal !== undefined) composeFor(session, new Script(session.dialect));
  session.special = session.replay !== undefined;
  settle(session, nowMs, after);
}

/** Lets the first of the spaced messages go, and notes what is left to do. */
function settle(session: Session, nowMs: number, after: Aftermath): void {
  if (session.pumpSpaced(nowMs)) after.gaps.push(session);
  if (session.lagBytes > output.maxLagBytes) after.slow.push(session);
}

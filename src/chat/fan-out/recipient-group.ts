// The members of a room that use one dialect. Every event of a turn is rendered once for all of
// them.

import type { Dialect } from "../dialect.ts";
import type { PresenceEvent } from "../events.ts";
import { output as limits } from "../../limits.ts";
import { isRosterChange } from "../rooms/presence.ts";
import type { SaidRun } from "../rooms/said-run.ts";
import type { Membership, Session } from "../session.ts";
import { TokenBucket } from "../rates/token-bucket.ts";
import { flattenRun } from "./flatten.ts";
import { insertPersonal, RenderedBatch } from "./rendered-batch.ts";

/**
 * An event in a room with its position: negative for those of other servers, which come before
 * everything that is unsettled here. `event` is undefined if the message was withdrawn.
 */
export type RoomItem = { order: number; event: SaidRun | PresenceEvent | undefined };

/** What a room passes to its groups when a turn is settled. */
export type RoomDelivery = {
  items: readonly RoomItem[];
  /** The last join, leave or rename. */
  presence: { order: number; event: PresenceEvent } | undefined;
  /** Members' names; only called if a list is sent. */
  names: () => readonly string[];
  nowMs: number;
  plan: FlushPlan;
};

/** Follow-up work of a delivery. */
export type FlushPlan = {
  /**
   * An event concerns several rooms, and must keep its place among the events of all of them: who
   * leaves them and is back in another one has not left that one.
   */
  readonly spansRooms: boolean;
  /** Sessions with composed but unsent output. */
  composed: Set<Session>;
  /** Sessions lagging further behind than allowed. */
  slow: Session[];
  /** Sessions whose paced output waits for its gap. */
  gaps: Session[];
};

export class RecipientGroup {
  readonly members = new Set<Membership>();
  /** The user list changed while the list budget was exhausted. */
  rosterDue = false;
  #rosterBudget: TokenBucket | undefined;

  constructor(readonly dialect: Dialect) {}

  /** Renders a turn and passes it to every member. Returns the number of messages delivered. */
  deliver(delivery: RoomDelivery): number {
    const rendered = this.#render(delivery);
    const { plan, nowMs } = delivery;
    let handed = 0;
    for (const membership of this.members) {
      const { session } = membership;
      if (session.isOver) continue;
      const { output } = session;
      const isPlain =
        output.personal === undefined &&
        membership.hearsFrom === -Infinity &&
        membership.hearsUntil === Infinity &&
        membership.replayedTo === undefined &&
        session.rooms.size === 1 &&
        session.listens === 1 &&
        !rendered.hidesFrom(session.id);
      if (!isPlain) {
        const spansRooms = plan.spansRooms && this.dialect.showsPersonas === true;
        const isMixed = session.listens > 1 && (output.personal !== undefined || spansRooms);
        handed += isMixed ? rendered.mergeFor(membership) : rendered.composeFor(membership);
        membership.joinDelivered();
        // Nothing else will arrive for a session with one room; sending now frees memory when a
        // crowd receives lists.
        if (session.listens === 1) finishOutput(session, nowMs, plan);
        else plan.composed.add(session);
        continue;
      }
      if (output.isPaced) rendered.paceOut(output);
      else if (rendered.length > 0) output.outbox.send(rendered.block.bytes, rendered.block);
      handed += rendered.said;
      pumpOutput(session, nowMs, plan);
    }
    return handed;
  }

  /** Sends an overdue user list if the budget allows. True if it is still overdue. */
  sendDueRoster(names: () => readonly string[], nowMs: number, plan: FlushPlan): boolean {
    if (!this.rosterDue) return false;
    const listFor = this.#affordableRoster(names, nowMs);
    if (listFor === undefined) return true;
    for (const { session } of this.members) {
      if (session.isOver) continue;
      session.output.addText({ text: listFor(session.name), isList: true });
      finishOutput(session, nowMs, plan);
    }
    return false;
  }

  #render(delivery: RoomDelivery): RenderedBatch {
    const { dialect } = this;
    const rendered = new RenderedBatch(dialect);
    const list = this.#sharedRoster(delivery);
    // A plain loop: this runs for every message, once per dialect.
    for (const { order, event } of delivery.items) {
      if (list !== undefined && list.order < order && !list.added) addRoster(rendered, list);
      if (event === undefined) continue;
      if (event.type === "said") {
        this.#renderRun(rendered, order, event);
        continue;
      }
      const text = dialect.renderRoom(event);
      if (text === undefined) continue;
      const isOwn =
        dialect.showsPersonas === true
          ? event.type !== "mode"
          : event.type === "joined" && !dialect.echo.joined;
      rendered.add(order, text, isOwn ? event.author : 0, 0);
      if (dialect.showsPersonas === true && "once" in event && event.once) {
        rendered.markOnce(event.once);
      }
    }
    if (list !== undefined && !list.added) addRoster(rendered, list);
    return rendered;
  }

  #renderRun(rendered: RenderedBatch, order: number, said: SaidRun): void {
    const { dialect } = this;
    const run = dialect.severalLines === true ? said : flattenRun(said);
    const hiddenFrom = dialect.echo.said ? 0 : run.author;
    if (dialect.renderRun !== undefined && run.length > 1) {
      return rendered.addRun(order, run, dialect.renderRun(run), hiddenFrom);
    }
    for (let i = 0; i < run.length; i++) {
      const text = dialect.renderRoom(run.at(i));
      if (text !== undefined) rendered.add(order, text, hiddenFrom, 1);
    }
  }

  /**
   * The user list to add for this turn's presence changes, if it is the same for all; otherwise
   * queues each member's own list.
   */
  #sharedRoster({ presence, names, nowMs }: RoomDelivery): SharedRoster | undefined {
    const style = this.dialect.roster;
    if (style === undefined || presence === undefined || this.members.size === 0) return undefined;
    const { event } = presence;
    const when = isRosterChange(event) ? style.when[event.type] : "never";
    if (when === "never") return undefined;
    const listFor = this.#affordableRoster(names, nowMs);
    if (listFor === undefined) return undefined;
    // Event orders are integers, which leaves room for a list in between.
    const order = presence.order + (when === "before" ? -0.5 : 0.5);
    const skipped = style.skipRenamed && event.type === "renamed" ? event.author : 0;
    if (style.shared) return { order, text: listFor(""), hiddenFrom: skipped, added: false };
    for (const { session, hearsFrom, hearsUntil } of this.members) {
      if (session.isOver || session.id === skipped || order <= hearsFrom || order > hearsUntil)
        continue;
      insertPersonal(session, { order, text: listFor(session.name), isList: true });
    }
    return undefined;
  }

  /** Renders the list if the budget allows; otherwise marks it as overdue. */
  #affordableRoster(
    names: () => readonly string[],
    nowMs: number,
  ): ((self: string) => string) | undefined {
    const style = this.dialect.roster;
    if (style === undefined) return undefined;
    this.#rosterBudget ??= new TokenBucket(
      limits.rosterBytesPerSecond - limits.rosterBurstBytes,
      limits.rosterBurstBytes,
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

type SharedRoster = { order: number; text: string; hiddenFrom: number; added: boolean };

function addRoster(rendered: RenderedBatch, list: SharedRoster): void {
  list.added = true;
  rendered.addList(list.order, list.text, list.hiddenFrom);
}

/** Sends a session's composed output and notes follow-up work. */
export function finishOutput(session: Session, nowMs: number, plan: FlushPlan): void {
  const { output } = session;
  for (const personal of output.personal ?? []) output.addText(personal);
  output.personal = undefined;
  output.heardOnce = undefined;
  output.flush();
  plan.composed.delete(session);
  pumpOutput(session, nowMs, plan);
}

/** Sends due paced messages and notes follow-up work. */
function pumpOutput(session: Session, nowMs: number, plan: FlushPlan): void {
  if (session.output.pump(nowMs)) plan.gaps.push(session);
  if (session.output.lagBytes > limits.maxLagBytes) plan.slow.push(session);
}

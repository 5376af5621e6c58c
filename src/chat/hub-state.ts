// Everything that the hub keeps, and the few things that every operation does: tell a session something, wake the adapter. The
// operations are in the files beside this one; none of them knows the hub.

import type { Log } from "../log.ts";
import type { PersonalEvent, PresenceEvent } from "./events.ts";
import type { Backlog } from "./fan-out/outbox.ts";
import type { FilesPort } from "./files-port.ts";
import type { CommitPipeline } from "./commit-pipeline.ts";
import type { LoginRates } from "./login-rates.ts";
import type { Metrics } from "./metrics.ts";
import type { NameRegistry } from "./names/registry.ts";
import type { Room } from "./room.ts";
import type { Schedule } from "./schedule.ts";
import { pageChars } from "./history-page.ts";
import type { Rates } from "./rate-budget.ts";
import type { Session } from "./session.ts";
import type { StoreClient } from "./store-client.ts";
import type { TimedPersonal, Timing } from "./turn-batch.ts";

export type HubOptions = {
  /** Names the log of the store behind the hub. */
  epoch: string;
  /** Turns the hub's time, which nobody sets, into Unix time for stamps. Absent: it is that. */
  stampMs?: (nowMs: number) => number;
  metrics: Metrics;
  /** Messages and bytes a second that one sender may keep up; undefined for no limit. */
  rates: Rates | undefined;
  files: FilesPort;
  /** Folded words that some dialect reads as something else: nobody can be called so. */
  reservedNames: ReadonlySet<string>;
  /** Called when there is something to do at the end of the turn: once, until `endTurn` has been called. */
  wake: () => void;
  /** A line that a system's own server prints, harmless already. */
  print: (line: string) => void;
  /** For whoever runs the server: who comes and goes, and what goes wrong. */
  log: Log;
  /** Key under which a session's record is kept; not to be turned back into the secret. */
  hashSecret: (secret: string) => string;
  /** A fresh secret: 128 bits of chance or more, as text. */
  newSecret: () => string;
};

export class HubState {
  nowMs = 0;
  readonly sessions = new Set<Session>();
  /** Open rooms by folded name. */
  readonly rooms = new Map<string, Room>();
  /** Rooms that somebody is about to enter, and how many are: they stay open, so that their numbers stay known. */
  readonly awaitedRooms = new Map<string, number>();
  #isAwake = false;
  #stampedMs = NaN;
  #stampMs = 0;

  constructor(
    readonly options: HubOptions,
    readonly names: NameRegistry,
    readonly store: StoreClient,
    readonly pipeline: CommitPipeline,
    readonly schedule: Schedule,
    readonly loginRates: LoginRates,
    readonly backlog: Backlog,
  ) {}

  /** Unix time, for what is kept or shown. */
  get stampMs(): number {
    if (this.#stampedMs !== this.nowMs) {
      this.#stampedMs = this.nowMs;
      this.#stampMs = this.options.stampMs?.(this.nowMs) ?? this.nowMs;
    }
    return this.#stampMs;
  }

  /** Something has happened: the turn needs its end. */
  wake(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    this.options.wake();
  }

  /** The end of the turn has come. */
  rest(): void {
    this.#isAwake = false;
  }

  /** Tells one session something, in its place among all that happens; a goodbye comes last, after what is not settled yet. */
  tell(
    session: Session,
    event: PersonalEvent,
    timing: Timing = event.type === "bye" ? "settled" : "now",
    order = event.type === "bye" ? Infinity : this.pipeline.nextOrder(),
  ): void {
    const asked = askedChars(event);
    if (asked > 0) session.queue.charge(asked, this.nowMs);
    if (session.awaitsWelcome && !session.isOver) {
      // A conversation that has not been welcomed does not know yet what it is called.
      const later = timing === "now" ? "settled" : timing;
      this.pipeline.gathering.addPersonal(session, { order, event, timing: later });
      return this.wake();
    }
    for (const text of textsOf(session, event)) this.tellText(session, text, timing, order);
  }

  /** A text of the session's dialect. */
  tellText(
    session: Session,
    text: string,
    timing: Timing = "now",
    order = this.pipeline.nextOrder(),
  ): void {
    if (session.isOver) return;
    const when = session.awaitsWelcome && timing === "now" ? "settled" : timing;
    this.pipeline.gathering.addPersonal(session, { order, text, timing: when });
    session.output.answerChars += text.length;
    this.wake();
  }

  /** Everybody in the room hears who comes, goes, or has another name. */
  announce(room: Room, event: PresenceEvent): void {
    this.pipeline.gathering.addPresence(room, this.pipeline.nextOrder(), event);
    this.wake();
  }

  /** The session's record is to be written. */
  record(session: Session): void {
    if (session.identity.recordId === "") return;
    session.liveness.recordedMs = this.nowMs;
    this.pipeline.gathering.records.add(session);
    this.wake();
  }
}

/** What a session is told of something that was gathered for it. */
export function renderPersonal(session: Session, personal: TimedPersonal): readonly string[] {
  return "text" in personal ? [personal.text] : textsOf(session, personal.event);
}

/** What a session is told of an event, in its dialect: one text, several, or none. */
export function textsOf(session: Session, event: PersonalEvent): readonly string[] {
  const rendered = session.conversation.render(event);
  if (rendered === undefined) return [];
  return typeof rendered === "string" ? [rendered] : rendered;
}

/** Characters of an answer that may be much longer than what asked for it. */
function askedChars(event: PersonalEvent): number {
  switch (event.type) {
    case "history":
      return pageChars(event.messages);
    case "names":
      return nameChars * event.names.length;
    case "rooms":
      return 2 * nameChars * event.rooms.length;
    case "files":
      return 4 * nameChars * event.files.length;
    default:
      return 0;
  }
}

/** About what a name takes in a list. */
const nameChars = 20;

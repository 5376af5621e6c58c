// One connection as the hub sees it: who it is, what it still has to hear, and how its output is cut. What a session may do
// and what follows from it is in commands.ts; how a room's turn reaches it is in voice.ts.

import type { Conversation, Dialect, Peer } from "./dialect.ts";
import type { Command, PersonalEvent } from "./events.ts";
import type { KnownNames } from "./names/partner-names.ts";
import type { Link } from "./link.ts";
import { type Backlog, Outbox } from "./fan-out/outbox.ts";
import type { Room } from "./room.ts";
import { SpacedQueue } from "./fan-out/paced-queue.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** Output for one session alone, with the place among its room's events of this turn where it belongs. */
export type Personal = {
  at: number;
  text: string;
  /** Only true once the turn is in the log; dropped if that fails. */
  onCommit: boolean;
};

/** `new`: has no name yet. `visitor`: may look but not talk. `member`: in a room. `ending`: output drains. `gone`: closed. */
export type Phase = "new" | "visitor" | "member" | "ending" | "gone";

/** What a returning session still has to be told of the past; live traffic waits until it is done. */
export type Replay = { seq: number; mail: number };

export class Session {
  phase: Phase = "new";
  /** As it is shown, and as it is compared. Empty while there is none. */
  name = "";
  folded = "";
  alias: string | undefined;
  room: Room | undefined;
  /** Whether the client speaks in lines; undefined until its first message. */
  framed: boolean | undefined;

  /** Key of the session's record in the history; empty for dialects that can't resume. */
  recordId = "";
  /** Highest message counter taken, committed and acknowledged. */
  n = 0;
  committedN = 0;
  ackedN = 0;
  /** A refused counter: what comes after it is ignored until it comes again. 0 if none. */
  refusedN = 0;
  /** `seq` of the last message taken, for the acknowledgement; undefined if it was private. */
  lastSeq: number | undefined;
  mail = 0;
  committedMail = 0;
  /** When its record was last to be written. */
  recordMs = 0;

  /** The other side of a private chat, who asked for one, and who was asked. */
  partner: Session | undefined;
  askedBy: Session | undefined;
  asks: Session | undefined;
  /** Names by which it has known partners, who may be called otherwise now. */
  knownNames: KnownNames | undefined;

  /** This turn: output for this session alone, the first event that it hears, whether it needs composing by hand. */
  personal: Personal[] | undefined;
  /** UTF-16 units of it. */
  personalChars = 0;
  hearsFrom = 0;
  special = false;
  replay: Replay | undefined;
  /** The connection ends after the next flush. */
  endAfterFlush = false;

  /** UTF-16 units of the message that is being read. */
  messageChars = 0;
  /** Commands over the sender's rate that wait for their turn. */
  delayed: Command[] | undefined;
  messageBucket: TokenBucket | undefined;
  byteBucket: TokenBucket | undefined;
  /** What it may still be told of refusals. */
  refusalBucket: TokenBucket | undefined;

  heardMs: number;
  pingedMs = 0;
  /** What its link had taken when that was last looked at, and since when it has taken no more of what waits; 0: nothing waits. */
  takenBytes = 0;
  stalledMs = 0;
  endingMs = 0;
  /** When the other side said that it sends no more. */
  endedMs = 0;

  readonly outbox: Outbox;
  #spaced: SpacedQueue | undefined;

  constructor(
    readonly id: number,
    readonly link: Link,
    public dialect: Dialect,
    readonly conversation: Conversation,
    readonly peer: Peer,
    readonly openedMs: number,
    backlog: Backlog,
  ) {
    this.heardMs = openedMs;
    this.outbox = new Outbox(link, backlog);
  }

  /** Its last line has been told: nothing that comes later (a list of files) is worth waiting for. */
  get isOver(): boolean {
    return this.phase === "gone" || (this.phase === "ending" && !this.endAfterFlush);
  }

  /** One send a message: the client can't tell messages apart that arrive together. */
  get isSpaced(): boolean {
    return this.framed !== true && (this.dialect.output === "message" || this.framed === undefined);
  }

  /** Output that waits, in bytes; an estimate of one byte a character for what is not encoded yet. */
  get lagBytes(): number {
    return this.outbox.lagBytes + (this.#spaced?.chars ?? 0);
  }

  /** It is in no room any more: what it was told there comes before all that it is told from now on. */
  leaveRoom(): void {
    this.room = undefined;
    this.replay = undefined;
    this.hearsFrom = 0;
    for (const personal of this.personal ?? []) personal.at = 0;
  }

  /** Keeps what this member alone hears for the end of the turn. */
  tell(event: PersonalEvent, at: number, onCommit = false): void {
    const rendered = this.conversation.render(event);
    if (rendered === undefined) return;
    const texts = typeof rendered === "string" ? [rendered] : rendered;
    for (const text of texts) this.insert({ at, text, onCommit });
  }

  /** Keeps the list of personal output sorted by place; what has the same place stays in the order it came. */
  insert(personal: Personal): void {
    this.personalChars += personal.text.length;
    this.personal ??= [];
    const list = this.personal;
    let i = list.length;
    while (i > 0 && list[i - 1]!.at > personal.at) i--;
    if (i === list.length) list.push(personal);
    else list.splice(i, 0, personal);
  }

  /** A message as it goes into a stream: with a line end where the dialect has none of its own. */
  lineOf(text: string): string {
    return this.dialect.output === "stream" || text.endsWith("\n") ? text : `${text}\n`;
  }

  /** So many messages wait that more are joined to the last. */
  get spacedFull(): boolean {
    return this.#spaced?.full ?? false;
  }

  pushSpaced(text: string): void {
    this.#spaced ??= new SpacedQueue();
    this.#spaced.push(text);
  }

  /** Sends what may leave of the messages that wait for their gap; true if some still wait. */
  pumpSpaced(nowMs: number): boolean {
    const queue = this.#spaced;
    if (queue === undefined) return false;
    if (!this.isSpaced) {
      this.outbox.send(Buffer.from(queue.takeAll((text) => this.lineOf(text))));
      this.#spaced = undefined;
      return false;
    }
    while (!this.outbox.blocked) {
      const text = queue.take(nowMs);
      if (text === undefined) break;
      this.outbox.send(Buffer.from(text));
    }
    return !queue.empty;
  }

  /** Whether messages wait for their gap (and not for the link). */
  get waitsForGap(): boolean {
    return this.#spaced !== undefined && !this.#spaced.empty && !this.outbox.blocked;
  }

  /** Forgets the messages that wait for their gap. */
  dropSpaced(): void {
    this.#spaced = undefined;
  }
}

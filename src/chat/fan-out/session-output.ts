// One session's output: shared bytes of its rooms and texts of its own, in one write per turn.
// Unframed clients receive one paced send per message instead. Knows bytes and texts, no rooms.

import type { Dialect } from "../dialect.ts";
import type { Link } from "../link.ts";
import { type Backlog, type Block, Outbox } from "./outbox.ts";
import { PacedQueue } from "./paced-queue.ts";

/** Text for one session only, with its position among the turn's events. */
export type Personal = { order: number; text: string; isList?: boolean };

export type OutputStyle = Pick<Dialect, "output" | "greetingGapMs" | "sendGapMs">;

type Piece = { bytes: Uint8Array; shared: Block | undefined };

const encoder = new TextEncoder();

export class SessionOutput {
  /** Whether the client sends lines; undefined until its first message. Set by the adapter. */
  framed: boolean | undefined;
  /** The session's own texts during a delivery, in order. */
  personal: Personal[] | undefined;
  /** Numbers of events in several rooms that were already told, during a delivery. */
  heardOnce: Set<number> | undefined;
  /** UTF-16 code units of answers waiting for the end of the turn. */
  answerChars = 0;
  readonly outbox: Outbox;
  readonly #dialect: OutputStyle;
  #paced: PacedQueue | undefined;
  #pieces: Piece[] | undefined;

  constructor(link: Link, backlog: Backlog, dialect: OutputStyle) {
    this.outbox = new Outbox(link, backlog);
    this.#dialect = dialect;
  }

  /** Whether each message needs its own send, because the client can't separate them. */
  get isPaced(): boolean {
    return (
      this.framed !== true && (this.#dialect.output === "message" || this.framed === undefined)
    );
  }

  /** Bytes waiting, counting one byte per character for text that is not encoded yet. */
  get lagBytes(): number {
    return this.outbox.lagBytes + (this.#paced?.chars ?? 0);
  }

  /** A message for a stream, with a line ending if the dialect adds none. */
  lineOf(text: string): string {
    return this.#dialect.output === "stream" || text.endsWith("\n") ? text : `${text}\n`;
  }

  /** Adds a text for this session; sent by `flush`. */
  addText({ text, isList }: Pick<Personal, "text" | "isList">): void {
    if (this.isPaced) this.push(text, isList);
    else this.addBytes(encoder.encode(this.lineOf(text)), undefined);
  }

  /**
   * Adds bytes to a stream; sent by `flush`. `shared` is their block if other sessions receive it
   * too.
   */
  addBytes(bytes: Uint8Array, shared: Block | undefined): void {
    (this.#pieces ??= []).push({ bytes, shared });
  }

  /** Sends everything added, in one write. */
  flush(): void {
    const pieces = this.#pieces;
    if (pieces === undefined) return;
    this.#pieces = undefined;
    const [first] = pieces;
    if (pieces.length === 1 && first !== undefined) this.outbox.send(first.bytes, first.shared);
    else this.outbox.send(Buffer.concat(pieces.map(({ bytes }) => bytes)));
  }

  /** Whether the paced queue has started to join messages. */
  get pacedFull(): boolean {
    return this.#paced?.full ?? false;
  }

  /** Queues a message for a paced client. */
  push(text: string, isList = false): void {
    this.#paced ??= new PacedQueue();
    this.#paced.push(text, isList);
  }

  /** Sends due paced messages; true if it must be called again soon. */
  pump(nowMs: number): boolean {
    const queue = this.#paced;
    if (queue === undefined) return false;
    if (!this.isPaced) {
      this.outbox.send(Buffer.from(queue.takeAll((text) => this.lineOf(text))));
      this.#paced = undefined;
      return false;
    }
    while (!this.outbox.blocked) {
      const text = queue.take(nowMs, this.#gapMs);
      if (text === undefined) break;
      this.outbox.send(Buffer.from(text));
    }
    return !queue.settled;
  }

  /** Gap between sends to an unframed client; before its first message, the greeting's. */
  get #gapMs(): number | undefined {
    const { greetingGapMs, sendGapMs } = this.#dialect;
    return this.framed === undefined ? (greetingGapMs ?? sendGapMs) : sendGapMs;
  }

  /** Whether paced messages wait for their gap (and not for the link). */
  get waitsForGap(): boolean {
    return this.#paced !== undefined && !this.#paced.empty && !this.outbox.blocked;
  }

  /** Discards the backlog and ends with `texts`. */
  abandon(texts: readonly string[]): void {
    this.#paced = undefined;
    this.#pieces = undefined;
    this.outbox.abandon(Buffer.from(texts.map((text) => this.lineOf(text)).join("")));
  }

  /** Discards everything: the connection has closed. */
  clear(): void {
    this.#paced = undefined;
    this.#pieces = undefined;
    this.personal = undefined;
    this.outbox.clear();
  }
}

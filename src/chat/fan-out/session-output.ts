// What one session is sent: shared bytes of its rooms, texts of its own, one write a turn. For a client that takes one receive
// for one message, one send a message with a gap between two. Knows bytes and texts, no rooms.

import type { Dialect } from "../dialect.ts";
import type { Link } from "../link.ts";
import { type Backlog, type Block, Outbox } from "./outbox.ts";
import { PacedQueue } from "./paced-queue.ts";

/** Output for one session alone, in its place among the events of the turn. */
export type Personal = { order: number; text: string };

export type OutputStyle = Pick<Dialect, "output" | "greetingGapMs" | "sendGapMs">;

type Piece = { bytes: Uint8Array; shared: Block | undefined };

const encoder = new TextEncoder();

export class SessionOutput {
  /** Whether the client speaks in lines; undefined until its first message. The adapter sets it. */
  framed: boolean | undefined;
  /** While a turn is delivered: what this session alone is told, in order. */
  personal: Personal[] | undefined;
  /** UTF-16 units of answers that wait for the end of the turn. */
  answerChars = 0;
  readonly outbox: Outbox;
  readonly #dialect: OutputStyle;
  #paced: PacedQueue | undefined;
  #pieces: Piece[] | undefined;

  constructor(link: Link, backlog: Backlog, dialect: OutputStyle) {
    this.outbox = new Outbox(link, backlog);
    this.#dialect = dialect;
  }

  /** One send a message: the client can't tell messages apart that arrive together. */
  get isPaced(): boolean {
    return (
      this.framed !== true && (this.#dialect.output === "message" || this.framed === undefined)
    );
  }

  /** Output that waits, in bytes; an estimate of one byte a character for what is not encoded yet. */
  get lagBytes(): number {
    return this.outbox.lagBytes + (this.#paced?.chars ?? 0);
  }

  /** A message as it goes into a stream: with a line end where the dialect has none of its own. */
  lineOf(text: string): string {
    return this.#dialect.output === "stream" || text.endsWith("\n") ? text : `${text}\n`;
  }

  /** One text for this session alone; it leaves with `flush`. */
  addText(text: string): void {
    if (this.isPaced) this.push(text);
    else this.addBytes(encoder.encode(this.lineOf(text)), undefined);
  }

  /** Bytes for a stream; they leave with `flush`. `shared` is the block of them, if others get it. */
  addBytes(bytes: Uint8Array, shared: Block | undefined): void {
    (this.#pieces ??= []).push({ bytes, shared });
  }

  /** Sends what was added, in one write. */
  flush(): void {
    const pieces = this.#pieces;
    if (pieces === undefined) return;
    this.#pieces = undefined;
    const [first] = pieces;
    if (pieces.length === 1 && first !== undefined) this.outbox.send(first.bytes, first.shared);
    else this.outbox.send(Buffer.concat(pieces.map(({ bytes }) => bytes)));
  }

  /** So many messages wait that more are joined to the last. */
  get pacedFull(): boolean {
    return this.#paced?.full ?? false;
  }

  /** Queues a message for a paced client. */
  push(text: string): void {
    this.#paced ??= new PacedQueue();
    this.#paced.push(text);
  }

  /** Sends what may leave of the messages that wait for their gap; true if some still wait. */
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
    return !queue.empty;
  }

  /** Between two sends to an unframed client; more before its first message. */
  get #gapMs(): number | undefined {
    const { greetingGapMs, sendGapMs } = this.#dialect;
    return this.framed === undefined ? (greetingGapMs ?? sendGapMs) : sendGapMs;
  }

  /** Whether messages wait for their gap (and not for the link). */
  get waitsForGap(): boolean {
    return this.#paced !== undefined && !this.#paced.empty && !this.outbox.blocked;
  }

  /** Gives up all that waits and ends with `texts`. */
  abandon(texts: readonly string[]): void {
    this.#paced = undefined;
    this.#pieces = undefined;
    this.outbox.abandon(Buffer.from(texts.map((text) => this.lineOf(text)).join("")));
  }

  /** The connection is gone: nothing waits any more. */
  clear(): void {
    this.#paced = undefined;
    this.#pieces = undefined;
    this.personal = undefined;
    this.outbox.clear();
  }
}

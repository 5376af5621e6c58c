// A turn in one dialect's words, and how it is put together for a member that hears something of its own in between: the
// shared bytes are cut, never rendered again.

import type { Dialect } from "../dialect.ts";
import { Block } from "./outbox.ts";
import type { Session } from "../session.ts";

/** Twice as fast as Buffer.from for the long strings of a turn. */
const encoder = new TextEncoder();

/**
 * What a turn sounds like in one dialect: lines in their order, each with the place of its event and the session that is not to
 * hear it (0: none); as text, as bytes, and where in the bytes each begins.
 */
export class Script {
  readonly #texts: string[] = [];
  readonly #places: number[] = [];
  readonly #hiddenFrom: number[] = [];
  readonly #said: number[] = [];
  readonly #isStream: boolean;
  /** Messages in it, by whatever number of lines. */
  said = 0;
  #text = "";
  #block: Block | undefined;
  #starts: number[] | undefined;

  constructor(dialect: Dialect) {
    this.#isStream = dialect.output === "stream";
  }

  get length(): number {
    return this.#texts.length;
  }

  /** A line for the event at `place`; `said`: for so many messages from there on. 0: it says who is here. */
  add(place: number, text: string, hiddenFrom: number, said: number): void {
    this.said += said;
    this.#said.push(said);
    this.#texts.push(text);
    this.#places.push(place);
    this.#hiddenFrom.push(hiddenFrom);
    this.#text += this.#lineOf(text);
  }

  placeOf(i: number): number {
    return this.#places[i]!;
  }

  isHidden(i: number, session: Session): boolean {
    return this.#hiddenFrom[i] === session.id;
  }

  /** How many messages line `i` is for; they are in the log, and who is here is not. */
  saidBy(i: number): number {
    return this.#said[i]!;
  }

  /** Line `i` as a message of its own. */
  messageOf(i: number): string {
    return this.#texts[i]!;
  }

  /** All of it, encoded once. */
  get block(): Block {
    this.#block ??= new Block(encoder.encode(this.#text));
    return this.#block;
  }

  get bytes(): Uint8Array {
    return this.block.bytes;
  }

  /** The bytes of lines `from` up to `to`. */
  slice(from: number, to: number): Uint8Array {
    if (from === 0 && to === this.length) return this.bytes;
    const starts = this.#byteStarts();
    return this.bytes.subarray(starts[from], starts[to]);
  }

  /** Queues every line as a message of its own; where many wait already, they are joined anyway. */
  spaceOut(session: Session): void {
    if (this.length === 0) return;
    if (session.spacedFull) {
      session.pushSpaced(this.#isStream ? this.#text : this.#text.slice(0, -1));
      return;
    }
    for (let i = 0; i < this.length; i++) session.pushSpaced(this.messageOf(i));
  }

  /** A message has no line end of its own but needs one among others. */
  #lineOf(text: string): string {
    return this.#isStream || text.endsWith("\n") ? text : `${text}\n`;
  }

  #byteStarts(): number[] {
    if (this.#starts !== undefined) return this.#starts;
    const ascii = this.bytes.length === this.#text.length;
    const starts = [0];
    let end = 0;
    for (const text of this.#texts) {
      const line = this.#lineOf(text);
      end += ascii ? line.length : Buffer.byteLength(line);
      starts.push(end);
    }
    this.#starts = starts;
    return starts;
  }
}

/**
 * Puts together what one member hears: the room's items that are meant for it, and its own in their places. Answers how many of
 * the room's messages are among it.
 */
export function composeFor(session: Session, script: Script): number {
  const own = session.personal ?? [];
  const sink = session.isSpaced ? new SpacedSink(session, script) : new StreamSink(session, script);
  const isReplaying = session.replay !== undefined;
  let heard = 0;
  let p = 0;
  for (let i = 0; i < script.length; i++) {
    const place = script.placeOf(i);
    for (; p < own.length && own[p]!.at <= place; p++) sink.personal(own[p]!.text);
    if (place < session.hearsFrom || script.isHidden(i, session)) continue;
    const said = script.saidBy(i);
    if (isReplaying && said > 0) continue;
    sink.line(i);
    heard += said;
  }
  for (; p < own.length; p++) sink.personal(own[p]!.text);
  sink.end();
  session.personal = undefined;
  session.personalChars = 0;
  session.special = isReplaying;
  session.hearsFrom = 0;
  return heard;
}

class SpacedSink {
  constructor(
    readonly session: Session,
    readonly script: Script,
  ) {}
  line(i: number): void {
    this.session.pushSpaced(this.script.messageOf(i));
  }
  personal(text: string): void {
    this.session.pushSpaced(text);
  }
  end(): void {}
}

/** Joins runs of the shared bytes with a member's own, so that they leave in one write. */
class StreamSink {
  #pieces: Uint8Array[] = [];
  #own = "";
  #from = 0;
  #to = 0;

  constructor(
    readonly session: Session,
    readonly script: Script,
  ) {}

  line(i: number): void {
    this.#closeOwn();
    if (i !== this.#to) {
      this.#closeRun();
      this.#from = i;
    }
    this.#to = i + 1;
  }

  personal(text: string): void {
    this.#closeRun();
    this.#own += this.session.lineOf(text);
  }

  end(): void {
    this.#closeRun();
    this.#closeOwn();
    const [first] = this.#pieces;
    if (first === undefined) return;
    this.session.outbox.send(this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces));
  }

  #closeRun(): void {
    if (this.#to > this.#from) this.#pieces.push(this.script.slice(this.#from, this.#to));
    this.#from = this.#to;
  }

  #closeOwn(): void {
    if (this.#own === "") return;
    this.#pieces.push(encoder.encode(this.#own));
    this.#own = "";
  }
}

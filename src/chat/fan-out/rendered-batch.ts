// One turn of a room, rendered and encoded once for all members that use a dialect. A member with
// events of its own in between receives slices of the shared bytes.

import type { Dialect } from "../dialect.ts";
import type { SaidRun } from "../rooms/said-run.ts";
import type { Membership, Session } from "../session.ts";
import { Block } from "./outbox.ts";
import type { Personal, SessionOutput } from "./session-output.ts";

/** Twice as fast as Buffer.from for the long strings of a turn. */
const encoder = new TextEncoder();

export class RenderedBatch {
  readonly #dialect: Dialect;
  readonly #texts: string[] = [];
  /** For paced members: the messages of runs that were rendered together, by index of the text. */
  readonly #messages = new Map<number, () => readonly string[]>();
  readonly #orders: number[] = [];
  readonly #hiddenFrom: number[] = [];
  readonly #said: number[] = [];
  readonly #isStream: boolean;
  /** Number of messages in the batch, which may share lines. */
  said = 0;
  #hides: Set<number> | undefined;
  /**
   * By index: the number of an event that is told once, however many rooms it occurs in; otherwise
   * 0.
   */
  #once: number[] | undefined;
  /** Index of the user list. */
  #listAt: number | undefined;
  #textWithoutList: string | undefined;
  #text = "";
  #block: Block | undefined;
  #starts: number[] | undefined;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
    this.#isStream = dialect.output === "stream";
  }

  get length(): number {
    return this.#texts.length;
  }

  /**
   * Adds the text of the event at `order`, hidden from one session (0: from none). `said`: the
   * number of messages in it.
   */
  add(order: number, text: string, hiddenFrom: number, said: number): void {
    this.said += said;
    this.#said.push(said);
    this.#texts.push(text);
    this.#orders.push(order);
    this.#hiddenFrom.push(hiddenFrom);
    if (hiddenFrom !== 0) (this.#hides ??= new Set()).add(hiddenFrom);
    this.#text += this.#lineOf(text);
  }

  /** Adds the user list. */
  addList(order: number, text: string, hiddenFrom: number): void {
    this.#listAt = this.length;
    this.add(order, text, hiddenFrom, 0);
  }

  /** The last added line reports an event that occurred in several rooms, under that number. */
  markOnce(once: number): void {
    (this.#once ??= [])[this.length - 1] = once;
  }

  /** Adds a run of messages that was rendered together. */
  addRun(order: number, run: SaidRun, text: string, hiddenFrom: number): void {
    let messages: string[] | undefined;
    this.#messages.set(this.length, () => (messages ??= this.#renderEach(run)));
    this.add(order, text, hiddenFrom, run.length);
  }

  /** Whether any line is hidden from this session. */
  hidesFrom(session: number): boolean {
    return this.#hides !== undefined && this.#hides.has(session);
  }

  /** The whole batch, encoded once. */
  get block(): Block {
    this.#block ??= new Block(encoder.encode(this.#text));
    return this.#block;
  }

  /**
   * Queues each line as a separate message, or all of them together if the queue is full and joins
   * them anyway.
   */
  paceOut(output: SessionOutput): void {
    if (this.length === 0) return;
    if (output.pacedFull) {
      const text = this.#listAt === undefined ? this.#text : this.#restOf(this.#listAt);
      if (text !== "") output.push(this.#isStream ? text : text.slice(0, -1));
      if (this.#listAt !== undefined) output.push(this.#texts[this.#listAt]!, true);
      return;
    }
    for (let i = 0; i < this.length; i++) this.#pushMessages(output, i);
  }

  /**
   * Composes one member's output: the lines that it may receive, merged by position with its own
   * texts. Own texts after the last line remain for later. Returns the number of messages.
   */
  composeFor(membership: Membership): number {
    const { session, hearsFrom, hearsUntil, replayedTo } = membership;
    const { output } = session;
    const own = output.personal ?? [];
    let heard = 0;
    let next = 0;
    let from = 0;
    let to = 0;
    const addSlice = (): void => {
      if (to > from) this.#addLines(output, from, to);
      from = to;
    };
    for (let i = 0; i < this.length; i++) {
      const order = this.#orders[i]!;
      while (next < own.length && own[next]!.order < order) {
        addSlice();
        output.addText(own[next++]!);
      }
      if (order <= hearsFrom || order > hearsUntil) continue;
      if (this.#hiddenFrom[i] === session.id) continue;
      const said = this.#said[i]!;
      if (said > 0 && replayedTo !== undefined) continue;
      if (this.#isRepeated(i, session)) continue;
      if (i !== to) {
        addSlice();
        from = i;
      }
      to = i + 1;
      heard += said;
    }
    addSlice();
    if (next > 0) output.personal = next === own.length ? undefined : own.slice(next);
    return heard;
  }

  /**
   * The same for a member that also receives other rooms in this turn: lines are inserted among its
   * own texts, so that a room's events stay between the answers that open and close the room.
   */
  mergeFor({ session, hearsFrom, hearsUntil, replayedTo }: Membership): number {
    let heard = 0;
    for (const [i, text] of this.#texts.entries()) {
      const order = this.#orders[i]!;
      const said = this.#said[i]!;
      if (order <= hearsFrom || order > hearsUntil || this.#hiddenFrom[i] === session.id) continue;
      if (said > 0 && replayedTo !== undefined) continue;
      if (this.#isRepeated(i, session)) continue;
      insertPersonal(session, { order, text, isList: i === this.#listAt });
      heard += said;
    }
    return heard;
  }

  /** Whether the session has received line `i` in another of its rooms. */
  #isRepeated(i: number, { listens, output }: Session): boolean {
    const once = this.#once?.[i] ?? 0;
    if (once === 0 || listens < 2) return false;
    output.heardOnce ??= new Set();
    if (output.heardOnce.has(once)) return true;
    output.heardOnce.add(once);
    return false;
  }

  #addLines(output: SessionOutput, from: number, to: number): void {
    if (output.isPaced) {
      for (let i = from; i < to; i++) this.#pushMessages(output, i);
    } else if (from === 0 && to === this.length) {
      output.addBytes(this.block.bytes, this.block);
    } else {
      const starts = this.#byteStarts();
      output.addBytes(this.block.bytes.subarray(starts[from], starts[to]), undefined);
    }
  }

  /** Queues the text at index `i`, each message of a run separately. */
  #pushMessages(output: SessionOutput, i: number): void {
    const messages = this.#messages.get(i)?.() ?? [this.#texts[i]!];
    for (const text of messages) output.push(text, i === this.#listAt);
  }

  /** All lines but the user list, which is not joined with others. */
  #restOf(listAt: number): string {
    this.#textWithoutList ??= this.#texts
      .toSpliced(listAt, 1)
      .map((text) => this.#lineOf(text))
      .join("");
    return this.#textWithoutList;
  }

  #renderEach(run: SaidRun): string[] {
    return run.texts.flatMap((_, i) => this.#dialect.renderRoom(run.at(i)) ?? []);
  }

  /** In dialects of single messages, line endings must separate them. */
  #lineOf(text: string): string {
    return this.#isStream || text.endsWith("\n") ? text : `${text}\n`;
  }

  #byteStarts(): number[] {
    if (this.#starts !== undefined) return this.#starts;
    const ascii = this.block.bytes.length === this.#text.length;
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

/** Inserts by position; equal positions keep their order of insertion. */
export function insertPersonal(session: Session, personal: Personal): void {
  const list = (session.output.personal ??= []);
  let at = list.length;
  while (at > 0 && list[at - 1]!.order > personal.order) at--;
  if (at === list.length) list.push(personal);
  else list.splice(at, 0, personal);
}

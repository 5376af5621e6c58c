// `parley client` in a pipe: every line of stdin is a message, literally. Messages go to stdout,
// everything else to stderr. Reads stdin no faster than the server acknowledges, and the connection
// no faster than stdout is read. Knows no flags.

import { harmless } from "../text.ts";
import type { NativeSession, SessionEvent } from "../client/events.ts";
import { isErrorCode, ParleyError } from "../errors.ts";
import { client as limits } from "../limits.ts";
import { defaultRoom } from "../protocol/messages.ts";
import type { NativeConnection } from "../io/native-connection.ts";
import { LineSplitter, tooLong } from "../line-splitter.ts";
import { eventJson } from "./event-json.ts";
import { eventText } from "./event-text.ts";
import { endedBy, type EndSignal } from "../cli/end-signals.ts";
import { jsonLine } from "./json-line.ts";
import { refusal } from "./open-session.ts";
import { say } from "./voice.ts";
import type { Writer } from "./writer.ts";
import { countText } from "./units.ts";

export type PipeOptions = {
  /** Keep listening after the end of input. */
  follow: boolean;
  json: boolean;
  input: AsyncIterable<Uint8Array>;
  output: Writer;
  /** Without a connection for this long, unsent lines are abandoned; never with `follow`. */
  giveUpMs?: number;
};

/** What drives the session. */
export type SessionDriver = Pick<NativeConnection, "applyOutputs" | "pause" | "leave">;

export class PipeClient {
  readonly #session: NativeSession;
  readonly #connection: SessionDriver;
  readonly #options: PipeOptions;
  readonly #over = Promise.withResolvers<void>();
  // The room, as the server spells it.
  #room: string;
  // Line numbers of unacknowledged messages, by the message's id.
  readonly #lines = new Map<number, number>();
  #onSpace: (() => void) | undefined;
  #line = 0;
  #ended = false;
  #inputDone = false;
  // Numbers in the room of our last message, and of the last message that has come.
  #saidSeq = 0;
  #heardSeq = 0;
  #failure: ParleyError | undefined;
  #giveUp: Timer | undefined;

  constructor(session: NativeSession, connection: SessionDriver, options: PipeOptions) {
    this.#session = session;
    this.#connection = connection;
    this.#options = options;
    [this.#room = defaultRoom] = session.rooms;
  }

  /**
   * Runs until all of stdin is acknowledged (with `follow`, for ever); the session is already
   * online. @throws ParleyError
   */
  async run(): Promise<void> {
    const { output } = this.#options;
    output.onClosed(() => this.#unread());
    const reading = this.#read();
    await this.#over.promise;
    clearTimeout(this.#giveUp);
    await this.#connection.leave();
    await output.emptied();
    // A stdin that nobody closes must not keep the program running.
    void reading;
    if (this.#failure !== undefined) throw this.#failure;
    if (output.failure !== undefined) {
      throw new ParleyError(
        "storage",
        `The output can't be written: ${output.failure.message}. The input after line ${this.#line} was not sent`,
      );
    }
  }

  /** Ends at once, saying what is not acknowledged. */
  interrupt(signal: EndSignal = "SIGINT"): void {
    const open = this.#session.unacknowledged;
    this.#fail(endedBy(signal, open === 0 ? "" : unacknowledgedText(open)));
  }

  handleEvent(event: SessionEvent): void {
    if (this.#ended) return;
    this.#print(event);
    switch (event.type) {
      case "online":
        clearTimeout(this.#giveUp);
        this.#giveUp = undefined;
        return;
      case "offline":
        return this.#startGivingUp();
      case "acknowledged":
        for (const id of this.#lines.keys()) {
          if (id > event.id) break;
          this.#lines.delete(id);
        }
        this.#saidSeq = event.seq ?? this.#saidSeq;
        return this.#progress();
      case "message":
        this.#heardSeq = event.seq;
        return this.#progress();
      case "reconnected":
        // The numbers of the lost log mean nothing in the new one.
        if (!event.recovered) this.#saidSeq = 0;
        return this.#progress();
      case "failed":
        return this.#refused(event);
      case "parted":
        return this.#fail(
          new ParleyError(
            "not-in-room",
            `The server no longer lets us into the room ${this.#room}`,
          ),
        );
      case "ended":
        return this.#fail(refusal(event.code, event.message));
      default:
        return;
    }
  }

  #print(event: SessionEvent): void {
    if (this.#options.json) {
      const object = eventJson(event);
      if (object !== undefined) this.#write(jsonLine(object));
      return;
    }
    switch (event.type) {
      case "message":
        return this.#write(`${harmless(event.from)}: ${harmless(event.text)}\n`);
      case "private":
        return this.#write(`${harmless(event.from)} (private): ${harmless(event.text)}\n`);
      // `#refused` says which line it was.
      case "failed":
        return;
      default: {
        const text = eventText(event);
        if (text !== undefined) say(text);
      }
    }
  }

  // Sending the input is the purpose, printing is not: a reader that has seen enough (`| head -1`)
  // has not asked for the rest of the input to be lost. A client that only listens has nothing left
  // to do.
  #unread(): void {
    if (this.#options.output.failure !== undefined) return this.#end();
    if (this.#options.follow && this.#line === 0) this.#inputDone = true;
    if (!this.#inputDone)
      say("Nobody reads the output any more: the rest of the input is sent without it");
    this.#progress();
  }

  #write(text: string): void {
    const { output } = this.#options;
    if (output.data(text)) return;
    this.#connection.pause(true);
    void output.relief().then(() => this.#connection.pause(false));
  }

  async #read(): Promise<void> {
    const splitter = new LineSplitter(3 * this.#session.textChars + 1);
    try {
      for await (const bytes of this.#options.input) {
        const lines: string[] = [];
        const outcome = splitter.push(bytes, (line) => lines.push(line) > 0);
        for (const line of lines) if (!(await this.#say(line))) return;
        if (outcome === tooLong) return this.#tooLong();
        if (this.#ended) return;
      }
      const rest = splitter.rest();
      if (rest !== undefined) await this.#say(rest);
    } catch (error) {
      this.#unreadable(error);
    }
    this.#inputEnded();
  }

  // A stdin that was closed from the start has no lines; any other has lost some.
  #unreadable(error: unknown): void {
    if (error instanceof Error && "code" in error && error.code === "EBADF") return;
    this.#failure ??= new ParleyError(
      "failed",
      `The input can't be read after line ${this.#line}: ${harmless(error instanceof Error ? error.message : String(error))}`,
    );
  }

  /** Returns whether to go on. */
  async #say(line: string): Promise<boolean> {
    this.#line++;
    while (this.#session.space === 0 && !this.#ended) {
      await new Promise<void>((resolve) => (this.#onSpace = resolve));
    }
    if (this.#ended) return false;
    const id = this.#session.say(this.#room, line);
    if (typeof id !== "number") {
      this.#line--;
      this.#tooLong();
      return false;
    }
    this.#lines.set(id, this.#line);
    this.#connection.applyOutputs();
    return true;
  }

  // The lines before it are still sent; the exit code tells that not all were.
  #tooLong(): void {
    const { textChars } = this.#session;
    this.#failure ??= new ParleyError(
      "text-invalid",
      `Line ${this.#line + 1} of the input is longer than ${textChars} characters: neither it nor what follows was sent. Split it, or send a file`,
    );
    this.#inputEnded();
  }

  #refused(event: Extract<SessionEvent, { type: "failed" }>): void {
    const line = this.#lines.get(event.id) ?? 0;
    this.#lines.delete(event.id);
    const sentence = `Line ${line} of the input was refused: ${harmless(event.message)}`;
    say(sentence);
    this.#failure ??= new ParleyError(
      isErrorCode(event.code) ? event.code : "failed",
      "Not every line was sent",
    );
    this.#progress();
  }

  #inputEnded(): void {
    this.#inputDone = true;
    this.#progress();
  }

  // There may be space for more lines, or everything is done: all is acknowledged, and our last
  // message has come back, so that every run prints the same.
  #progress(): void {
    this.#onSpace?.();
    this.#onSpace = undefined;
    // Judged by events: the session itself may be several events ahead.
    if (!this.#inputDone || this.#lines.size > 0) return;
    const { follow, output } = this.#options;
    if (follow && !output.closed && this.#failure === undefined) return;
    if (this.#heardSeq >= this.#saidSeq) this.#end();
  }

  #startGivingUp(): void {
    if (this.#options.follow || this.#giveUp !== undefined) return;
    const waitMs = this.#options.giveUpMs ?? limits.giveUpMs;
    this.#giveUp = setTimeout(() => {
      const open = this.#session.unacknowledged;
      this.#fail(
        new ParleyError(
          "cannot-connect",
          `No connection for ${Math.round(waitMs / 1000)} s, giving up: ${unacknowledgedText(open)}`,
        ),
      );
    }, waitMs);
  }

  #fail(error: ParleyError): void {
    this.#failure = error;
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onSpace?.();
    this.#over.resolve();
  }
}

function unacknowledgedText(count: number): string {
  return `${countText(count, "message")} ${count === 1 ? "was" : "were"} not acknowledged`;
}

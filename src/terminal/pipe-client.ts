// `parley client` in a pipe: every line of stdin is a message, literally; what the room says goes to stdout, what happens to
// stderr. Reads no faster than the server acknowledges and hears no faster than stdout is read. Knows no flags.

import { harmless } from "../text.ts";
import type { NativeSession, SessionEvent } from "../client/events.ts";
import { isErrorCode, ParleyError } from "../errors.ts";
import { client as limits } from "../limits.ts";
import { LineSplitter, tooLong } from "../line-splitter.ts";
import { clientJson, clientLine } from "./client-lines.ts";
import { endedBy, type EndSignal } from "../cli/end-signals.ts";
import { jsonLine } from "./json-line.ts";
import { say, type Writer } from "./output.ts";
import { countText } from "./units.ts";

export type PipeOptions = {
  /** Keep listening after the end of input. */
  follow: boolean;
  json: boolean;
  input: AsyncIterable<Uint8Array>;
  output: Writer;
  /** Unsent lines are given up when no connection came back for this long; never with `follow`. */
  giveUpMs?: number;
};

/** What drives the session; a NativeConnection is one. */
export type Drive = {
  obey: () => void;
  pause: (paused: boolean) => void;
  leave: () => Promise<void>;
};

export class PipeClient {
  readonly #session: NativeSession;
  readonly #connection: Drive;
  readonly #options: PipeOptions;
  readonly #over = Promise.withResolvers<void>();
  // Line numbers of messages that are on their way, by message.
  readonly #lines = new Map<number, number>();
  #room: (() => void) | undefined;
  #line = 0;
  #ended = false;
  #inputDone = false;
  // The room's number of our last message, and of the last one heard.
  #saidSeq = 0;
  #heardSeq = 0;
  #failure: ParleyError | undefined;
  #giveUp: Timer | undefined;

  constructor(session: NativeSession, connection: Drive, options: PipeOptions) {
    this.#session = session;
    this.#connection = connection;
    this.#options = options;
  }

  /** Runs until all of stdin is acknowledged (for good with `follow`); the session is online already. @throws ParleyError */
  async run(): Promise<void> {
    const { output } = this.#options;
    output.onClosed(() => this.#unread());
    const reading = this.#read();
    await this.#over.promise;
    clearTimeout(this.#giveUp);
    await this.#connection.leave();
    await output.emptied();
    // A stdin that nobody closes must not keep us.
    void reading;
    if (this.#failure !== undefined) throw this.#failure;
    if (output.failure !== undefined) {
      throw new ParleyError(
        "storage",
        `The output can't be written: ${output.failure.message}. What follows line ${this.#line} of the input was not said`,
      );
    }
  }

  /** Ends at once, saying what was left undone. */
  interrupt(signal: EndSignal = "SIGINT"): void {
    const open = this.#session.unacknowledged;
    this.#fail(endedBy(signal, open === 0 ? "" : unsaidText(open)));
  }

  hear(event: SessionEvent): void {
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
        // The numbers of another log say nothing about this one.
        if (!event.recovered) this.#saidSeq = 0;
        return this.#progress();
      case "failed":
        return this.#refused(event);
      case "ended":
        return this.#fail(
          new ParleyError(
            isErrorCode(event.code) ? event.code : "name-taken",
            harmless(event.message),
          ),
        );
      default:
        return;
    }
  }

  #print(event: SessionEvent): void {
    const { json } = this.#options;
    if (json) {
      const object = clientJson(event);
      if (object !== undefined) this.#write(jsonLine(object));
      return;
    }
    // Which line was refused is said by whoever knows the line's number.
    if (event.type === "failed") return;
    const line = clientLine(event);
    if (line === undefined) return;
    if (line.kind === "room") this.#write(`${line.text}\n`);
    else say(line.text);
  }

  // The messages are what this is for, and their echo is not: whoever has read enough of it (`| head -1`) has not said that the
  // rest of the input may be lost. Who only listens has nothing left to do.
  #unread(): void {
    if (this.#options.output.failure !== undefined) return this.#end();
    if (this.#options.follow && this.#line === 0) this.#inputDone = true;
    if (!this.#inputDone)
      say("Nobody reads the output any more: the rest of the input is said without it");
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

  // A stdin that was closed from the start has no lines; any other that breaks off has not been said as a whole.
  #unreadable(error: unknown): void {
    if (error instanceof Error && "code" in error && error.code === "EBADF") return;
    this.#failure ??= new ParleyError(
      "failed",
      `The input can't be read after line ${this.#line}: ${harmless(error instanceof Error ? error.message : String(error))}`,
    );
  }

  /** False: there is no going on. */
  async #say(line: string): Promise<boolean> {
    this.#line++;
    while (this.#session.space === 0 && !this.#ended) {
      await new Promise<void>((resolve) => (this.#room = resolve));
    }
    if (this.#ended) return false;
    const id = this.#session.say(line);
    if (typeof id !== "number") {
      this.#line--;
      this.#tooLong();
      return false;
    }
    this.#lines.set(id, this.#line);
    this.#connection.obey();
    return true;
  }

  // What came before it is still said: the exit code tells that not all was.
  #tooLong(): void {
    const { textChars } = this.#session;
    this.#failure ??= new ParleyError(
      "text-invalid",
      `Line ${this.#line + 1} of the input is longer than ${textChars} characters: it and what follows was not said. Split it, or send a file`,
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
      "Not every line was said",
    );
    this.#progress();
  }

  #inputEnded(): void {
    this.#inputDone = true;
    this.#progress();
  }

  // Room for more lines, or all is done: acknowledged, and our last message's echo heard, so that a run prints always the same.
  #progress(): void {
    this.#room?.();
    this.#room = undefined;
    // By what was told, not by where the session is: that may be several events ahead.
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
          `No connection for ${Math.round(waitMs / 1000)} s, gave up: ${unsaidText(open)}`,
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
    this.#room?.();
    this.#over.resolve();
  }
}

function unsaidText(count: number): string {
  return `${countText(count, "message")} ${count === 1 ? "was" : "were"} not acknowledged`;
}

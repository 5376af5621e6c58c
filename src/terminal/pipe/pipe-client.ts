// `parley client` in a pipe: every line of stdin is a message, taken literally, to the room or to
// chosen people, or a command in JSON. Messages go to stdout, everything else to stderr. Reads
// stdin no faster than the server acknowledges, and the connection no faster than stdout drains.
// Knows no flags.

import { harmless, oneLine } from "../../text.ts";
import type { NativeSession, SessionEvent } from "../../client/events.ts";
import type { PrivateMessages, TellOutcome } from "../../client/private-messages.ts";
import { isErrorCode, ParleyError, systemCode, systemReason } from "../../errors.ts";
import { fileReason } from "../../files/file-reason.ts";
import { message, sealed, terminal as limits } from "../../limits.ts";
import { defaultRoom, type MessageKind } from "../../protocol/messages.ts";
import type { NativeConnection } from "../../io/native-connection.ts";
import { LineSplitter, tooLong } from "../../line-splitter.ts";
import { eventJson } from "../event-json.ts";
import { eventText } from "../event-text.ts";
import { endedBy, type EndSignal } from "../../io/end-signals.ts";
import { jsonLine } from "../output/json-line.ts";
import { Patience } from "./patience.ts";
import { PipeCommands, type PipeCommandsParts } from "./pipe-commands.ts";
import { refusal } from "../open-session.ts";
import { say } from "../output/diagnostics.ts";
import { privateText, sealMark } from "../client/seal-text.ts";
import type { Writer } from "../output/writer.ts";
import { countText } from "../output/units.ts";

export type PipeOptions = {
  /** Keep listening after the end of input. */
  follow: boolean;
  json: boolean;
  input: AsyncIterable<Uint8Array>;
  output: Writer;
  /** Every line goes to these people instead of the room. */
  to?: readonly string[];
  /** The room of `--room`; absent: the first one that the session is in. */
  room?: string;
  /** Every line is a command in JSON. Needs `json`. */
  commands?: Pick<PipeCommandsParts, "fetch" | "send" | "share">;
  /** Absent: private messages can't be sent. */
  mail?: Pick<PrivateMessages, "tellOne" | "settled">;
  /** Gives up after this long without a connection or an answer; never with `follow`. */
  giveUpMs?: number;
};

/** The connection, as far as this client controls it. */
export type SessionDriver = Pick<NativeConnection, "applyOutputs" | "pause" | "resume" | "leave">;

export class PipeClient {
  readonly #session: NativeSession;
  readonly #connection: SessionDriver;
  readonly #options: PipeOptions;
  readonly #over = Promise.withResolvers<void>();
  readonly #interrupted = Promise.withResolvers<void>();
  // As the server spells it.
  #room: string;
  // Line numbers of unacknowledged messages, by message ID.
  readonly #lines = new Map<number, number>();
  readonly #commands: PipeCommands | undefined;
  #onSpace: (() => void) | undefined;
  #line = 0;
  #ended = false;
  #inputDone = false;
  // `seq` of the client's last message, and of the last message received.
  #sentSeq = 0;
  #receivedSeq = 0;
  #failure: ParleyError | undefined;
  readonly #patience: Patience;
  #isOnline = true;

  constructor(session: NativeSession, connection: SessionDriver, options: PipeOptions) {
    this.#session = session;
    this.#connection = connection;
    this.#options = options;
    [this.#room = defaultRoom] = session.rooms;
    this.#patience = new Patience(this.#giveUpMs, () => this.#giveUp());
    const { commands, mail } = options;
    if (commands === undefined) return;
    this.#commands = new PipeCommands({
      session,
      ownRoom: options.room ?? this.#room,
      tell: (name, text, kind) => tellBy(mail, name, text, kind),
      ...commands,
      room: () => this.#waitForSpace(),
      applyOutputs: () => connection.applyOutputs(),
      answer: (object) => this.#write(jsonLine(object)),
      failed: (code) => {
        this.#failure ??= new ParleyError(code, "Not every command was carried out");
      },
      settled: () => this.#advance(),
    });
  }

  /**
   * Runs until all of stdin is acknowledged (with `follow`, forever). The session must be online.
   * @throws ParleyError
   */
  async run(): Promise<void> {
    const { output } = this.#options;
    output.onClosed(() => this.#handleOutputClosed());
    const reading = this.#read();
    await this.#over.promise;
    this.#patience.end();
    await this.#connection.leave();
    // Whoever interrupts it does not wait for a reader that has stopped.
    await Promise.race([output.emptied(), this.#interrupted.promise]);
    // An open stdin must not keep the program running.
    void reading;
    if (this.#failure !== undefined) throw this.#failure;
    if (output.failure !== undefined) {
      throw new ParleyError(
        "storage",
        `The output can't be written: ${systemReason(output.failure)}. ` +
          `The input after line ${this.#line} was not sent`,
      );
    }
  }

  /** Ends immediately and reports what is not acknowledged. */
  interrupt(signal: EndSignal = "SIGINT"): void {
    const open = this.#session.unacknowledged;
    this.#fail(endedBy(signal, open === 0 ? "" : unacknowledgedText(open)));
    this.#interrupted.resolve();
  }

  handleEvent(event: SessionEvent): void {
    if (this.#ended) return;
    this.#handle(event);
    if (isAnswer(event) || !this.#isWaiting) this.#patience.end();
    this.#waitForServer();
  }

  #handle(event: SessionEvent): void {
    if (this.#commands?.handleEvent(event) === true) return this.#advance();
    this.#print(event);
    switch (event.type) {
      case "online":
        this.#isOnline = true;
        return;
      case "offline":
        if (this.#isOnline) this.#patience.end();
        this.#isOnline = false;
        return;
      case "acknowledged":
        for (const id of this.#lines.keys()) {
          if (id > event.id) break;
          this.#lines.delete(id);
        }
        this.#sentSeq = event.seq ?? this.#sentSeq;
        return this.#advance();
      case "message":
        this.#receivedSeq = event.seq;
        return this.#advance();
      case "reconnected":
        // Numbers of the old log are meaningless in the new one.
        if (!event.recovered) this.#sentSeq = 0;
        return this.#advance();
      case "failed":
        return this.#handleRefused(event);
      case "parted":
        if (this.#commands !== undefined || this.#options.to !== undefined) return this.#advance();
        return this.#keptOut(event.room);
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
        return this.#write(
          `${harmless(event.from)} ${sealMark(event.seal)}: ${oneLine(privateText(event))}\n`,
        );
      // `#handleRefused` reports which line it was.
      case "failed":
        return;
      default: {
        // Entering has been confirmed.
        if (event.type === "joined" && event.name === this.#session.name) return;
        const text = eventText(event);
        if (text !== undefined) say(text);
      }
    }
  }

  // stdout was closed. A reader that has seen enough (`| head -1`) has not asked for the rest of
  // the input to be dropped, so it is still sent. A client that only listens has nothing left to
  // do.
  #handleOutputClosed(): void {
    if (this.#options.output.failure !== undefined) return this.#end();
    if (this.#options.follow && this.#line === 0) this.#inputDone = true;
    if (!this.#inputDone) say("The output is closed: the rest of the input is still being sent");
    this.#advance();
  }

  #write(text: string): void {
    const { output } = this.#options;
    if (output.data(text)) return;
    this.#connection.pause();
    void output.relief().then(() => {
      this.#connection.resume();
      this.#patience.end();
      this.#waitForServer();
    });
  }

  async #read(): Promise<void> {
    const isCommand = this.#commands !== undefined;
    const splitter = new LineSplitter(
      isCommand ? message.maxLineBytes : 3 * this.#session.textChars + 1,
    );
    try {
      for await (const bytes of this.#options.input) {
        const lines: string[] = [];
        const outcome = splitter.push(bytes, (line) => lines.push(line) > 0);
        for (const line of lines) if (!(await this.#take(line))) return;
        if (outcome === tooLong) return this.#tooLong();
        if (this.#ended) return;
      }
      const rest = splitter.rest();
      if (rest !== undefined) await this.#take(rest);
    } catch (error) {
      this.#handleUnreadable(error);
    }
    this.#inputEnded();
  }

  // A stdin that was closed from the start has no lines; in any other case some are lost.
  #handleUnreadable(error: unknown): void {
    if (systemCode(error) === "EBADF") return;
    this.#failure ??= new ParleyError(
      "failed",
      `Cannot read the input after line ${this.#line}: ${fileReason(error)}`,
    );
  }

  /** Returns whether to continue. */
  async #take(line: string): Promise<boolean> {
    const { to, output } = this.#options;
    if (this.#commands !== undefined) {
      // Unread answers must not pile up in memory.
      if (output.pressure) await output.relief();
      if (this.#ended) return false;
      const running = this.#commands.run(line, ++this.#line);
      this.#waitForServer();
      const goesOn = await running;
      this.#waitForServer();
      return goesOn;
    }
    this.#line++;
    if (to === undefined) return this.#say(line);
    for (const name of to) if (!(await this.#tell(name, line))) return false;
    return true;
  }

  /** Waits until the session accepts another message; false: the client has ended. */
  async #waitForSpace(): Promise<boolean> {
    while (this.#session.space === 0 && !this.#ended) {
      await new Promise<void>((resolve) => (this.#onSpace = resolve));
    }
    return !this.#ended;
  }

  async #tell(name: string, line: string): Promise<boolean> {
    if (!(await this.#waitForSpace())) return false;
    const outcome = await tellBy(this.#options.mail, name, line);
    if (this.#ended) return false;
    if (outcome.how === "refused") {
      say(`Line ${this.#line} of the input was not sent: ${outcome.why}`);
      this.#failure ??= new ParleyError("not-allowed", "Not every line was sent");
      return true;
    }
    if (typeof outcome.result === "number") {
      this.#lines.set(outcome.result, this.#line);
      this.#waitForServer();
      return true;
    }
    this.#line--;
    this.#tooLong();
    return false;
  }

  /** Sends a line once there is room in the window. */
  async #say(line: string): Promise<boolean> {
    if (!(await this.#waitForSpace())) return false;
    const id = this.#session.say(this.#room, line);
    if (id === "not-in-room") {
      this.#keptOut(this.#room);
      return false;
    }
    if (typeof id !== "number") {
      this.#line--;
      this.#tooLong();
      return false;
    }
    this.#lines.set(id, this.#line);
    this.#connection.applyOutputs();
    this.#waitForServer();
    return true;
  }

  // The server's reason may be the next event.
  #keptOut(room: string): void {
    const message = `The server no longer admits you to the room ${harmless(room)}`;
    setImmediate(() => {
      if (!this.#ended) this.#fail(new ParleyError("not-in-room", message));
    });
  }

  // Earlier lines are still sent; the exit code shows that later ones were not.
  #tooLong(): void {
    const { textChars } = this.#session;
    const bound =
      this.#commands === undefined ? `${textChars} characters` : `${message.maxLineBytes} bytes`;
    this.#failure ??= new ParleyError(
      "text-invalid",
      `Line ${this.#line + 1} of the input is longer than ${bound}: ` +
        "neither it nor what follows was sent. Split it, or send a file",
    );
    this.#inputEnded();
  }

  #handleRefused(event: Extract<SessionEvent, { type: "failed" }>): void {
    const line = this.#lines.get(event.id) ?? 0;
    this.#lines.delete(event.id);
    const sentence = `Line ${line} of the input was refused: ${harmless(event.message)}`;
    say(sentence);
    this.#failure ??= new ParleyError(
      isErrorCode(event.code) ? event.code : "failed",
      "Not every line was sent",
    );
    this.#advance();
  }

  #inputEnded(): void {
    this.#inputDone = true;
    this.#advance();
  }

  // Resumes reading if there is space. Ends once everything is acknowledged and the last message
  // has been echoed, so that every run prints the same.
  #advance(): void {
    this.#onSpace?.();
    this.#onSpace = undefined;
    // Rely on the events handled so far: the session itself may be several events ahead.
    if (!this.#inputDone || this.#lines.size > 0 || (this.#commands?.open ?? 0) > 0) return;
    const { follow, output } = this.#options;
    if (follow && !output.closed && this.#failure === undefined) return;
    // Each command waits for its own echo, and their rooms have numbers of their own.
    const isHeard = this.#commands !== undefined || this.#receivedSeq >= this.#sentSeq;
    if (isHeard) void this.#endSettled();
  }

  async #endSettled(): Promise<void> {
    const { mail } = this.#options;
    if (mail !== undefined) await Promise.race([mail.settled(), Bun.sleep(sealed.settleMs)]);
    this.#end();
  }

  get #giveUpMs(): number {
    return this.#options.giveUpMs ?? limits.giveUpMs;
  }

  /** For a connection, an acknowledgement, or for its own message to come back. */
  get #isWaiting(): boolean {
    if (!this.#isOnline || this.#session.unacknowledged > 0) return true;
    return this.#commands?.isWaiting ?? this.#receivedSeq < this.#sentSeq;
  }

  #waitForServer(): void {
    if (!this.#ended && !this.#options.follow && this.#isWaiting) this.#patience.wait();
  }

  #giveUp(): void {
    // The answers may be waiting to be read until the output drains.
    if (this.#options.output.pressure) return this.#waitForServer();
    const what = this.#isOnline ? "answer from the server" : "connection";
    const text = unacknowledgedText(this.#session.unacknowledged);
    const message = `No ${what} for ${Math.round(this.#giveUpMs / 1000)} s, giving up: ${text}`;
    this.#fail(new ParleyError(this.#isOnline ? "stalled" : "cannot-connect", message));
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

/** Whether the server has got on with what the client has sent. */
function isAnswer({ type }: SessionEvent): boolean {
  return answers.has(type);
}

const answers: ReadonlySet<SessionEvent["type"]> = new Set([
  "online",
  "acknowledged",
  "failed",
  "entered",
  "join-failed",
]);

function tellBy(
  mail: PipeOptions["mail"],
  name: string,
  text: string,
  kind?: MessageKind,
): Promise<TellOutcome> {
  if (mail !== undefined) return mail.tellOne(name, text, kind);
  return Promise.resolve({ how: "refused", why: "this client cannot send private messages" });
}

function unacknowledgedText(count: number): string {
  return `${countText(count, "message")} ${count === 1 ? "was" : "were"} not acknowledged`;
}

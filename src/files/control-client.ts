// The client's end of a control connection: the native protocol without a name, as far as file transfers need it
// (docs/protocol.md). Every line of the server is hostile input: bounded, and read as a JSON object or skipped.

import { harmless } from "../text.ts";
import { isErrorCode, ParleyError } from "../errors.ts";
import { fetching as limits, message } from "../limits.ts";
import { dial, Deadline } from "../io/dial.ts";
import { BannerCheck } from "../io/banner-check.ts";
import { type Address, hostPortText } from "../io/host-port.ts";
import { happyEyeballs } from "../io/happy-eyeballs.ts";
import type { TcpLink } from "../io/tcp-link.ts";
import { LineSplitter, tooLong } from "../line-splitter.ts";

export type Line = Readonly<Record<string, unknown>>;

type Waiting = { resolve: (line: Line) => void; reject: (error: Error) => void; timer: Timer };

export class ControlClient {
  readonly where: string;
  /** Lines that answer no request; set it before any can arrive. */
  onLine: (line: Line) => void = () => {};
  readonly #link: TcpLink;
  readonly #waiting = new Map<number, Waiting>();
  readonly #lost = Promise.withResolvers<ParleyError>();
  readonly #lines = new LineSplitter(message.maxLineBytes);
  #welcomed = false;
  #nextRef = 1;
  #endedBy: ParleyError | undefined;
  #heardAtMs = performance.now();
  #pinger: Timer | undefined;
  readonly #banner = new BannerCheck();
  #bannerTimer: Timer | undefined;

  private constructor(link: TcpLink, where: string) {
    this.#link = link;
    this.where = where;
  }

  /**
   * Connects and says hello; requests may follow at once, without waiting for the welcome.
   * @throws ParleyError `cannot-connect`
   */
  static async connect(to: Address): Promise<ControlClient> {
    const where = hostPortText(to);
    const deadline = new Deadline(limits.connectTimeoutMs);
    const attempt = async (): Promise<ControlClient | string> => {
      let client: ControlClient | undefined;
      const hears = (link: TcpLink) => (client = new ControlClient(link, where)).#events();
      const outcome = await dial(to, deadline, { hears });
      return typeof outcome === "string" ? outcome : (client ?? "closed");
    };
    const connected = await happyEyeballs(attempt, limits.secondConnectMs, (late) => late.close());
    deadline.done();
    if (typeof connected === "string") {
      throw new ParleyError(
        "cannot-connect",
        `Cannot connect to ${where}: ${connected}. Is \`parley server\` running there?`,
      );
    }
    connected.send({ type: "hello", version: 1 });
    connected.#pinger = setInterval(() => connected.#ping(), limits.pingAfterMs);
    return connected;
  }

  /** Resolves when the connection is lost or closed, with the reason. */
  get lost(): Promise<ParleyError> {
    return this.#lost.promise;
  }

  get isClosed(): boolean {
    return this.#endedBy !== undefined;
  }

  send(line: Line): void {
    if (!this.isClosed) this.#link.send(`${JSON.stringify(line)}\n`);
  }

  /**
   * Sends a request with a `ref` and resolves with the line that repeats it; a rate-limited request is sent again.
   * @throws ParleyError what the server answers, or `stalled`
   */
  async request(line: Line): Promise<Line> {
    for (let tries = 1; ; tries++) {
      const answer = await this.#ask(line);
      if (answer["type"] !== "error") return answer;
      const { code, retryAfterMs } = answer;
      if (code !== "rate" || typeof retryAfterMs !== "number") throw errorOf(answer);
      if (tries === limits.maxRateTries) throw errorOf(answer);
      await Bun.sleep(Math.min(retryAfterMs + 1, limits.retryMaxMs));
    }
  }

  #ask(line: Line): Promise<Line> {
    const ref = this.#nextRef++;
    const { promise, resolve, reject } = Promise.withResolvers<Line>();
    const timer = setTimeout(() => {
      this.#waiting.delete(ref);
      reject(new ParleyError("stalled", `${this.where} does not answer.`));
    }, limits.answerTimeoutMs);
    if (this.#endedBy !== undefined) {
      clearTimeout(timer);
      reject(this.#endedBy);
    } else this.#waiting.set(ref, { resolve, reject, timer });
    this.send({ ...line, ref });
    return promise;
  }

  close(): void {
    this.#link.end();
    this.#end(new ParleyError("cannot-connect", `The connection to ${this.where} is closed.`));
  }

  #events() {
    return {
      data: (bytes: Uint8Array) => this.#read(bytes),
      ended: () => {
        this.#link.end();
        const ended = new ParleyError("cannot-connect", `${this.where} ended the connection.`);
        this.#end(this.#banner.problem(this.where) ?? ended);
      },
    };
  }

  #read(bytes: Uint8Array): void {
    this.#heardAtMs = performance.now();
    if (!this.#welcomed) this.#checkBanner(bytes);
    const outcome = this.#lines.push(bytes, (line) => {
      this.#line(line);
      return !this.isClosed;
    });
    if (outcome === tooLong) {
      this.#fail(`${this.where} sent a line of more than ${message.maxLineBytes} bytes.`);
    }
  }

  /** A server whose first words are not native gets little time to say something else. */
  #checkBanner(bytes: Uint8Array): void {
    this.#banner.hear(bytes);
    if (this.#banner.problem(this.where) === undefined) return;
    this.#bannerTimer ??= setTimeout(() => {
      const problem = this.#banner.problem(this.where);
      if (problem === undefined) return;
      this.#link.end();
      this.#end(problem);
    }, limits.firstWordsMs);
  }

  #line(text: string): void {
    const line = parse(text);
    if (line === undefined) {
      // Another dialect's greeting may come first (docs/protocol.md).
      if (this.#welcomed) this.#fail(`${this.where} sent a line that is not a JSON object.`);
      return;
    }
    const { type, ref } = line;
    if (type === "welcome") this.#welcomed = true;
    else if (type === "ping") this.send({ type: "pong" });
    const waiting = typeof ref === "number" ? this.#waiting.get(ref) : undefined;
    if (waiting !== undefined && typeof ref === "number") {
      this.#waiting.delete(ref);
      clearTimeout(waiting.timer);
      waiting.resolve(line);
    } else if (type === "error" && line["transfer"] === undefined) {
      this.#end(errorOf(line));
      this.#link.end();
    } else this.onLine(line);
  }

  #ping(): void {
    const silentMs = performance.now() - this.#heardAtMs;
    if (silentMs > limits.pingAfterMs + limits.answerTimeoutMs) {
      this.#link.end();
      this.#end(new ParleyError("stalled", `${this.where} no longer answers.`));
    } else if (silentMs > limits.pingAfterMs / 2) this.send({ type: "ping" });
  }

  #fail(sentence: string): void {
    this.#link.end();
    this.#end(new ParleyError("protocol", `${sentence} Is it a parley server?`));
  }

  #end(reason: ParleyError): void {
    if (this.#endedBy !== undefined) return;
    this.#endedBy = reason;
    clearInterval(this.#pinger);
    clearTimeout(this.#bannerTimer);
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(reason);
    }
    this.#waiting.clear();
    this.#lost.resolve(reason);
  }
}

/** The error in a server's `error` line. */
export function errorOf(line: Line): ParleyError {
  const { code, message: sentence } = line;
  const shown = typeof sentence === "string" ? harmless(sentence).slice(0, 1_000) : "";
  return new ParleyError(
    isErrorCode(code) ? code : "protocol",
    shown === "" ? `The server refused: ${harmless(String(code)).slice(0, 100)}` : shown,
  );
}

function parse(text: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isLine(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isLine(value: unknown): value is Line {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

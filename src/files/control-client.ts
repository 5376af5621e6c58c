// The client's end of a control connection: the part of the native protocol (docs/protocol.md) that
// file transfers need, without a login. Every line from the server is hostile input;
// decode-server.ts validates it.

import { harmless } from "../text.ts";
import {
  ElsewhereError,
  isErrorCode,
  NamePasswordWanted,
  ParleyError,
  RefusedForNow,
} from "../errors.ts";
import { fetching as limits, message } from "../limits.ts";
import { LoginProofs } from "../client/login-proofs.ts";
import { LineSplitter, tooLong } from "../line-splitter.ts";
import { BannerCheck } from "../io/banner-check.ts";
import { Deadline, dial } from "../io/dial.ts";
import { happyEyeballs } from "../io/happy-eyeballs.ts";
import {
  hostPortText,
  notConnected,
  type ServerAddress,
  type VisitorName,
} from "../io/host-port.ts";
import type { TcpLink } from "../io/tcp-link.ts";
import { decodeServer } from "../protocol/decode-server.ts";
import { encodeClient } from "../protocol/encode.ts";
import type {
  ClientMessage,
  CallRequest,
  CodeOfferRequest,
  CodeRequest,
  ErrorMessage,
  FetchRequest,
  FileOffer,
  OfferMessage,
  RegistryRequest,
  ServerMessage,
  TransferMessage,
  TreePage,
} from "../protocol/messages.ts";
import { isRetryableLogin } from "../protocol/retryable.ts";
import type { Undecodable } from "../protocol/undecodable.ts";
import { secretText } from "../secrets.ts";
import type { Piece } from "../transfer/piece.ts";
import { withAccessAdvice } from "../trust/access-advice.ts";

export type FilePage = Extract<ServerMessage, { type: "files" }>;
type CodeStep = Exclude<CodeRequest, { type: "code-done" | "code-failed" }>;
type Request =
  | Extract<ClientMessage, { type: "files" | "fetch" | "tree" | "ping" }>
  | CodeStep
  | CodeOfferRequest
  | CallRequest
  | RegistryRequest;
/**
 * Receives the lines of a list that precede the answer, and the answer itself. If it throws, the
 * request ends.
 */
type OnPage = (page: TreePage) => void;
type Pending = {
  onPage: OnPage | undefined;
  resolve: (answer: ServerMessage) => void;
  reject: (error: Error) => void;
  timer: Timer;
};

/** What a connection shows of its user. */
type Shown = Pick<ServerAddress, "identity" | "visitor">;

/** The transport: a TCP connection, or a channel to a person. */
export interface ControlLink {
  /** Nobody on the path can read or change the traffic. */
  readonly isSecured: boolean;
  /** Secrets known only to the two ends. */
  exportedKey(label: string): Uint8Array | undefined;
  send(text: string): void;
  /** Bytes that the kernel has not accepted yet. */
  readonly waitingBytes: number;
  /** The other end's address, if there is one. */
  readonly remoteAddress?: string;
  /**
   * Looks whether it still works, and reports its loss itself. If given, silence of the other end
   * is no loss: it may be asleep.
   */
  checkAlive?(): void;
  end(): void;
}

export class ControlClient {
  readonly where: string;
  /** Called with messages about transfers; set it before any can arrive. */
  onTransferMessage: (message: TransferMessage) => void = () => {};
  /** What was pulled. */
  onPiece: (piece: Piece) => void = () => {};
  /** Called with messages about a code (codes/code-link.ts). */
  onOfferMessage: (message: OfferMessage) => void = () => {};
  /** Called when the kernel has accepted everything. */
  onDrained: () => void = () => {};
  /** Called when the connection is lost or closed. Until then, `lost` would keep all listeners. */
  onLost: (reason: ParleyError) => void = () => {};
  readonly #link: ControlLink;
  /** Unanswered requests, by `ref`. */
  readonly #pending = new Map<number, Pending>();
  readonly #lost = Promise.withResolvers<ParleyError>();
  readonly #lines = new LineSplitter(message.maxLineBytes);
  readonly #welcome = Promise.withResolvers<void>();
  #welcomed = false;
  #passesCodes = false;
  #lastRef = 0;
  #endedBy: ParleyError | undefined;
  #heardAtMs = performance.now();
  #pinger: Timer | undefined;
  readonly #banner = new BannerCheck();
  #bannerTimer: Timer | undefined;
  #aliveTimer: Timer | undefined;

  readonly #proofs: LoginProofs;
  /** The binding of the TLS channel, once it exists. */
  #channel: () => string | undefined = () => undefined;

  readonly #visitor: VisitorName | undefined;

  private constructor(link: ControlLink, where: string, { identity, visitor }: Shown = {}) {
    this.#link = link;
    this.where = where;
    const { password } = visitor ?? {};
    this.#proofs = new LoginProofs(identity, password === undefined ? undefined : { password });
    this.#visitor = visitor;
  }

  /**
   * Connects and sends `hello`; requests may follow immediately, without waiting for the welcome.
   * @throws ParleyError `cannot-connect`, `untrusted-server`
   */
  static async connect(to: ServerAddress): Promise<ControlClient> {
    const where = hostPortText(to);
    const deadline = new Deadline(limits.connectTimeoutMs);
    const attempt = async (): Promise<ControlClient | string> => {
      let client: ControlClient | undefined;
      const events = (link: TcpLink) => {
        client = new ControlClient(link, where, to);
        client.#channel = () => link.channel;
        return client.#events();
      };
      const outcome = await dial(to, deadline, { events });
      return typeof outcome === "string" ? outcome : (client ?? "closed");
    };
    const connected = await happyEyeballs(attempt, limits.secondConnectMs, (late) => late.close());
    deadline.cancel();
    if (typeof connected === "string") {
      if (to.trust?.problem !== undefined) throw to.trust.problem;
      throw notConnected(to, connected);
    }
    const { name = "" } = to.visitor ?? {};
    const visitor = name === "" ? {} : { name, visitor: true };
    const proof = connected.#proofs.forHello(name, connected.#channel());
    const secret = to.access?.pass === undefined ? undefined : guestSecret;
    connected.send({ type: "hello", ...visitor, secret, ...to.access, ...proof });
    connected.#pinger = setInterval(() => connected.#ping(), limits.pingAfterMs);
    return connected;
  }

  /** Creates a client over a link that needs no greeting; pass its input to `receive`. */
  static over(link: ControlLink, where: string): ControlClient {
    const control = new ControlClient(link, where);
    control.#welcomed = true;
    control.#pinger = setInterval(() => control.#ping(), limits.pingAfterMs);
    return control;
  }

  /** Resolves with the reason when the connection is lost or closed. */
  get lost(): Promise<ParleyError> {
    return this.#lost.promise;
  }

  /** The server has sent its welcome, so it is a parley server. */
  get isWelcomed(): boolean {
    return this.#welcomed;
  }

  /** Whether the server relays files by code; known once it has sent its welcome. */
  get passesCodes(): boolean {
    return this.#passesCodes;
  }

  /** Bytes that the kernel has not accepted yet. */
  get waitingBytes(): number {
    return this.#link.waitingBytes;
  }

  /** The server's numeric address; empty if there is none. */
  get remoteAddress(): string {
    return this.#link.remoteAddress ?? "";
  }

  /** Resolves once the server has admitted this client. @throws ParleyError the refusal */
  async admitted(): Promise<void> {
    const reason = await Promise.race([this.#welcome.promise, this.lost]);
    if (reason !== undefined) throw reason;
  }

  /** The connection uses TLS. */
  get isSecured(): boolean {
    return this.#link.isSecured;
  }

  /** As `TcpLink.exportedKey`. */
  exportedKey(label: string): Uint8Array | undefined {
    return this.#link.exportedKey(label);
  }

  get isClosed(): boolean {
    return this.#endedBy !== undefined;
  }

  send(request: ClientMessage): void {
    if (!this.isClosed) this.#link.send(encodeClient(request));
  }

  /**
   * Requests a file. `onPage` receives the list of a batch if it differs from the one in the
   * request.
   * @throws ParleyError the server's error, or `stalled`
   */
  async fetch(request: FetchRequest, onPage?: OnPage): Promise<FileOffer> {
    const answer = await this.request(request, onPage);
    if (answer.type === "offer") return answer;
    throw this.#unexpected(answer);
  }

  /**
   * Requests the page of the list of files and folders that follows `after`. @throws ParleyError
   * the server's error, or `stalled`
   */
  async listFiles(after: string | undefined): Promise<FilePage> {
    const answer = await this.request({ type: "files", after, folders: true });
    if (answer.type === "files") return answer;
    throw this.#unexpected(answer);
  }

  /**
   * Lists everything in a folder, starting after the path `after`, line by line.
   * @throws ParleyError the server's error, or `stalled`; what `onPage` throws
   */
  async listTree(name: string, after: string | undefined, onPage: OnPage): Promise<void> {
    const answer = await this.request({ type: "tree", name, after }, onPage);
    if (answer.type !== "tree") throw this.#unexpected(answer);
  }

  /**
   * Pings the server. Returns the server's clock in Unix milliseconds; undefined if it does not
   * report it. @throws ParleyError the server's error, or `stalled`
   */
  async ping(): Promise<number | undefined> {
    const answer = await this.request({ type: "ping" });
    if (answer.type === "pong") return answer.time;
    throw this.#unexpected(answer);
  }

  /** Milliseconds since anything arrived. */
  get silentMs(): number {
    return performance.now() - this.#heardAtMs;
  }

  /**
   * Pings the server; without an answer the connection counts as lost after `timeoutMs`. Not before
   * its welcome: while a busy server checks a password, it answers nothing else.
   */
  checkAlive(timeoutMs: number): void {
    if (this.isClosed || !this.#welcomed || this.#aliveTimer !== undefined) return;
    const askedAtMs = performance.now();
    const mayBeAsleep = this.#link.checkAlive !== undefined;
    if (mayBeAsleep) this.#link.checkAlive?.();
    else this.send({ type: "ping" });
    this.#aliveTimer = setTimeout(() => {
      this.#aliveTimer = undefined;
      if (!mayBeAsleep && this.#heardAtMs < askedAtMs) this.#giveUp();
    }, timeoutMs);
  }

  /** A line has arrived over the link of `over`. */
  receive(line: string): void {
    if (this.isClosed) return;
    this.#heardAtMs = performance.now();
    this.#handleLine(line);
  }

  /** What was pulled has arrived over that link, which carries it as bytes. */
  receivePiece(piece: Piece): void {
    if (this.isClosed) return;
    this.#heardAtMs = performance.now();
    this.onPiece(piece);
  }

  /** The link of `over` has closed. */
  handleLost(reason: ParleyError): void {
    this.#end(reason);
  }

  close(): void {
    this.#link.end();
    this.#end(new ParleyError("cannot-connect", `The connection to ${this.where} is closed.`));
  }

  /**
   * Resolves with the answer, never with an `error`; retries a rate-limited request.
   * @throws ParleyError the other end's error, or `stalled`
   */
  async request(request: Request, onPage?: OnPage): Promise<ServerMessage> {
    for (let tries = 1; ; tries++) {
      const answer = await this.#ask(request, onPage);
      if (answer.type !== "error") return answer;
      const { code, retryAfterMs } = answer;
      if (code !== "rate" || retryAfterMs === undefined || tries === limits.maxRateTries) {
        throw errorOf(answer);
      }
      await Promise.race([Bun.sleep(Math.min(retryAfterMs + 1, limits.retryMaxMs)), this.lost]);
    }
  }

  #ask(request: Request, onPage: OnPage | undefined): Promise<ServerMessage> {
    const ref = ++this.#lastRef;
    const { promise, resolve, reject } = Promise.withResolvers<ServerMessage>();
    if (this.#endedBy !== undefined) {
      reject(this.#endedBy);
      return promise;
    }
    this.#await(ref, { onPage, resolve, reject });
    this.send({ ...request, ref });
    return promise;
  }

  #await(ref: number, request: Omit<Pending, "timer">): void {
    const timer = setTimeout(() => {
      this.#pending.delete(ref);
      request.reject(new ParleyError("stalled", `${this.where} does not answer.`));
    }, limits.answerTimeoutMs);
    this.#pending.set(ref, { ...request, timer });
  }

  #events() {
    return {
      data: (bytes: Uint8Array) => this.#handleData(bytes),
      drained: () => this.onDrained(),
      ended: () => {
        this.#link.end();
        const ended = new ParleyError("cannot-connect", `${this.where} ended the connection.`);
        this.#end(this.#banner.problem(this.where) ?? ended);
      },
    };
  }

  #handleData(bytes: Uint8Array): void {
    this.#heardAtMs = performance.now();
    if (!this.#welcomed) this.#checkBanner(bytes);
    const outcome = this.#lines.push(bytes, (line) => {
      this.#handleLine(line);
      return !this.isClosed;
    });
    if (outcome === tooLong) {
      this.#fail(`${this.where} sent a line of more than ${message.maxLineBytes} bytes.`);
    }
  }

  /** A server that does not start in the native protocol gets little time to switch to it. */
  #checkBanner(bytes: Uint8Array): void {
    this.#banner.handleData(bytes);
    if (this.#banner.problem(this.where) === undefined) return;
    this.#bannerTimer ??= setTimeout(() => {
      const problem = this.#banner.problem(this.where);
      if (problem === undefined) return;
      this.#link.end();
      this.#end(problem);
    }, limits.bannerTimeoutMs);
  }

  #handleLine(line: string): void {
    const received = decodeServer(line);
    if (received.type === "undecodable") this.#handleUndecodable(received);
    else this.#handleMessage(received);
  }

  #handleMessage(received: ServerMessage): void {
    if (received.type === "tree") return this.#handlePage(received);
    const pending = "ref" in received ? this.#take(received.ref) : undefined;
    if (pending !== undefined) return pending.resolve(received);
    switch (received.type) {
      case "welcome":
        this.#welcomed = true;
        this.#passesCodes = received.codes === true;
        return this.#welcome.resolve();
      case "challenge":
        return this.#answerChallenge(received.nonce);
      case "ping":
        return this.send({ type: "pong" });
      case "error":
        if (received.transfer !== undefined) return this.onTransferMessage(received);
        // Nobody waits for it any more.
        if (received.ref !== undefined) return;
        this.#end(this.#refusalOf(received));
        return this.#link.end();
      case "data": {
        const { transfer, offset, data } = received;
        return this.onPiece({ transfer, offset, bytes: Buffer.from(data, "base64") });
      }
      case "offer":
        // Nobody waits for it any more.
        return this.send({ type: "fetched", transfer: received.transfer });
      case "tags":
      case "digest":
      case "gone":
        return this.onTransferMessage(received);
      case "channel":
      case "channel-lost":
      case "passed":
      case "offer-ended":
        return this.onOfferMessage(received);
      default:
      // Nothing that this client has requested.
    }
  }

  /** A line of a list: either the answer itself or a part that precedes it. */
  #handlePage(page: TreePage): void {
    const { ref, more } = page;
    const pending = this.#take(ref);
    if (pending === undefined || typeof ref !== "number") return;
    try {
      pending.onPage?.(page);
    } catch (error) {
      return pending.reject(error instanceof Error ? error : new Error(String(error)));
    }
    if (more === true) this.#await(ref, pending);
    else pending.resolve(page);
  }

  #answerChallenge(nonce: string): void {
    const signature = this.#proofs.answer(this.#visitor?.name ?? "", nonce);
    if (signature !== undefined) this.send({ type: "prove", signature });
  }

  #handleUndecodable({ reason, message: why, ref }: Undecodable): void {
    const sentence = `${this.where} sent a line that is not a valid message: ${why}.`;
    const pending = this.#take(ref);
    if (pending !== undefined) return pending.reject(new ParleyError("protocol", sentence));
    // Ignore messages of a newer server, and another dialect's greeting before the welcome.
    const isHarmless = reason === "unknown" || (reason === "malformed" && !this.#welcomed);
    if (!isHarmless) this.#fail(sentence);
  }

  /** Removes and returns the pending request with that `ref`. */
  #take(ref: unknown): Pending | undefined {
    const pending = typeof ref === "number" ? this.#pending.get(ref) : undefined;
    if (pending === undefined || typeof ref !== "number") return undefined;
    this.#pending.delete(ref);
    clearTimeout(pending.timer);
    return pending;
  }

  #ping(): void {
    const { silentMs } = this;
    const mayBeAsleep = this.#link.checkAlive !== undefined;
    const isOverdue = silentMs > limits.pingAfterMs + limits.answerTimeoutMs;
    if (isOverdue && !mayBeAsleep) this.#giveUp();
    else if (silentMs > limits.pingAfterMs / 2) this.send({ type: "ping" });
  }

  #giveUp(): void {
    this.#link.end();
    this.#end(new ParleyError("stalled", `${this.where} no longer answers.`));
  }

  #refusalOf(error: ErrorMessage): ParleyError {
    const refusal = errorOf(error);
    if (this.#visitor === undefined || refusal.code !== "name-registered") return refusal;
    const sentence = `${refusal.message}. Prove that it is yours, by --identity or --password-file`;
    if (error.password !== true) return new ParleyError("name-registered", sentence);
    return new NamePasswordWanted(this.#visitor.name, sentence);
  }

  #unexpected({ type }: ServerMessage): ParleyError {
    return new ParleyError("protocol", `${this.where} sent an unexpected answer: ${type}.`);
  }

  #fail(sentence: string): void {
    this.#link.end();
    this.#end(new ParleyError("protocol", sentence));
  }

  #end(reason: ParleyError): void {
    if (this.#endedBy !== undefined) return;
    this.#endedBy = reason;
    clearInterval(this.#pinger);
    clearTimeout(this.#bannerTimer);
    clearTimeout(this.#aliveTimer);
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(reason);
    }
    this.#pending.clear();
    this.#lost.resolve(reason);
    this.onLost(reason);
  }
}

/** By which a pass that is used up admits this program again, over another connection. */
const guestSecret = secretText(18);

/** The error in a server's `error` message. */
export function errorOf({ code, message: said, at, retryAfterMs }: ErrorMessage): ParleyError {
  const shown = harmless(said).slice(0, 1_000);
  if (code === "elsewhere" && at !== undefined) return new ElsewhereError(shown, at);
  const known = isErrorCode(code) ? code : "protocol";
  const sentence =
    shown === ""
      ? `The server refused: ${harmless(code).slice(0, 100)}`
      : withAccessAdvice(code, shown);
  // A disk that can't be read stays so, unless the server says otherwise.
  const mayPass = isRetryableLogin(code) && (code !== "storage" || retryAfterMs !== undefined);
  return mayPass
    ? new RefusedForNow(known, sentence, retryAfterMs ?? 0)
    : new ParleyError(known, sentence);
}

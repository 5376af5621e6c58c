// A native session as a deterministic state machine: identity, rooms, unacknowledged messages, read
// positions, reconnecting. Time and randomness are parameters; actions are returned by
// `pollOutputs()`. Knows no socket and no screen; shared by terminal and page.

import { decodeServer } from "../protocol/decode-server.ts";
import { encodeClient } from "../protocol/encode.ts";
import { isRetryableLogin } from "../protocol/retryable.ts";
import type {
  Access,
  ClientMessage,
  ErrorMessage,
  MessageKind,
  OfferEnd,
  ServerMessage,
} from "../protocol/messages.ts";
import { Announcements } from "./announcements.ts";
import { ConnectionState } from "./connection-state.ts";
import type {
  NativeSession,
  SessionEvent,
  SessionOptions,
  HowToTell,
  SessionOutput,
  SessionPosition,
  SessionRequest,
  SessionResponse,
  Unsayable,
} from "./events.ts";
import { Ignored } from "./ignored.ts";
import { Identity } from "./identity.ts";
import { LoginProofs } from "./login-proofs.ts";
import { Inbox, type Ownership } from "./inbox.ts";
import { Liveness } from "./liveness.ts";
import { MessageSender } from "./message-sender.ts";
import { PendingRequests } from "./pending-requests.ts";
import { readResponse } from "./response.ts";
import type { Rooms } from "./rooms.ts";

type Message<T extends ServerMessage["type"]> = Extract<ServerMessage, { type: T }>;

export class ClientSession implements NativeSession {
  readonly #secret: string;
  readonly #access: Access;
  readonly #takesFiles: boolean;
  /** The name of a session without one; empty: nobody's. */
  readonly #visitor: string;
  readonly ignored: Ignored;
  readonly #connection: ConnectionState;
  /** Continues an earlier incarnation of this session. */
  readonly #resumed: boolean;
  readonly #identity: Identity;
  readonly #proofs: LoginProofs;
  readonly #inbox: Inbox;
  readonly #requests = new PendingRequests();
  readonly #sender: MessageSender;
  readonly #liveness = new Liveness();
  #outputs: SessionOutput[] = [];
  #byeReason = "";
  readonly #announcements: Announcements;

  constructor(options: SessionOptions) {
    const { name, rooms, secret, since, random } = options;
    this.#secret = secret;
    this.#access = options.access ?? {};
    this.#takesFiles = options.takesFiles ?? false;
    this.#visitor = options.visitor ?? "";
    this.ignored = new Ignored(options.ignored);
    this.#connection = new ConnectionState(random, since !== undefined);
    this.#resumed = since !== undefined;
    this.#announcements = new Announcements(this.#resumed);
    this.#identity = new Identity(name);
    this.#proofs = new LoginProofs(options.identity, options.proof);
    this.#inbox = new Inbox(rooms, since, (event) => this.#emit(event));
    this.#sender = new MessageSender({
      rooms: this.#inbox.rooms,
      requests: this.#requests,
      isOnline: () => this.online,
      send: (message) => this.#send(message),
      emit: (event) => this.#emit(event),
    });
  }

  get name(): string | undefined {
    return this.#identity.name;
  }

  get online(): boolean {
    return this.#connection.phase === "online";
  }

  get rooms(): readonly string[] {
    return this.#rooms.entered;
  }

  get partner(): string | undefined {
    return this.#identity.partner;
  }

  get motd(): string {
    return this.#announcements.motd;
  }

  topicOf(room: string): string {
    return this.#announcements.topicOf(this.#rooms.find(room)?.name ?? "");
  }

  get textChars(): number {
    return this.#sender.textChars;
  }

  get unacknowledged(): number {
    return this.#sender.unacknowledged;
  }

  get space(): number {
    return this.#ended ? 0 : this.#sender.space;
  }

  get position(): SessionPosition | undefined {
    return this.#inbox.position;
  }

  get nextTimeoutMs(): number | undefined {
    const { phase, deadlineMs } = this.#connection;
    if (phase === "greeting" && this.#liveness.paused) return undefined;
    if (phase !== "online") return deadlineMs;
    const silenceMs = this.#liveness.nextTimeoutMs(this.#sender.isWaiting);
    const nextMs = Math.min(silenceMs, this.#sender.nextTimeoutMs ?? Infinity);
    return nextMs === Infinity ? undefined : nextMs;
  }

  pollOutputs(): SessionOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  start(nowMs: number): void {
    if (this.#connection.phase === "idle") this.#connect(nowMs);
  }

  handleConnected(nowMs: number, channel?: string): void {
    if (this.#connection.phase !== "connecting") return;
    this.#connection.greet(nowMs);
    const { name } = this;
    const access = this.#access;
    if (name === undefined) {
      const proofs = this.#proofs.forHello(this.#visitor, channel);
      const visitor = this.#visitor === "" ? {} : { name: this.#visitor, visitor: true };
      return this.#send({ type: "hello", ...visitor, ...access, ...proofs });
    }
    const { epoch, mail, rooms } = this.#inbox.position ?? { rooms: this.#rooms.points };
    const takes = this.#takesFiles ? { takesFiles: true } : {};
    const session = { name, secret: this.#secret, rooms, epoch, mail, runs: true, copies: true };
    const hello = { ...session, ...takes, ...access };
    this.#send({ type: "hello", ...hello, ...this.#proofs.forHello(name, channel) });
  }

  handleLine(line: string, nowMs: number): void {
    const { phase } = this.#connection;
    if (phase !== "greeting" && phase !== "online") return;
    this.#liveness.handleInput(nowMs);
    const message = decodeServer(line);
    // Another dialect's greeting may precede the welcome, and a newer server may send unknown
    // types.
    if (message.type === "undecodable") return;
    if (phase === "online") this.#handleMessage(message, nowMs);
    else if (message.type === "welcome") this.#handleWelcome(message, nowMs);
    else if (message.type === "challenge") this.#handleChallenge(message.nonce);
    else if (message.type === "error") this.#handleLoginRefusal(message, nowMs);
    else if (message.type === "bye") this.#handleBye(message, nowMs);
  }

  handleLost(reason: string, nowMs: number): void {
    if (!this.#connection.isOpen) return;
    const { attempt, retryMs } = this.#connection.lose(nowMs);
    this.#identity.handleLost();
    this.#inbox.handleLost();
    this.#sender.handleLost();
    const why = this.#byeReason === "" ? reason : this.#byeReason;
    this.#byeReason = "";
    const { everOnline } = this.#connection;
    this.#emit({ type: "offline", reason: why, retryMs, attempt, everOnline });
    for (const ref of this.#requests.closeAll()) {
      const message = "The connection was lost before the answer arrived: ask again";
      this.#emit({ type: "error", code: "cannot-connect", message, ref, subject: undefined });
    }
  }

  handleTimeout(nowMs: number): void {
    const deadlineMs = this.nextTimeoutMs;
    if (deadlineMs === undefined || nowMs < deadlineMs) return;
    const { phase } = this.#connection;
    if (phase === "waiting") return this.#connect(nowMs);
    if (phase === "greeting") return this.#drop("the server sent no welcome", nowMs);
    this.#sender.handleTimeout(nowMs);
    const verdict = this.#liveness.handleTimeout(nowMs, this.#sender.isWaiting);
    if (verdict === "ping") this.#send({ type: "ping" });
    else if (verdict === "dead") this.#drop("the server stopped responding", nowMs);
  }

  checkAlive(nowMs: number): void {
    if (this.online && this.#liveness.doubt(nowMs)) this.#send({ type: "ping" });
  }

  setPaused(paused: boolean, nowMs: number): void {
    this.#liveness.setPaused(paused, nowMs);
    if (this.#connection.phase === "greeting") this.#connection.greet(nowMs);
  }

  say(room: string, text: string, kind?: MessageKind): number | Unsayable {
    if (!this.#ended && !this.#rooms.has(room)) return "not-in-room";
    return this.#queue(room, [], { text, kind });
  }

  tell(to: readonly string[], text: string, how: HowToTell = {}): number | Unsayable {
    return to.length === 0 ? "no-recipient" : this.#queue(undefined, to, { text, ...how });
  }

  sayToPartner(text: string, kind?: MessageKind): number | Unsayable {
    const { partner } = this;
    return partner === undefined ? "no-partner" : this.#queue(undefined, [partner], { text, kind });
  }

  join(room: string, key?: string): void {
    if (this.#ended) return;
    const outcome = this.#rooms.join(room, key);
    if (outcome === "added") return this.#sender.pump();
    if (outcome === "known") return;
    const message = "You are in the maximum number of rooms: leave one first";
    this.#emit({ type: "join-failed", room, code: "full", message });
  }

  part(room: string): void {
    const name = this.#ended ? undefined : this.#rooms.remove(room);
    if (name === undefined) return;
    if (this.online) this.#sendPart(name);
    this.#handleParted(name);
  }

  request(request: SessionRequest): number | undefined {
    const ref = this.online ? this.#requests.open(request) : undefined;
    if (ref !== undefined) this.#send({ ...request, ref });
    return ref;
  }

  pass(offer: string, channel: number, data: string): void {
    if (this.online) this.#send({ type: "pass", offer, channel, data });
  }

  endOffer(offer: string, reason: OfferEnd): void {
    if (this.online) this.#send({ type: "end-files", offer, reason });
  }

  leave(): void {
    if (this.#ended) return;
    if (this.online) this.#send({ type: "bye", ...this.#proofs.forBye() });
    this.#end("left", "Left");
  }

  fail(code: string, message: string): void {
    if (!this.#ended) this.#end(code, message);
  }

  get #ended(): boolean {
    return this.#connection.phase === "ended";
  }

  get #rooms(): Rooms {
    return this.#inbox.rooms;
  }

  get #ownership(): Ownership {
    return {
      name: this.name,
      idOf: (n, text) => this.#sender.idOf(n, text),
      hasSent: (to, text) => this.#sender.hasSent(to, text),
    };
  }

  #queue(
    room: string | undefined,
    to: readonly string[],
    content: { text: string } & HowToTell,
  ): number | Unsayable {
    return this.#ended ? "ended" : this.#sender.queue(room, to, content);
  }

  #handleChallenge(nonce: string): void {
    const signature = this.#proofs.answer(this.name ?? this.#visitor, nonce);
    if (signature !== undefined) this.#send({ type: "prove", signature });
  }

  #handleWelcome(welcome: Message<"welcome">, nowMs: number): void {
    const { session, server } = welcome;
    if (session === undefined && this.name !== undefined) {
      return this.#drop("the server's welcome has no session", nowMs);
    }
    const { returned, afterMs } = this.#connection.welcome(nowMs);
    this.#sender.textChars = welcome.limits.textChars;
    this.#identity.handleMessage(welcome);
    const { how, lost, stray } = this.#inbox.resume(session, welcome.limits.rooms);
    const { name = "", rooms } = this;
    const registered = session?.registered === true;
    const { access } = welcome;
    const online = { name, rooms, returned, server, registered };
    this.#emit({ type: "online", ...online, ...(access && { access }) });
    this.#keepToken(session?.token);
    for (const room of lost) {
      this.#announcements.forget(room);
      this.#emit({ type: "parted", room });
    }
    this.#sender.handleWelcome(session?.n ?? 0, !returned, session?.refused);
    if (returned || this.#resumed) this.#inbox.announceReturn(how, afterMs);
    this.#sender.failUnreachable();
    for (const room of stray) this.#sendPart(room);
    this.#sender.pump();
  }

  /** The server has issued a token for the password. */
  #keepToken(token: string | undefined): void {
    if (token === undefined) return;
    this.#proofs.handleToken(token);
    this.#emit({ type: "token", token });
  }

  #handleLoginRefusal(refusal: ErrorMessage, nowMs: number): void {
    if (this.#connection.isRetrying && isRetryableLogin(refusal.code))
      this.#drop(refusal.message, nowMs);
    else this.#end(refusal.code, refusal.message, refusal.password === true);
  }

  #handleMessage(message: ServerMessage, nowMs: number): void {
    this.#identity.handleMessage(message);
    switch (message.type) {
      case "ack":
        return this.#sender.handleAck(message);
      case "error":
        return this.#handleError(message, nowMs);
      case "message":
        return this.#inbox.handleRoomMessage(message, this.#ownership);
      case "messages":
        return this.#inbox.handleRun(message, this.#ownership);
      case "private":
        return this.#inbox.handlePrivate(message, this.#ownership);
      case "entered":
        return this.#handleEntered(message);
      case "parted":
        // With a ref it answers this session's own `part`, which was reported when it was sent. A
        // room that is being joined again has been left before, too.
        if (message.ref === undefined && this.#rooms.find(message.room) !== undefined) {
          const { room, by, text } = message;
          this.#handleParted(this.#rooms.remove(room), { by, text });
        }
        return;
      case "joined":
      case "left":
      case "renamed":
        return this.#inbox.handlePresence(message);
      case "chat":
        return this.#emit({ type: "chat", state: message.state, with: message.with });
      case "ping":
        // Any line answers a ping; answering with a ping also tests the path back.
        return this.#send({ type: "ping" });
      case "topic":
        return this.#handleTopic(message);
      case "call":
        return this.#emit(message);
      case "deleted":
        return this.#inbox.handleDeleted(message);
      case "away":
      case "mode": {
        const room = this.#rooms.find(message.room)?.name;
        return room === undefined ? undefined : this.#emit({ ...message, room });
      }
      case "motd":
        return this.#handleMotd(message);
      case "account-changed":
        return this.#emit(message);
      case "offered":
      case "channel":
      case "channel-lost":
      case "passed":
      case "offer-ended":
        return this.#emit({ type: "offer", about: message });
      case "bye":
        return this.#handleBye(message, nowMs);
      case "registered":
      case "password-set":
        this.#keepToken(message.token);
        return this.#handleAnswer(message);
      default:
        return this.#handleAnswer(message);
    }
  }

  #handleAnswer(message: ServerMessage): void {
    const answer = readResponse(message);
    if (answer !== undefined) this.#handleResponse(answer.ref, answer.response);
  }

  #handleBye({ code, reason }: Message<"bye">, nowMs: number): void {
    const isOwn = code === "replaced" && this.#connection.mayReplaceItself(nowMs);
    if (code === undefined || isOwn) this.#byeReason = reason;
    else this.#end(code, reason);
  }

  #handleTopic({ room, topic }: Message<"topic">): void {
    const name = this.#rooms.find(room)?.name;
    if (name === undefined || !this.#announcements.setTopic(name, topic)) return;
    this.#emit({ type: "topic", room: name, topic });
  }

  #handleMotd({ text }: Message<"motd">): void {
    if (this.#announcements.setMotd(text)) this.#emit({ type: "motd", text });
  }

  #handleError(error: ErrorMessage, nowMs: number): void {
    const { code, message, n, subject, at } = error;
    if (n !== undefined) {
      if (!this.#sender.handleRefusal(n, error, nowMs)) this.#drop("the server lost count", nowMs);
      return;
    }
    const ref = typeof error.ref === "number" ? error.ref : undefined;
    const room = this.#rooms.handleRefusal(ref);
    if (room !== undefined) {
      this.#emit({ type: "join-failed", room, code, message });
      return this.#sender.failUnreachable();
    }
    const known = this.#requests.close(ref);
    this.#emit({ type: "error", code, message, ref: known ? ref : undefined, subject, at });
  }

  #handleEntered(entered: Message<"entered">): void {
    const ref = typeof entered.ref === "number" ? entered.ref : undefined;
    const room = this.#rooms.handleEntered(ref, entered);
    if (room !== undefined) this.#emit({ type: "entered", room });
  }

  /** The session is no longer in this room. */
  #handleParted(
    room: string | undefined,
    removal: Pick<Message<"parted">, "by" | "text"> = {},
  ): void {
    if (room === undefined) return;
    this.#announcements.forget(room);
    this.#emit({ type: "parted", room, ...removal });
    this.#sender.failUnreachable();
    this.#inbox.checkReturned();
  }

  #handleResponse(ref: number | undefined, response: SessionResponse): void {
    if (ref === undefined || !this.#requests.close(ref)) return;
    const heard =
      response.type === "history" || response.type === "found"
        ? { ...response, messages: this.ignored.heard(response.messages) }
        : response;
    this.#emit({ type: "response", ref, response: heard });
  }

  #connect(nowMs: number): void {
    this.#connection.connect(nowMs);
    this.#outputs.push({ type: "connect" });
  }

  #drop(reason: string, nowMs: number): void {
    this.#outputs.push({ type: "close" });
    this.handleLost(reason, nowMs);
  }

  #end(code: string, message: string, asksPassword = false): void {
    if (this.#connection.isOpen) this.#outputs.push({ type: "close" });
    this.#connection.end();
    this.#sender.handleLost();
    this.#emit({ type: "ended", code, message, ...(asksPassword ? { asksPassword } : {}) });
  }

  /** The ref distinguishes its answer from a `parted` that the server sends unasked. */
  #sendPart(room: string): void {
    this.#send({ type: "part", room, ref: this.#requests.nextRef() });
  }

  #send(message: ClientMessage): void {
    this.#outputs.push({ type: "send", line: encodeClient(message) });
  }

  #emit(event: SessionEvent): void {
    if (this.ignored.hides(event)) return;
    this.#outputs.push({ type: "event", event });
  }
}

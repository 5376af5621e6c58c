// A native session as a deterministic machine: who we are, what is not acknowledged, what was read, when to try again. Time and
// chance are handed in; what is to be done comes out of `take()`. Knows no socket, no screen: terminal and page share it.

import { client as limits, message as messageLimits } from "../limits.ts";
import { backoffMs, returnSummary } from "./backoff.ts";
import type {
  NativeSession,
  Output,
  Question,
  SessionEvent,
  SessionOptions,
  Unsayable,
} from "./events.ts";
import { Liveness } from "./liveness.ts";
import { LogPosition, type Return } from "./log-position.ts";
import { Outgoing } from "./send-window.ts";
import { Questions } from "./pending-requests.ts";
import { Self } from "./identity.ts";
import { readServerLine, type ServerLine } from "./wire.ts";

type State = "idle" | "connecting" | "greeting" | "online" | "waiting" | "ended";
type Line<T extends ServerLine["type"]> = Extract<ServerLine, { type: T }>;

/** Answers to a hello that may be different in a moment; after any other the session ends. */
const passing: ReadonlySet<string> = new Set(["full", "rate", "login-timeout", "storage"]);

export class ClientSession implements NativeSession {
  readonly #random: () => number;
  readonly #secret: string;
  readonly #resumed: boolean;
  readonly #log: LogPosition;
  readonly #out: Outgoing;
  readonly #liveness = new Liveness();
  readonly #questions = new Questions();
  readonly #self: Self;
  #outputs: Output[] = [];
  #state: State = "idle";
  #textChars: number = messageLimits.maxTextChars;
  #everOnline = false;
  #attempts = 0;
  #awaySinceMs: number | undefined;
  #byeReason = "";
  #returned: { kind: Return; afterMs: number } | undefined;
  // Of the states `greeting` (give up) and `waiting` (try again).
  #deadlineMs: number | undefined;

  constructor(options: SessionOptions) {
    this.#self = new Self(options.name, options.room);
    this.#secret = options.secret;
    this.#random = options.random;
    this.#resumed = options.since !== undefined;
    this.#log = new LogPosition(options.since);
    this.#out = new Outgoing(options.room, {
      send: (line) => this.#send(line),
      tell: (event) => this.#tell(event),
      nextRef: () => this.#questions.next(),
    });
  }

  get name(): string | undefined {
    return this.#self.name;
  }

  get room(): string {
    return this.#self.room;
  }

  get partner(): string | undefined {
    return this.#self.partner;
  }

  get online(): boolean {
    return this.#state === "online";
  }

  get unacknowledged(): number {
    return this.#out.unacknowledged;
  }

  get space(): number {
    return this.#state === "ended" ? 0 : this.#out.space;
  }

  get textChars(): number {
    return this.#textChars;
  }

  get resumePoint(): { epoch: string; seq: number; mail: number } | undefined {
    return this.#log.point;
  }

  get nextDeadlineMs(): number | undefined {
    if (this.#state === "waiting") return this.#deadlineMs;
    if (this.#state === "greeting") return this.#liveness.paused ? undefined : this.#deadlineMs;
    if (this.#state !== "online") return undefined;
    const silenceMs = this.#liveness.deadlineMs(this.#out.inFlight > 0);
    const nextMs = Math.min(silenceMs, this.#out.heldUntilMs ?? Infinity);
    return nextMs === Infinity ? undefined : nextMs;
  }

  take(): Output[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  start(nowMs: number): void {
    if (this.#state !== "idle") return;
    this.#awaySinceMs = nowMs;
    this.#connect();
  }

  connected(nowMs: number): void {
    if (this.#state !== "connecting") return;
    this.#state = "greeting";
    this.#deadlineMs = nowMs + limits.welcomeTimeoutMs;
    const who = { name: this.name, room: this.#out.room, secret: this.#secret };
    this.#send({ type: "hello", version: 1, ...who, ...this.#log.point, runs: true });
  }

  receive(line: string, nowMs: number): void {
    if (this.#state !== "greeting" && this.#state !== "online") return;
    this.#liveness.heard(nowMs);
    const read = readServerLine(line);
    if (read === undefined) return;
    if (this.#state === "online") this.#heard(read, nowMs);
    else if (read.type === "welcome") this.#welcome(read, nowMs);
    else if (read.type === "error") this.#refused(read, nowMs);
    else if (read.type === "bye") this.#byeReason = read.reason;
  }

  lost(nowMs: number, reason: string): void {
    if (this.#state === "idle" || this.#state === "ended" || this.#state === "waiting") return;
    this.#state = "waiting";
    this.#awaySinceMs ??= nowMs;
    const retryMs = backoffMs(++this.#attempts, this.#random);
    this.#deadlineMs = nowMs + retryMs;
    this.#self.lost();
    this.#returned = undefined;
    this.#out.close();
    const said = this.#byeReason === "" ? reason : this.#byeReason;
    this.#byeReason = "";
    const [attempt, everOnline] = [this.#attempts, this.#everOnline];
    this.#tell({ type: "offline", reason: said, retryMs, attempt, everOnline });
    for (const ref of this.#questions.giveUp()) {
      const message = "The connection was lost before the answer came: ask again";
      this.#tell({ type: "error", code: "cannot-connect", message, ref });
    }
  }

  poll(nowMs: number): void {
    const deadlineMs = this.nextDeadlineMs;
    if (deadlineMs === undefined || nowMs < deadlineMs) return;
    if (this.#state === "waiting") return this.#connect();
    if (this.#state === "greeting") return this.#drop(nowMs, "the server sent no welcome");
    this.#out.poll(nowMs);
    const verdict = this.#liveness.poll(nowMs, this.#out.inFlight > 0);
    if (verdict === "ask") this.#send({ type: "ping" });
    else if (verdict === "dead") this.#drop(nowMs, "the server has gone silent");
  }

  setPaused(paused: boolean, nowMs: number): void {
    this.#liveness.setPaused(paused, nowMs);
    if (this.#state === "greeting") this.#deadlineMs = nowMs + limits.welcomeTimeoutMs;
  }

  say(text: string): number | Unsayable {
    // To the partner by name: a plain `say` would reach the room if the private chat ended before it arrived.
    const { partner } = this.#self;
    return this.#queue(text, partner === undefined ? undefined : [partner]);
  }

  tell(to: readonly string[], text: string): number | Unsayable {
    return to.length === 0 ? "no-recipient" : this.#queue(text, to);
  }

  ask(question: Question): number | undefined {
    const ref = this.online ? this.#questions.ask(question) : undefined;
    if (ref !== undefined) this.#send({ ...question, ref });
    return ref;
  }

  enter(room: string): void {
    this.#out.enter(room);
  }

  leave(): void {
    if (this.#state === "ended") return;
    if (this.#state === "online") this.#send({ type: "bye" });
    this.#end("left", "Left");
  }

  #queue(text: string, to: readonly string[] | undefined): number | Unsayable {
    if (this.#state === "ended") return "ended";
    if (text.length > this.#textChars) return "too-long";
    return this.#out.queue(text, to);
  }

  #welcome(welcome: Line<"welcome">, nowMs: number): void {
    const returned = this.#everOnline;
    this.#state = "online";
    this.#everOnline = true;
    this.#attempts = 0;
    this.#self.heard(welcome);
    this.#textChars = welcome.textChars ?? this.#textChars;
    const afterMs = nowMs - (this.#awaySinceMs ?? nowMs);
    this.#awaySinceMs = undefined;
    const kind = this.#log.welcome(welcome);
    const { name = "", room } = this.#self;
    this.#tell({ type: "online", name, room, returned, server: welcome.server });
    if (returned || this.#resumed) {
      this.#returned = { kind, afterMs };
      if (kind !== "recovered" || this.#log.complete) this.#tellReturn();
    }
    this.#out.open(welcome.n, !returned);
  }

  #refused(refusal: Line<"error">, nowMs: number): void {
    if (this.#everOnline && passing.has(refusal.code)) this.#drop(nowMs, refusal.message);
    else this.#end(refusal.code, refusal.message);
  }

  #heard(line: ServerLine, nowMs: number): void {
    this.#self.heard(line);
    switch (line.type) {
      case "ack":
        return this.#out.acknowledged(line.n, line.seq);
      case "error":
        return this.#failed(line, nowMs);
      case "message":
      case "private":
        return this.#arrived(line);
      case "messages":
        return this.#arrivedTogether(line);
      case "entered":
        return this.#entered(line);
      case "answer":
        if (line.ref === undefined || !this.#questions.close(line.ref)) return;
        return this.#tell({ type: "answer", ref: line.ref, answer: line.answer });
      case "ping":
        // Any line answers a ping; this one is answered in turn, which shows us that the way back works too.
        return this.#send({ type: "ping" });
      case "bye":
        // Coming back would throw out the session that took over, and so on without end.
        if (line.code === "replaced") this.#end("replaced", line.reason);
        else this.#byeReason = line.reason;
        return;
      case "welcome":
      case "pong":
        return;
      default:
        return this.#tell(line);
    }
  }

  #failed(error: Line<"error">, nowMs: number): void {
    const { code, message, n, ref, subject } = error;
    if (n !== undefined) {
      if (!this.#out.refused(n, error, nowMs)) this.#drop(nowMs, "the server lost count");
      return;
    }
    this.#out.enterRefused(ref, error);
    const known = this.#questions.close(ref);
    const about = subject === undefined ? {} : { subject };
    this.#tell({ type: "error", code, message, ref: known ? ref : undefined, ...about });
  }

  #arrivedTogether({ seq, timeMs, from, texts, n }: Line<"messages">): void {
    texts.forEach((text, i) => {
      const counted = n === undefined ? undefined : n + i;
      this.#arrived({ type: "message", seq: seq + i, timeMs, from, text, n: counted });
    });
  }

  #arrived(line: Line<"message" | "private">): void {
    const arrival =
      line.type === "message" ? this.#log.message(line.seq) : this.#log.mail(line.mail);
    if (!arrival.fresh) return;
    if (arrival.missing !== undefined) this.#tell({ type: "gap", ...arrival.missing });
    const { replayed } = arrival;
    if (line.type === "private") {
      this.#tell({ ...line, replayed });
    } else {
      const { seq, timeMs, from, text, n } = line;
      const mine = from === this.name;
      const id = mine && n !== undefined ? this.#out.idOf(n) : undefined;
      this.#tell({ type: "message", seq, timeMs, from, text, mine, id, replayed });
    }
    if (this.#returned !== undefined && this.#log.complete) this.#tellReturn();
  }

  #entered(line: Line<"entered">): void {
    if (!this.#out.entered(line.ref)) return;
    this.#log.entered(line);
    this.#tell({ type: "entered", room: line.room, recovered: line.recovered });
    this.#out.resume();
  }

  #tellReturn(): void {
    if (this.#returned === undefined) return;
    const { kind, afterMs } = this.#returned;
    this.#returned = undefined;
    const { caughtUp } = this.#log;
    const summary = returnSummary(kind, afterMs, caughtUp);
    const recovered = kind === "recovered";
    this.#tell({ type: "reconnected", afterMs, caughtUp, recovered, summary });
  }

  #connect(): void {
    this.#state = "connecting";
    this.#outputs.push({ do: "connect" });
  }

  #drop(nowMs: number, reason: string): void {
    this.#outputs.push({ do: "close" });
    this.lost(nowMs, reason);
  }

  #end(code: string, message: string): void {
    const open = this.#state !== "idle" && this.#state !== "waiting";
    this.#state = "ended";
    this.#out.close();
    if (open) this.#outputs.push({ do: "close" });
    this.#tell({ type: "ended", code, message });
  }

  #send(line: Readonly<Record<string, unknown>>): void {
    this.#outputs.push({ do: "send", line: `${JSON.stringify(line)}\n` });
  }

  #tell(event: SessionEvent): void {
    this.#outputs.push({ do: "tell", event });
  }
}

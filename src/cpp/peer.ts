// `parley peer` as a state machine: typed lines, the registry's answers and data from peers go in,
// outputs come out. Deterministic; knows no socket, timer or terminal. After each input, the driver
// polls all outputs.

import { fold } from "../chat/names/grammar.ts";
import { peer as limits } from "../limits.ts";
import { quoted } from "../text.ts";
import type { PathKind } from "../transfer/paths/path-finder.ts";
import {
  type Contact,
  type CppMessage,
  encodeBridge,
  encodeRegister,
  hostPort,
  parseId,
  quitText,
  registeredStatus,
  takenStatus,
} from "./codec.ts";
import { PeerConnections } from "./peer-connections.ts";
import type { PeerEvent, PeerFailure, Secured } from "./peer-event.ts";
import { type ExitReason, failed, type Interruption, type PeerOutput } from "./peer-output.ts";
import type { PeerStyle } from "./peer-stream.ts";

/** The result of a request to the registry. `isRefused`: its server does not serve this client. */
export type Answer = { message: CppMessage } | { failed: string; isRefused?: boolean };

/** What the next command has to wait for. */
type Pending =
  | { type: "register" }
  | { type: "bridge" }
  | { type: "connect"; connection: number; contact: Contact; thenChat: boolean };

/** The peer that the registry has handed out, and the registry's key for it. */
type Found = { contact: Contact; key: string | undefined };

/** Commands of `parley peer` in addition to the original program's. */
const extraCommand = /^\s*\/(?:help|send|get|decline|verify|verified)(?:\s|$)/;

const invalidCommand = "Invalid command. Use /id, /register, /bridge, /chat, or /quit.";

export type PeerOptions = {
  /** The address to register, if it is another than that of `self`, on which this side listens. */
  registeredIp?: string;
  duplex?: boolean;
  style?: PeerStyle;
  /** Whether a file transfer is in progress: the end of the input waits for it. */
  isBusy?: () => boolean;
  /** Whether a peer with that ID has shown a key before: a call in that name needs it. */
  isKeyKnown?: (id: string) => boolean;
};

/** What the last event says about an exit. */
const endings: Readonly<Record<ExitReason, { code?: PeerFailure; message?: string }>> = {
  done: {},
  refused: {
    code: "declined",
    message: "The call or the request was refused, or the ID belongs to somebody else",
  },
  unreachable: { code: "cannot-connect", message: "The last request reached nobody" },
  malformed: { code: "protocol", message: "The other side broke the protocol" },
  untrusted: { code: "integrity", message: "The other side did not prove the expected key" },
  interrupted: { code: "interrupted", message: "Interrupted" },
  terminated: { code: "terminated", message: "Terminated" },
  "hung-up": { code: "hung-up", message: "The terminal was closed" },
};

export class Peer {
  readonly #self: Contact;
  readonly #registered: Contact;
  readonly #style: PeerStyle;
  readonly #isBusy: () => boolean;
  readonly #connections: PeerConnections;
  readonly #outputs: PeerOutput[] = [];
  #nextConnection = 1;
  /** Lines that must wait because a request is pending or it is the peer's turn. */
  #typed: string[] = [];
  #inputEnded = false;
  #pending: Pending | undefined;
  /** The registry had no peer for this client, so another client may call at any time. */
  #isWaiting = false;
  /** The peer that the registry returned last. */
  #peer: Found | undefined;
  #isRegistered = false;
  /** The peer that the last `/bridge` asked for; undefined: nobody in particular. */
  #wanted: string | undefined;
  /** Folded IDs that this `/bridge` could not reach; undefined if it requested a peer by name. */
  #unreached: Set<string> | undefined;
  /** Why the last request failed. */
  #failure: ExitReason | undefined;
  #exited = false;

  /** `style`: the style of chats that this side opens. */
  constructor(self: Contact, options: PeerOptions) {
    const { duplex = false, style = "message", isKeyKnown = () => false } = options;
    this.#self = self;
    this.#registered = { ...self, ip: options.registeredIp ?? self.ip };
    this.#style = style;
    this.#isBusy = options.isBusy ?? (() => false);
    this.#connections = new PeerConnections(self, { duplex, style, isKeyKnown });
    const { id, ip, port } = self;
    this.#show(`${id} running on ${hostPort(self)}`, { event: "running", id, ip, port });
  }

  /** The next output; undefined if there is none for now. */
  pollOutput(): PeerOutput | undefined {
    this.#collect();
    return this.#outputs.shift();
  }

  /** When `handleTimeout` is due, on the clock of the `nowMs` parameters. */
  get nextTimeoutMs(): number | undefined {
    return this.#connections.nextTimeoutMs;
  }

  /** The connection that carries the chat; undefined: there is none. */
  get chatConnection(): number | undefined {
    return this.#connections.chatConnection;
  }

  /** Whether `/register` has succeeded. */
  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  /** Whether typed lines would be dropped now because too many are waiting for their turn. */
  get isFull(): boolean {
    return this.#typed.length >= limits.maxTypedAhead;
  }

  /**
   * A typed line without its line ending. In a chat `/quit` takes effect immediately; anything else
   * waits for its turn.
   */
  handleTyped(line: string, nowMs: number): void {
    if (this.#exited) return;
    const isQuit = line.trim() === quitText;
    if (isQuit && this.#connections.chat) this.#connections.leaveChat("done");
    else {
      if (isQuit && this.#pending) this.#push({ type: "hurry" });
      if (!this.isFull) this.#typed.push(line);
      else this.#push(failed("input", tooManyTyped));
    }
    this.#advance(nowMs);
  }

  /** The input has ended: leave as soon as it is this side's turn. */
  handleInputEnd(nowMs: number): void {
    this.#inputEnded = true;
    this.#advance(nowMs);
  }

  /** A command of our own was carried out, or file transfers have ended. */
  handleExtra(nowMs: number): void {
    this.#advance(nowMs);
  }

  handleInterrupt(reason: Interruption, nowMs: number): void {
    if (this.#connections.chat && !this.#exited) this.#connections.leaveChat(reason);
    else this.#exit(reason);
    this.#advance(nowMs);
  }

  /** The registry's answer to the last request. */
  handleAnswer(answer: Answer, nowMs: number): void {
    const type = this.#pending?.type;
    if (this.#exited || (type !== "register" && type !== "bridge")) return;
    this.#pending = undefined;
    if (type === "register") this.#handleRegisterAnswer(answer);
    else this.#handleBridgeAnswer(answer);
    this.#advance(nowMs);
  }

  /**
   * A peer has connected from `address`. Returns a number for the connection, or undefined to
   * refuse it.
   */
  handleAccepted(address: string): number | undefined {
    if (this.#exited) return undefined;
    const connection = this.#nextConnection++;
    this.#connections.handleAccepted(connection, address);
    return connection;
  }

  /** The caller has proved its identity. */
  handleSecured(connection: number, secured: Secured): void {
    this.#connections.handleSecured(connection, secured);
  }

  /** The connected peer has announced a call. */
  handleAnnounced(connection: number, nowMs: number): void {
    if (!this.#exited) this.#connections.handleAnnounced(connection, nowMs);
    this.#advance(nowMs);
  }

  /** A relayed call has found another path; undefined: it goes through the server. */
  handlePath(connection: number, path: PathKind | undefined): void {
    if (this.#exited || this.chatConnection !== connection) return;
    const now: PeerEvent =
      path === undefined || path === "relayed"
        ? { event: "path", path: "relayed" }
        : { event: "path", path: "direct", via: path };
    this.#show(undefined, now);
  }

  /** What has become of the connection of a relayed call to the server. */
  handleServer(connection: number, state: "lost" | "back" | "gone"): void {
    if (this.#exited || this.chatConnection !== connection) return;
    this.#show(undefined, { event: "server", state });
  }

  /** A requested connection is open; the other end is at `address`. */
  handleConnected(connection: number, address: string, nowMs: number, secured?: Secured): void {
    const pending = this.#takeConnecting(connection);
    if (pending === undefined) return this.#connections.close(connection);
    this.#failure = undefined;
    if (this.#connections.chat) return this.#connections.close(connection);
    this.#connections.handleConnected(connection, pending.contact, address, secured);
    const how = secured === undefined ? {} : { secured: secured.state, path: secured.path };
    this.#show(undefined, { event: "connected", peer: pending.contact, ...how });
    if (pending.thenChat) this.#connections.startChat(nowMs);
    this.#advance(nowMs);
  }

  /** `isUntrusted`: the other end has not proved the expected key. */
  handleConnectFailed(
    connection: number,
    reason: string,
    nowMs: number,
    isUntrusted = false,
  ): void {
    const pending = this.#takeConnecting(connection);
    if (pending === undefined) return;
    if (isUntrusted) {
      this.#failure = "untrusted";
      const what = pending.thenChat ? "chat" : "bridge";
      this.#push(failed(what, `${pending.contact.id} was not called: ${reason}`));
    } else if (!this.#connections.chat) this.#handleUnreachable(pending, reason);
    this.#advance(nowMs);
  }

  handleData(connection: number, bytes: Uint8Array, nowMs: number): void {
    this.#connections.handleData(connection, bytes, nowMs);
    this.#advance(nowMs);
  }

  handleTimeout(nowMs: number): void {
    this.#connections.handleTimeout(nowMs);
    this.#advance(nowMs);
  }

  /** The other side closed a connection, or it broke. */
  handleEnd(connection: number, nowMs: number): void {
    this.#connections.handleEnd(connection, nowMs);
    this.#advance(nowMs);
  }

  /** Handles typed lines whose turn has come, and exits when there is nothing left to do. */
  #advance(nowMs: number): void {
    if (this.#connections.chat) this.#isWaiting = false;
    while (!this.#exited) {
      const { chat, over } = this.#connections;
      if (over !== undefined) return this.#exit(over);
      if (this.#typed.length === 0) break;
      const isExtra = extraCommand.test(this.#typed[0] ?? "");
      // These need no turn.
      if (chat ? !chat.canWrite && !isExtra : this.#pending !== undefined) return;
      const line = this.#typed.shift() ?? "";
      // Continues when the command has been carried out.
      if (isExtra) return this.#push({ type: "extra", line });
      if (!chat) this.#handleCommand(line.trim(), nowMs);
      else if (line.trim() === quitText) this.#connections.leaveChat("done");
      else this.#connections.handleTyped(line);
    }
    if (this.#inputEnded && !this.#exited) this.#leaveUnlessWaiting();
  }

  /** The input has ended: stay only as long as others may still send something. */
  #leaveUnlessWaiting(): void {
    const { chat } = this.#connections;
    if (this.#isBusy()) return;
    if (chat?.canWrite) {
      this.#connections.leaveChat("done");
      this.#exit("done");
    } else if (!chat && !this.#pending && !this.#isWaiting) this.#exit(this.#failure ?? "done");
  }

  #handleCommand(line: string, nowMs: number): void {
    const [word = "", ...rest] = line.split(/\s+/);
    const wanted = word === "/bridge" && rest.length === 1 ? parseId(rest[0] ?? "") : undefined;
    if (rest.length > 0 && wanted === undefined) return this.#push(failed("input", invalidCommand));
    switch (word) {
      case "/id":
        return this.#show(this.#self.id, { event: "id", id: this.#self.id });
      case "/register":
        this.#pending = { type: "register" };
        return this.#push({ type: "request", message: encodeRegister(this.#registered) });
      case "/bridge":
        this.#wanted = wanted;
        this.#unreached = wanted === undefined ? new Set() : undefined;
        return this.#requestPeer(wanted);
      case "/chat":
        if (this.#connections.hasOutgoing) return this.#connections.startChat(nowMs);
        return this.#peer ? this.#connect(this.#peer, true) : this.#showNobodyToCall();
      case quitText:
        return this.#exit("done");
      default:
        return this.#push(failed("input", invalidCommand));
    }
  }

  /** The original program prints nothing here. */
  #showNobodyToCall(): void {
    const reason = this.#isWaiting
      ? "Nobody to call: you are waiting for a call yourself"
      : "Nobody to call: find someone with /bridge, or by name with /bridge NAME";
    this.#show(undefined, { event: "failed", what: "chat", reason });
  }

  #handleRegisterAnswer(answer: Answer): void {
    const refusal = this.#refusalIn(answer);
    const failure = failureOf(answer, "REGACK") ?? refusal;
    this.#failure =
      failure === undefined ? undefined : refusal === undefined ? reasonOf(answer) : "refused";
    if (failure) return this.#push(failed("register", `Register failed: ${failure}`));
    this.#isRegistered = true;
    const { id, ip, port } = this.#registered;
    this.#show(undefined, { event: "registered", id, ip, port });
  }

  /** Why a REGACK does not mean that this client is registered. */
  #refusalIn(answer: Answer): string | undefined {
    if (!("message" in answer) || answer.message.type !== "REGACK") return undefined;
    const { id, status } = answer.message;
    if (fold(id) !== fold(this.#self.id)) {
      return `the registry answered for ${id}, not for ${this.#self.id}`;
    }
    if (status.toLowerCase() === registeredStatus) return undefined;
    if (status.toLowerCase() === takenStatus) {
      return `the ID ${this.#self.id} is taken: choose another with --id`;
    }
    return `the registry answered Status: ${quoted(status)}, expected '${registeredStatus}'`;
  }

  #handleBridgeAnswer(answer: Answer): void {
    const failure = failureOf(answer, "BRIDGEACK");
    this.#failure = failure === undefined ? undefined : reasonOf(answer);
    if (failure) return this.#push(failed("bridge", `Bridge request failed: ${failure}`));
    if (this.#connections.chat || !("message" in answer) || answer.message.type !== "BRIDGEACK") {
      return;
    }
    const { contact, key } = answer.message;
    const { id } = this.#self;
    if (!contact || fold(contact.id) === fold(id)) {
      this.#isWaiting = true;
      const registered = this.#isRegistered;
      const wanted = this.#wanted === undefined ? {} : { wanted: this.#wanted };
      return this.#show(`${id} IN WAIT MODE`, { event: "waiting", id, registered, ...wanted });
    }
    this.#isWaiting = false;
    if (this.#unreached?.has(fold(contact.id))) {
      this.#failure = "unreachable";
      return this.#push(failed("bridge", "Bridge request failed: the registry knows nobody else"));
    }
    this.#peer = { contact, key };
    this.#show(undefined, { event: "bridged", peer: contact });
    this.#connections.closeOutgoing();
    // Programs that use the bare style connect at `/chat`.
    if (this.#style === "message") this.#connect(this.#peer, false);
  }

  #requestPeer(wanted?: string): void {
    this.#pending = { type: "bridge" };
    this.#push({ type: "request", message: encodeBridge(this.#self.id, wanted) });
  }

  #connect({ contact, key }: Found, thenChat: boolean): void {
    const connection = this.#nextConnection++;
    this.#pending = { type: "connect", connection, contact, thenChat };
    this.#push({ type: "connect", connection, contact, key });
  }

  /** Clears and returns the pending connection attempt; undefined if it is not this one. */
  #takeConnecting(connection: number): Extract<Pending, { type: "connect" }> | undefined {
    const pending = this.#pending;
    if (this.#exited || pending?.type !== "connect" || pending.connection !== connection) {
      return undefined;
    }
    this.#pending = undefined;
    return pending;
  }

  /** Registrations outlive their clients, so `/bridge` tries the next one. */
  #handleUnreachable(
    { contact, thenChat }: { contact: Contact; thenChat: boolean },
    reason: string,
  ): void {
    this.#failure = "unreachable";
    if (thenChat) return this.#push(failed("chat", `Chat request failed: ${reason}`));
    this.#unreached?.add(fold(contact.id));
    const isLeaving = this.#typed.some((line) => line.trim() === quitText);
    const again = this.#unreached && this.#unreached.size < limits.maxBridgeTries && !isLeaving;
    const next = again ? "; asking for the next one" : "";
    this.#push(failed("bridge", `Bridge request failed: ${reason}${next}`));
    if (again) this.#requestPeer();
  }

  #exit(reason: ExitReason): void {
    if (this.#exited) return;
    this.#exited = true;
    this.#typed = [];
    this.#show("Exiting program", { event: "exit", ...endings[reason] });
    this.#connections.closeAll();
    this.#push({ type: "exit", reason });
  }

  #show(line: string | undefined, event: PeerEvent): void {
    this.#push({ type: "show", line, event });
  }

  /** Queues an output after those of the connections. */
  #push(output: PeerOutput): void {
    this.#collect();
    this.#outputs.push(output);
  }

  #collect(): void {
    for (let next = this.#connections.pollOutput(); next; next = this.#connections.pollOutput()) {
      this.#outputs.push(next);
    }
  }
}

const tooManyTyped = `Line dropped: ${limits.maxTypedAhead} lines are waiting for their turn.`;

function failureOf(answer: Answer, wanted: "REGACK" | "BRIDGEACK"): string | undefined {
  if ("failed" in answer) return answer.failed;
  if (answer.message.type === wanted) return undefined;
  return `the registry answered ${answer.message.type}, expected ${wanted}`;
}

/** The exit reason that follows from the answer to a failed request. */
function reasonOf(answer: Answer): ExitReason {
  if (!("failed" in answer)) return "malformed";
  return answer.isRefused === true ? "refused" : "unreachable";
}

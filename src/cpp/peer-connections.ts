// The connections to other peers and the one chat that uses them: silent callers, the call, callers
// that are rejected, peers that leave. Deterministic; knows no socket, no command and no
// registry.

import { isLoopback } from "../addresses.ts";
import { fold } from "../chat/names/grammar.ts";
import { peer as limits } from "../limits.ts";
import { type Contact, encodeChat, hostPort, quitText } from "./codec.ts";
import { type ChatOutput, PeerChat } from "./peer-chat.ts";
import type { CallPath, KeyState, Secured } from "./peer-event.ts";
import { type ExitReason, failed, type PeerOutput } from "./peer-output.ts";
import { RejectionLines } from "./rejection-lines.ts";
import { bareHoldMs, PeerStream, type PeerStyle, type StreamEvent } from "./peer-stream.ts";

type Connection = {
  stream: PeerStream;
  /** The other end's address as reported by the socket. */
  address: string;
  /** The peer that this side called; undefined if the peer called. */
  called?: Contact;
  /** Who it has proved to be. */
  secured?: Secured;
};

type Call = {
  chat: PeerChat;
  connection: number;
  /**
   * The peer's connection, if both called at the same time: each side writes on its own connection
   * and reads from both.
   */
  second?: number;
  /** This side called and has not received anything yet. */
  isUnconfirmed: boolean;
  /**
   * Set while a `/quit` is the only answer. A peer that leaves sends it twice, as the original
   * program does; a peer that turns a caller down sends it once and closes the connection.
   */
  partingUntilMs?: number;
};

export class PeerConnections {
  readonly #self: Contact;
  readonly #duplex: boolean;
  /** The style of chats that this side opens. */
  readonly #style: PeerStyle;
  readonly #isKeyKnown: (id: string) => boolean;
  readonly #outputs: PeerOutput[] = [];
  readonly #connections = new Map<number, Connection>();
  /** The connection that this side opened; silent until `/chat` and the first line. */
  #outgoing: number | undefined;
  #call: Call | undefined;
  #over: ExitReason | undefined;
  #isCrowdingReported = false;
  readonly #rejections = new RejectionLines();

  constructor(
    self: Contact,
    options: { duplex: boolean; style: PeerStyle; isKeyKnown: (id: string) => boolean },
  ) {
    this.#isKeyKnown = options.isKeyKnown;
    this.#self = self;
    this.#duplex = options.duplex;
    this.#style = options.style;
  }

  pollOutput(): PeerOutput | undefined {
    return this.#outputs.shift();
  }

  get nextTimeoutMs(): number | undefined {
    const times = Array.from(this.#connections.values(), ({ stream }) => stream.nextTimeoutMs);
    const { chat, partingUntilMs } = this.#call ?? {};
    const due = [partingUntilMs, chat?.nextTimeoutMs, ...times].filter(
      (time) => time !== undefined,
    );
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** The current chat, if there is one. */
  get chat(): PeerChat | undefined {
    return this.#call?.chat;
  }

  /** Of two that cross, both ends choose the same one: files need one for both directions. */
  get chatConnection(): number | undefined {
    const call = this.#call;
    if (call?.second === undefined) return call?.connection;
    const isFirst = fold(this.#self.id) < fold(call.chat.peer.id);
    return isFirst ? call.connection : call.second;
  }

  /** Set once the chat, and with it the program, has ended. */
  get over(): ExitReason | undefined {
    return this.#over;
  }

  /** Whether an outgoing connection is still silent. */
  get hasOutgoing(): boolean {
    return this.#outgoing !== undefined;
  }

  /** A peer has connected. If too many are silent, the oldest is disconnected to make room. */
  handleAccepted(connection: number, address: string): void {
    const silent = Array.from(this.#connections.keys()).filter((known) => this.#isSilent(known));
    const [oldest] = silent;
    if (oldest !== undefined && silent.length >= limits.maxSilentCallers) {
      this.#connections.delete(oldest);
      this.#outputs.push({ type: "abort", connection: oldest });
      if (!this.#isCrowdingReported) this.#outputs.push(failed("connection", crowded));
      this.#isCrowdingReported = true;
    }
    const stream = new PeerStream({ isAnswering: false });
    this.#connections.set(connection, { stream, address });
  }

  /** The connection to `called` is open. */
  handleConnected(connection: number, called: Contact, address: string, secured?: Secured): void {
    const stream = new PeerStream({ isAnswering: true });
    const how = secured === undefined ? {} : { secured };
    this.#connections.set(connection, { stream, address, called, ...how });
    this.#outgoing = connection;
  }

  handleSecured(connection: number, secured: Secured): void {
    const known = this.#connections.get(connection);
    if (known !== undefined) known.secured = secured;
  }

  /** Says the same as the first line of a caller in plain text. */
  handleAnnounced(connection: number, nowMs: number): void {
    const { stream, secured, address = "" } = this.#connections.get(connection) ?? {};
    if (stream === undefined || secured === undefined || !this.#isSilent(connection)) return;
    const from = { id: secured.id, ip: address, port: secured.port };
    const call = this.#call;
    if (call === undefined) return this.#answer(connection, from, nowMs);
    if (call.isUnconfirmed && call.second === undefined && this.#isCalled(call, connection, from)) {
      call.second = connection;
      return;
    }
    this.#turnDown(connection, stream, from, nowMs);
  }

  /** `/chat`: starts a chat on the outgoing connection; the first line is from this side. */
  startChat(nowMs: number): void {
    const connection = this.#outgoing;
    const called = connection === undefined ? undefined : this.#connections.get(connection)?.called;
    if (connection === undefined || !called) return;
    this.#show("IN CHAT MODE", { event: "chat", peer: called, by: "us", ...this.#how(connection) });
    this.#start(connection, called, "write", nowMs);
    const isSecured = this.#connections.get(connection)?.secured !== undefined;
    if (isSecured) this.#outputs.push({ type: "announce", connection });
  }

  /** A line was typed during the chat. */
  handleTyped(line: string): void {
    const call = this.#call;
    if (call) this.#emit(call, call.chat.handleTyped(line));
  }

  closeOutgoing(): void {
    if (this.#outgoing !== undefined) this.close(this.#outgoing);
    this.#outgoing = undefined;
  }

  leaveChat(reason: ExitReason): void {
    const call = this.#call;
    if (!call) return;
    this.#emit(call, call.chat.handleLeave());
    this.#show("Chat session has ended", { event: "ended", by: "us" });
    this.#over = reason;
  }

  close(connection: number): void {
    this.#connections.delete(connection);
    this.#outputs.push({ type: "close", connection });
  }

  closeAll(): void {
    for (const connection of this.#connections.keys()) this.close(connection);
  }

  handleData(connection: number, bytes: Uint8Array, nowMs: number): void {
    const stream = this.#connections.get(connection)?.stream;
    if (stream) this.#handleEvents(connection, stream, stream.handleData(bytes, nowMs), nowMs);
  }

  handleTimeout(nowMs: number): void {
    for (const [connection, { stream }] of this.#connections) {
      this.#handleEvents(connection, stream, stream.handleTimeout(nowMs), nowMs);
    }
    const call = this.#call;
    call?.chat.handleTimeout(nowMs);
    if (call && nowMs >= (call.partingUntilMs ?? Infinity)) this.#endByPeer(call, "peer");
  }

  /** The other side closed the connection, or it broke. */
  handleEnd(connection: number, nowMs: number): void {
    const known = this.#connections.get(connection);
    if (!known) return;
    this.#handleEvents(connection, known.stream, known.stream.handleEnd(), nowMs);
    if (this.#over !== undefined || !this.#connections.has(connection)) return;
    const call = this.#call;
    if (call?.connection === connection && call.partingUntilMs !== undefined) {
      return this.#endByPeer(call, "busy");
    }
    this.close(connection);
    if (call?.connection === connection) {
      const line = `${call.chat.peer.id} disconnected without saying goodbye.`;
      this.#show(line, { event: "ended", by: "lost" });
      this.#over = "done";
      return;
    }
    if (call?.second === connection) delete call.second;
    if (this.#outgoing !== connection) return;
    this.#outgoing = undefined;
    const who = known.called ? `${known.called.id} ${hostPort(known.called)}` : "the peer";
    this.#outputs.push(
      failed("connection", `The connection to ${who} was closed; /chat calls again.`),
    );
  }

  /** Whether a peer has connected but not spoken. */
  #isSilent(connection: number): boolean {
    const { connection: first, second } = this.#call ?? {};
    return connection !== this.#outgoing && connection !== first && connection !== second;
  }

  #start(connection: number, peer: Contact, first: "write" | "read", nowMs: number): Call {
    const { stream, secured } = this.#connections.get(connection) ?? {};
    const opening = first === "write" && secured === undefined ? this.#style : "message";
    const style = stream?.style ?? opening;
    // Between two parleys it is settled already whether there are turns.
    const turn = secured?.isDuplex === true ? "duplex" : first;
    const duplex = secured === undefined && this.#duplex;
    const chat = new PeerChat(this.#self, peer, { turn, style, duplex });
    const call = { chat, connection, isUnconfirmed: first === "write" };
    this.#call = call;
    if (this.#outgoing !== connection) this.closeOutgoing();
    this.#emit(call, chat.handleStart(nowMs));
    return call;
  }

  #handleEvents(connection: number, stream: PeerStream, events: StreamEvent[], nowMs: number) {
    for (const event of events) {
      if (this.#over !== undefined || !this.#connections.has(connection)) return;
      const call = this.#call;
      if (call && (call.connection === connection || call.second === connection)) {
        this.#handleChatEvent(call, stream, event, nowMs);
      } else this.#handleFirstEvent(connection, stream, event, nowMs);
    }
  }

  /** The first event of a connection that was silent until now. */
  #handleFirstEvent(connection: number, stream: PeerStream, event: StreamEvent, nowMs: number) {
    const from = this.#senderOf(connection, event);
    if (event.type === "malformed" || event.type === "quit" || !from) {
      if (event.type === "malformed") this.#showRejected(malformed, nowMs);
      if (this.#outgoing === connection) this.#outgoing = undefined;
      return this.close(connection);
    }
    const call = this.#call;
    if (this.#isUnproved(connection, from)) return this.#refuseUnproved(connection, from, nowMs);
    if (!call) {
      this.#answer(connection, from, nowMs);
      if (this.#call) this.#handleChatEvent(this.#call, stream, event, nowMs);
      return;
    }
    if (call.isUnconfirmed && call.second === undefined && this.#isCalled(call, connection, from)) {
      call.second = connection;
      return this.#handleChatEvent(call, stream, event, nowMs);
    }
    this.#turnDown(connection, stream, from, nowMs);
  }

  /** Somebody calls us. */
  #answer(connection: number, from: Contact, nowMs: number): void {
    const line = `Incoming chat request from ${from.id} ${hostPort(from)}`;
    this.#show(line, { event: "chat", peer: from, by: "peer", ...this.#how(connection) });
    this.#start(connection, from, "read", nowMs);
  }

  #how(connection: number): { secured?: KeyState; path?: CallPath } {
    const secured = this.#connections.get(connection)?.secured;
    return secured === undefined ? {} : { secured: secured.state, path: secured.path };
  }

  /** Whether it calls itself somebody whose key we know, without having shown it. */
  #isUnproved(connection: number, { id }: Contact): boolean {
    return this.#connections.get(connection)?.secured === undefined && this.#isKeyKnown(id);
  }

  #refuseUnproved(connection: number, { id, ...at }: Contact, nowMs: number): void {
    const where = hostPort(at);
    const line = `Somebody at ${where} called as ${id} without the key that you know ${id} by, and was rejected.`;
    this.#showRejected(line, nowMs);
    if (this.#outgoing === connection) this.#outgoing = undefined;
    this.close(connection);
  }

  #showRejected(line: string, nowMs: number): void {
    const shown = this.#rejections.take(line, nowMs);
    if (shown !== undefined) this.#outputs.push(failed("connection", shown));
  }

  /**
   * The sender of `event`, at the socket's address: the address in the message is only a claim, and
   * of a protected connection it must be who has proved it.
   */
  #senderOf(connection: number, event: StreamEvent): Contact | undefined {
    const { address, called, secured } = this.#connections.get(connection) ?? {};
    const claimed = event.type === "text" || event.type === "opened" ? event.from : undefined;
    if (secured && claimed && fold(claimed.id) !== fold(secured.id)) return undefined;
    return claimed && address !== undefined ? { ...claimed, ip: address } : called;
  }

  /** Whether the sender is the peer that this side called and that called at the same time. */
  #isCalled(call: Call, connection: number, { id, ip, port }: Contact): boolean {
    const { peer } = call.chat;
    const proved = [call.connection, connection].map((at) => this.#connections.get(at)?.secured);
    if (proved.every((secured) => secured !== undefined)) return fold(id) === fold(peer.id);
    const address = this.#connections.get(call.connection)?.address ?? "";
    const isSameAddress = ip === address || (isLoopback(ip) && isLoopback(address));
    return fold(id) === fold(peer.id) && port === peer.port && isSameAddress;
  }

  #handleChatEvent(call: Call, stream: PeerStream, event: StreamEvent, nowMs: number): void {
    if (stream.style) call.chat.adoptStyle(stream.style);
    if (event.type === "malformed") {
      this.#show(malformed, { event: "ended", by: "malformed" });
      this.#over = "malformed";
      return;
    }
    if (event.type === "quit" || (event.type === "text" && isQuitText(event.text, stream))) {
      const isParting = call.partingUntilMs !== undefined;
      if (!isParting) this.#emit(call, call.chat.handlePeerLeft());
      if (isParting || !call.isUnconfirmed || event.type === "quit") {
        return this.#endByPeer(call, "peer");
      }
      call.partingUntilMs = nowMs + bareHoldMs;
      return;
    }
    call.isUnconfirmed = false;
    delete call.partingUntilMs;
    if (event.type === "text") this.#emit(call, call.chat.handleText(event.text, event.duplex));
  }

  #endByPeer(call: Call, by: "peer" | "busy"): void {
    this.#show(`${call.chat.peer.id} has ended the chat session.`, { event: "ended", by });
    this.#over = by === "busy" ? "refused" : "done";
  }

  /** Only one chat at a time: turns the caller down in its own style. */
  #turnDown(connection: number, stream: PeerStream, from: Contact, nowMs: number): void {
    if (stream.style !== "bare") {
      this.#outputs.push({ type: "send", connection, text: encodeChat(this.#self, quitText) });
    }
    this.close(connection);
    const line = `${from.id} ${hostPort(from)} called during this chat and was rejected.`;
    const shown = this.#rejections.take(line, nowMs);
    if (shown !== undefined) this.#show(shown, { event: "turned-down", peer: from });
  }

  #show(line: string | undefined, event: Extract<PeerOutput, { type: "show" }>["event"]): void {
    this.#outputs.push({ type: "show", line, event });
  }

  /** Queues a chat's output for its connection. */
  #emit({ connection }: Call, outputs: readonly ChatOutput[]): void {
    for (const output of outputs) {
      this.#outputs.push(output.type === "send" ? { ...output, connection } : output);
    }
  }
}

const crowded =
  `${limits.maxSilentCallers} callers are connected and silent: ` +
  "each new one disconnects the oldest.";

const malformed = "Malformed incoming message";

function isQuitText(text: string, stream: PeerStream): boolean {
  return stream.style === "message" && text.trim() === quitText;
}

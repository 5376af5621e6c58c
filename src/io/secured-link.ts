// A call between two parleys inside TLS: both ends prove their identity, then lines of the call and
// frames of files share the connection. A man in the middle has different channels, for which no
// signature is valid.

import type { ClientIdentity } from "../client/events.ts";
import { parseId } from "../cpp/codec.ts";
import { message as messageLimits, peer as limits } from "../limits.ts";
import { LineSplitter, tooLong } from "../line-splitter.ts";
import { decodeServer } from "../protocol/decode-server.ts";
import { encodeServer } from "../protocol/encode.ts";
import { FieldReader, parseObject } from "../protocol/field-reader.ts";
import type { OfferMessage } from "../protocol/messages.ts";
import { harmless } from "../text.ts";
import type { PathKind } from "../transfer/paths/path-finder.ts";
import { verifySignature } from "../tls/verify-signature.ts";
import {
  decodeHello,
  encodeHello,
  type PeerHello,
  peerProofText,
  type PeerRole,
} from "../trust/peer-hello.ts";
import type { CallWire, RelayedCall } from "./relayed-link.ts";

/** Messages about files, in both directions. */
export type LinkOffer = Extract<
  OfferMessage,
  { type: "offered" | "channel" | "passed" | "offer-ended" }
>;

export type SecuredLinkOptions = {
  readonly role: PeerRole;
  readonly link: CallWire;
  readonly identity: ClientIdentity;
  readonly id: string;
  /** The port this program listens on. */
  readonly port: number;
  readonly duplex: boolean;
  /** Whether the other end of a relayed call may learn this machine's addresses. */
  readonly isDirectAllowed: boolean;
  /** Whether the other end is the expected one, or may call; a sentence says why not. */
  judge(hello: PeerHello): Promise<string | undefined>;
  /** Both ends have identified each other. */
  onOpen(hello: PeerHello): void;
  /** The other end has announced a call. */
  onAnnounced(): void;
  /** Bytes of the call itself. */
  onData(bytes: Uint8Array): void;
  onOffer(message: LinkOffer): void;
  /** The path of a relayed call has changed; undefined: through the server. */
  onPath(path: PathKind | undefined): void;
  /**
   * The connection has closed. `problem`: why one end does not trust the other. `isFinal`: another
   * connection would not help, since the other end refuses, or somebody is in between.
   */
  onEnd(problem: string | undefined, isFinal: boolean): void;
};

const utf8 = new TextEncoder();

export class SecuredLink {
  readonly #options: SecuredLinkOptions;
  readonly #lines = new LineSplitter(messageLimits.maxLineBytes);
  #state: "waiting" | "judging" | "shown" | "open" | "over" = "waiting";
  /** The identity of the other end, once the link is open. */
  #hello: PeerHello | undefined;
  readonly #hurry: Timer;

  constructor(options: SecuredLinkOptions) {
    this.#options = options;
    this.#hurry = setTimeout(() => this.#end("it did not identify itself in time"), limits.proofMs);
    // The caller waits for the other end to identify itself first.
    if (options.role === "called") this.#showSelf();
  }

  /** The identity of the other end; undefined: not proved, or no longer connected. */
  get peer(): PeerHello | undefined {
    return this.#state === "open" ? this.#hello : undefined;
  }

  get waitingBytes(): number {
    return this.#options.link.waitingBytes;
  }

  get remoteAddress(): string {
    return this.#options.link.remoteAddress;
  }

  /** The call through the server that carries this link; undefined: it is direct. */
  get relayed(): Pick<RelayedCall, "relay" | "checkAlive"> | undefined {
    return this.#options.link.call;
  }

  get isDirectAllowed(): boolean {
    return this.#options.isDirectAllowed;
  }

  /** Sends bytes of the call. */
  send(text: string): void {
    if (this.#state === "open") this.#write({ type: "cpp", data: text });
  }

  /** Tells the other end that this is a call. */
  announce(): void {
    if (this.#state !== "open") return;
    this.#write({ type: "call" });
    this.#findPath();
  }

  offer(message: LinkOffer): void {
    if (this.#state === "open") this.#options.link.send(encodeServer(message));
  }

  pause(): void {
    this.#options.link.pause();
  }

  resume(): void {
    this.#options.link.resume();
  }

  /** Ends the connection once everything is sent. */
  end(): void {
    this.#close();
    this.#options.link.end();
  }

  cut(): void {
    this.#close();
    this.#options.link.cut();
  }

  receive(bytes: Uint8Array): void {
    if (this.#state === "over") return;
    const outcome = this.#lines.push(bytes, (line) => {
      this.#handleLine(line);
      return this.#state !== "over";
    });
    if (outcome === tooLong) this.#end("it sent too long a line");
  }

  /** The other side has closed the connection. */
  handleEnded(): void {
    if (this.#state === "over") return;
    const isOpen = this.#state === "open";
    this.#close();
    this.#options.link.end();
    // A caller that has reached this end in two ways leaves one of them.
    const isLeft = isOpen || this.#options.role === "called";
    const problem = isLeft ? undefined : "it ended the connection before identifying itself";
    this.#options.onEnd(problem, false);
  }

  #handleLine(line: string): void {
    switch (this.#state) {
      case "waiting":
        return this.#handleHello(decodeHello(line));
      case "shown":
        return this.#handleVerdict(line);
      case "open":
        return this.#handleMessage(line);
      default:
        return this.#end("it spoke out of turn");
    }
  }

  #handleHello(hello: PeerHello | undefined): void {
    const { role, link } = this.#options;
    if (hello === undefined || parseId(hello.id) !== hello.id) {
      return this.#end("it does not say who it is");
    }
    const other = role === "caller" ? "called" : "caller";
    const text = peerProofText(other, hello.id, link.channel ?? "");
    if (link.channel === undefined || !verifySignature(hello.key, text, hello.signature)) {
      return this.#end(
        "its signature is not for this connection: somebody may be in between",
        true,
      );
    }
    this.#state = "judging";
    void this.#judge(hello);
  }

  async #judge(hello: PeerHello): Promise<void> {
    const { role, judge } = this.#options;
    const problem = await judge(hello).catch((error: unknown) => String(error));
    if (this.#state !== "judging") return;
    if (problem !== undefined) {
      this.#write({ type: "refused" });
      return this.#end(problem);
    }
    this.#hello = hello;
    if (role === "called") {
      this.#write({ type: "accepted" });
      return this.#open();
    }
    this.#state = "shown";
    this.#showSelf();
  }

  #handleVerdict(line: string): void {
    const type = parseObject(line, { maxValues: 8 })?.["type"];
    if (type === "accepted") return this.#open();
    if (type !== "refused") return this.#end("it sent something other than an answer");
    this.#end("it knows you by another key, or not at all: compare your keys", true);
  }

  #handleMessage(line: string): void {
    const { onData, onAnnounced, onOffer } = this.#options;
    const fields = parseObject(line, { maxValues: limits.maxLineValues });
    if (fields?.["type"] === "paths") return this.#options.link.handlePathLine?.(line);
    if (fields?.["type"] === "call") {
      onAnnounced();
      return this.#findPath();
    }
    if (fields?.["type"] === "cpp") {
      const r = new FieldReader(fields);
      const data = r.text("data");
      if (r.problem !== undefined) return this.#end("it sent a line that is none");
      return onData(utf8.encode(data));
    }
    const message = decodeServer(line);
    switch (message.type) {
      case "offered":
      case "channel":
      case "passed":
      case "offer-ended":
        return onOffer(message);
      default:
      // From a newer parley: ignored.
    }
  }

  /** Only for a call: a connection that is none reveals no addresses. */
  #findPath(): void {
    const { link, onPath, isDirectAllowed } = this.#options;
    if (this.#state !== "open" || !isDirectAllowed) return;
    link.findPath?.({ sendLine: (line) => link.send(`${line}\n`), onPath });
  }

  #showSelf(): void {
    const { role, identity, id, port, duplex, link } = this.#options;
    const signature = identity.sign(peerProofText(role, id, link.channel ?? ""));
    link.send(encodeHello({ id, port, duplex, key: identity.key, signature }));
  }

  #open(): void {
    if (this.#hello === undefined) return;
    clearTimeout(this.#hurry);
    this.#state = "open";
    this.#options.onOpen(this.#hello);
  }

  #write(line: object): void {
    this.#options.link.send(`${JSON.stringify(line)}\n`);
  }

  #end(problem: string, isFinal = false): void {
    if (this.#state === "over") return;
    this.#close();
    this.#options.link.end();
    this.#options.onEnd(harmless(problem), isFinal);
  }

  #close(): void {
    this.#state = "over";
    clearTimeout(this.#hurry);
  }
}

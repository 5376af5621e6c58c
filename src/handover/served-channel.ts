// The sending half of one channel: serves the offered files to the other end until the channel is
// lost or everything has been confirmed. Knows neither offers nor codes.

import type { TokenBucket } from "../chat/rates/token-bucket.ts";
import { ParleyError } from "../errors.ts";
import { offers as limits } from "../limits.ts";
import { decodeClient } from "../protocol/decode-client.ts";
import { encodeServer } from "../protocol/encode.ts";
import type { Ref } from "../protocol/messages.ts";
import type { FileService } from "../server/files/file-service.ts";
import type { FileSession } from "../server/files/file-session.ts";
import { ownerAt } from "../share-owner.ts";
import type { Path } from "../transfer/paths/path-finder.ts";
import { Channel, type ChannelPeer, type FramePort } from "./channel.ts";
import { decodeReceipt, proofOf, type ReceiptLine } from "./channel-line.ts";
import type { DatagramSettings } from "./exchange.ts";
import type { OfferedFolder } from "./offered-folder.ts";
import { listLine } from "./offered-list.ts";
import { type LinkSocket, otherEnd } from "./paths/link-socket.ts";
import { decodePaths } from "./paths/paths-line.ts";
import { type LinkOptions, PersonLink } from "./paths/person-link.ts";

export interface ServedChannelOptions {
  readonly port: FramePort;
  /** Undefined: nothing is sealed. */
  readonly peer: ChannelPeer | undefined;
  readonly service: FileService<OfferedFolder>;
  /** Limits the rate of sending. */
  readonly pace: TokenBucket | undefined;
  /** Undefined: everything is sent in frames. */
  readonly datagrams:
    | (DatagramSettings & {
        /** How to join the server's relay. */
        readonly relay: LinkOptions["relay"];
        /** The socket of `service`. */
        readonly socket: LinkSocket;
        onPath(path: Path | undefined): void;
      })
    | undefined;
  /** The name of the other end in sentences. */
  readonly to: string;
  /**
   * The recipient's reports of progress; the last one only if it is proved to be the recipient's.
   */
  onReceipt(receipt: ReceiptLine): void;
  /** The other end violates the protocol, or requests the same data repeatedly. */
  onBroken(reason: ParleyError): void;
}

export class ServedChannel {
  readonly #options: ServedChannelOptions;
  readonly #channel: Channel;
  readonly #files: FileSession;
  /** Undefined until the recipient announces that it accepts datagrams. */
  #link: PersonLink | undefined;
  #isClosed = false;

  constructor(options: ServedChannelOptions) {
    const { port, peer, service, onBroken } = options;
    this.#options = options;
    this.#channel = new Channel(port, peer, "sender", {
      line: (text) => this.#handleLine(text),
      // The recipient has nothing to send.
      piece() {},
      broken: onBroken,
    });
    this.#files = service.session(
      // A user who sends their own files takes nothing away from others.
      { peer: { address: "", port: 0 }, owner: ownerAt("127.0.0.1") },
      {
        send: (message) => this.#channel.sendLine(encodeServer(message).trimEnd()),
        sendPiece: (piece) => {
          this.#options.pace?.charge(piece.bytes.length, performance.now());
          this.#channel.sendPiece(piece);
        },
        waitingBytes: () => this.#channel.waitingBytes,
        mustPause: () => (this.#options.pace?.waitMs(performance.now()) ?? 0) > 0,
        ...(peer === undefined ? {} : { exportKey: () => this.#channel.exported ?? noKey() }),
      },
    );
  }

  /** A frame has arrived. */
  receive(data: string): void {
    this.#channel.receive(data);
  }

  close(): void {
    this.#isClosed = true;
    if (this.#link !== undefined) this.#options.datagrams?.socket.use(undefined);
    this.#link?.close();
    this.#channel.close();
    this.#files.close();
  }

  #handleLine(text: string): void {
    if (decodePaths(text) !== undefined) return this.#handlePaths(text);
    const receipt = decodeReceipt(text);
    if (receipt !== undefined) return this.#handleReceipt(receipt);
    const message = decodeClient(text);
    this.#checkPatience();
    if (this.#isClosed) return;
    switch (message.type) {
      case "fetch":
      case "pull":
      case "fetched":
      case "tree":
        return this.#files.handle(message);
      case "files":
        return this.#list(message.after, message.ref);
      case "ping":
        return this.#channel.sendLine(JSON.stringify({ type: "pong", ref: message.ref }));
      default:
      // Not a request of a recipient.
    }
  }

  /** The recipient accepts datagrams: this end answers with its addresses. */
  #handlePaths(text: string): void {
    const { datagrams, service } = this.#options;
    if (datagrams === undefined || this.#isClosed) return;
    if (this.#link === undefined) {
      const channel = this.#channel;
      this.#link = new PersonLink({
        isRecipient: false,
        server: datagrams.server(),
        isDirectAllowed: datagrams.isDirectAllowed,
        relay: datagrams.relay,
        sendLine: (line) => channel.sendLine(line),
        exported: () => channel.exported,
        onSilence: datagrams.checkAlive,
        onPath: datagrams.onPath,
      });
      this.#link.attach({
        onDatagrams: (bytes) => this.#handleDatagrams(bytes),
        onWritable: () => service.wake(),
      });
      datagrams.socket.use(this.#link);
      void this.#link.start();
    }
    this.#link.handleLine(text);
  }

  #handleDatagrams(bytes: Uint8Array): void {
    this.#checkPatience();
    if (!this.#isClosed) this.#options.service.handleDatagrams(bytes, otherEnd);
  }

  #handleReceipt(receipt: ReceiptLine): void {
    const channel = this.#channel;
    const isProved =
      !channel.isSealed ||
      (receipt.type === "received" && receipt.proof === proofOf(channel.exported));
    // A server that replays data sealed for another channel can't know it.
    if (receipt.type === "progress" || isProved) this.#options.onReceipt(receipt);
  }

  /** A recipient that requests the same data repeatedly, or reads no answers, will not finish. */
  #checkPatience(): void {
    const { service, to, onBroken } = this.#options;
    const { bytes } = service.folder;
    const mostBytes = limits.resentTimes * bytes + limits.resentBytes;
    if (this.#channel.waitingBytes > limits.maxUnreadBytes) {
      onBroken(new ParleyError("stalled", `${to} keeps asking, but reads no answers: giving up.`));
    } else if (service.totals.sentBytes > mostBytes) {
      const sentence = `${to} keeps requesting what was already sent: giving up.`;
      onBroken(new ParleyError("stalled", sentence));
    }
  }

  #list(after: string | undefined, ref: Ref | undefined): void {
    const line = listLine(this.#options.service.folder.list, after);
    this.#channel.sendLine(JSON.stringify({ type: "files", ...line, ref }));
  }
}

function noKey(): never {
  throw new Error("A file was requested before there was a key");
}

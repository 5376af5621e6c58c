// The receiving half of one channel: a person's files as a source, the datagrams beside the
// channel, and what the sender learns of the progress. Knows neither offers nor codes.

import type { ParleyError } from "../errors.ts";
import type { Path } from "../transfer/paths/path-finder.ts";
import { Channel, type ChannelPeer, type FramePort } from "./channel.ts";
import { encodeReceipt, proofOf } from "./channel-line.ts";
import type { DatagramSettings } from "./exchange.ts";
import { type LinkOptions, PersonLink } from "./paths/person-link.ts";
import type { PersonSource } from "./person-source.ts";

export interface ReceivedChannelOptions {
  readonly port: FramePort;
  /** Undefined: nothing is sealed. */
  readonly peer: ChannelPeer | undefined;
  readonly source: PersonSource;
  /** Undefined: everything is sent in frames. */
  readonly datagrams: DatagramSettings | undefined;
  /** How to join the server's relay. */
  readonly relay: LinkOptions["relay"];
  onPath(path: Path | undefined): void;
  onBroken(reason: ParleyError): void;
}

/** `failed`: files that are not in place; `reason`: why the first of them is not. */
export type Receipt = { readonly files: number; readonly failed: number; readonly reason: string };

export class ReceivedChannel {
  readonly #channel: Channel;
  readonly #source: PersonSource;

  constructor(options: ReceivedChannelOptions) {
    const { port, peer, source, onBroken } = options;
    this.#source = source;
    this.#channel = new Channel(port, peer, "recipient", {
      line(text) {
        if (link?.handleLine(text) !== true) source.handleLine(text);
      },
      piece: (piece) => source.handlePiece(piece),
      broken: onBroken,
    });
    const link = this.#link(options);
    source.handleOpened(this.#channel, link);
    void link?.start();
  }

  /** A frame has arrived. */
  receive(data: string): void {
    this.#channel.receive(data);
  }

  /** Bytes that are verified. */
  tellProgress(bytes: number): void {
    this.#channel.sendLine(encodeReceipt({ type: "progress", bytes }));
  }

  /** Tells the sender what is in place, as soon as that can be proved. */
  tellReceived(receipt: Receipt): void {
    const channel = this.#channel;
    const say = (): void => {
      const proof = proofOf(channel.exported);
      channel.sendLine(encodeReceipt({ type: "received", ...receipt, proof }));
    };
    if (!channel.isSealed || channel.exported !== undefined) return say();
    channel.whenKeyed(say);
  }

  close(): void {
    this.#channel.close();
    this.#source.handleClosed();
  }

  #link({ datagrams, relay, source, onPath }: ReceivedChannelOptions): PersonLink | undefined {
    if (datagrams === undefined) return undefined;
    const channel = this.#channel;
    return new PersonLink({
      isRecipient: true,
      server: datagrams.server(),
      isDirectAllowed: datagrams.isDirectAllowed,
      relay,
      sendLine: (line) => channel.sendLine(line),
      exported: () => channel.exported,
      onSilence: datagrams.checkAlive,
      onPath(path) {
        onPath(path);
        source.handlePath();
      },
    });
  }
}

// The interface between offers (in both directions) and the session they are made in, and the
// content of a sealed offer (docs/transfer.md, "From person to person").

import type { NativeSession } from "../client/events.ts";
import type { PrivateMessages } from "../client/private-messages.ts";
import { offers as limits } from "../limits.ts";
import type { OfferSummary } from "../protocol/messages.ts";
import { FieldReader, parseObject } from "../protocol/field-reader.ts";
import type { ChannelSealer } from "../tls/channel-sealer.ts";
import type { FramePort } from "./channel.ts";

export interface Exchange {
  readonly session: Pick<NativeSession, "name" | "online" | "request" | "pass" | "endOffer">;
  /** Carries out the session's outputs. */
  applyOutputs(): void;
  /**
   * Continues at another server of the same parley, `HOST:PORT`; false, or undefined: impossible.
   */
  moveTo?(server: string): boolean;
  /** Knows the users' keys. Undefined: nothing is sealed. */
  readonly mail: Pick<PrivateMessages, "sealOffer" | "openOffer"> | undefined;
  readonly sealer: ChannelSealer | undefined;
  port(offer: string, channel: number): FramePort;
  /** The connection that carries frames; undefined: one to a server. */
  readonly frames?: "call";
  /** How datagrams may be sent between the two ends; undefined: not at all. */
  readonly datagrams?: DatagramSettings | undefined;
  /**
   * Calls back whenever the connection has accepted everything; returns a function that stops this.
   */
  onDrained(listener: () => void): () => void;
}

export interface DatagramSettings {
  /** The server's numeric address; empty: not connected. */
  server(): string;
  /** Whether the other end of a channel may learn our addresses, and we may try its addresses. */
  readonly isDirectAllowed: boolean;
  /** Datagrams have stopped: the network may have changed, and the connection may be dead. */
  checkAlive(): void;
}

/** Binds sealed data to one channel of one offer. */
export function channelInfo(offer: string, channel: number): Uint8Array {
  return new TextEncoder().encode(`parley file channel\0${offer}\0${channel}`);
}

export function encodeContent(offer: string, summary: OfferSummary): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ offer, ...summary }));
}

/** Undefined: not a valid content of that offer. */
export function decodeContent(offer: string, content: Uint8Array): OfferSummary | undefined {
  const fields = parseObject(new TextDecoder().decode(content), { maxValues: 64 });
  if (fields === undefined || fields["offer"] !== offer) return undefined;
  const r = new FieldReader(fields);
  const summary = {
    files: r.count("files"),
    folders: r.optionalCount("folders"),
    bytes: r.count("bytes"),
    names: r.texts("names"),
  };
  return r.problem === undefined && summary.names.length <= limits.shownNames ? summary : undefined;
}

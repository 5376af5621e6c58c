// What offers of both directions need of the session they are made in, and what is inside a sealed
// offer (docs/transfer.md, "From person to person").

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
  /** Goes on at another server of the same parley, `HOST:PORT`; false, or undefined: it can't. */
  moveTo?(server: string): boolean;
  /** Knows whose keys are whose. Undefined: nothing is sealed. */
  readonly mail: Pick<PrivateMessages, "sealOffer" | "openOffer"> | undefined;
  readonly sealer: ChannelSealer | undefined;
  port(offer: string, channel: number): FramePort;
  /** What the frames go over; undefined: a server. */
  readonly frames?: "call";
  /** How datagrams may go from one to the other; undefined: they can't. */
  readonly datagrams?: DatagramSettings | undefined;
  /** Calls back whenever the connection has taken everything; returns what ends that. */
  onDrained(listener: () => void): () => void;
}

export interface DatagramSettings {
  /** The server's numeric address; empty: not connected. */
  server(): string;
  /** The other end of a channel may know our addresses, and we try its own. */
  readonly isDirectAllowed: boolean;
  /** Datagrams have stopped: the network may be another one, and the connection dead. */
  checkAlive(): void;
}

/** Binds what is sealed to one channel of one offer. */
export function channelInfo(offer: string, channel: number): Uint8Array {
  return new TextEncoder().encode(`parley file channel\0${offer}\0${channel}`);
}

export function encodeContent(offer: string, summary: OfferSummary): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ offer, ...summary }));
}

/** Undefined: it is not what is inside that offer. */
export function decodeContent(offer: string, content: Uint8Array): OfferSummary | undefined {
  const fields = parseObject(new TextDecoder().decode(content), { maxValues: 64 });
  if (fields === undefined || fields["offer"] !== offer) return undefined;
  const r = new FieldReader(fields);
  const summary = { files: r.count("files"), bytes: r.count("bytes"), names: r.texts("names") };
  return r.problem === undefined && summary.names.length <= limits.shownNames ? summary : undefined;
}

// What two parleys show each other at the beginning of a protected call (docs/dialects.md, "Between
// two parleys"): who they are, signed for one TLS channel and one end of it. Pure; signing happens
// elsewhere.

import { FieldReader, parseObject } from "../protocol/field-reader.ts";
import { publicKeyForm, signatureForm } from "./login-proof.ts";

export type PeerRole = "caller" | "called";

export type PeerHello = {
  readonly id: string;
  /** Where its program listens. */
  readonly port: number;
  /** It wants no turns. */
  readonly duplex: boolean;
  /** Ed25519, in base64url, and its signature. */
  readonly key: string;
  readonly signature: string;
};

/** The text to sign, as UTF-8. No part has a NUL, so it can be read in one way only. */
export function peerProofText(role: PeerRole, id: string, channel: string): string {
  return `parley peer\0${role}\0${id}\0${channel}`;
}

export function encodeHello(hello: PeerHello): string {
  return `${JSON.stringify({ type: "peer", ...hello })}\n`;
}

/** Undefined: it is none. */
export function decodeHello(line: string): PeerHello | undefined {
  const fields = parseObject(line, { maxValues: 16 });
  if (fields?.["type"] !== "peer") return undefined;
  const r = new FieldReader(fields);
  const key = r.pattern("key", publicKeyForm, "a key");
  const hello = {
    id: r.text("id"),
    port: r.count("port", 1),
    duplex: r.flag("duplex"),
    key,
    signature: r.pattern("signature", signatureForm, "a signature"),
  };
  return r.problem === undefined && hello.port <= 65_535 ? hello : undefined;
}

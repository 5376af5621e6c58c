// Creates a P-256 key and a self-signed certificate for it (RFC 5280). Knows nothing about files.

import {
  type BaseBlock,
  BitString,
  Boolean,
  Constructed,
  fromBER,
  GeneralizedTime,
  Integer,
  ObjectIdentifier,
  OctetString,
  Primitive,
  Sequence,
  Set,
  Utf8String,
  UTCTime,
} from "asn1js";
import { generateKeyPair, sign } from "node:crypto";
import { promisify } from "node:util";
import { secretBytes } from "../secrets.ts";

/** PEM (RFC 7468): the key as PKCS #8, and its certificate. */
export type KeyPair = { readonly key: string; readonly cert: string };

const commonName = "2.5.4.3";
const basicConstraints = "2.5.29.19";
const subjectAltName = "2.5.29.17";
const ecdsaWithSha256 = sequence(oid("1.2.840.10045.4.3.2"));
/** RFC 5280 §4.1.2.5: no well-defined expiration date. Clients only check the key. */
const never = new Date("9999-12-31T23:59:59Z");
/** For clients whose clocks are behind. */
const backdatedMs = 24 * 3600 * 1000;

/**
 * The certificate names no machine: a stranger learns only that a parley server is here. `nowMs`:
 * Unix time.
 */
export async function createKeyPair(nowMs: number): Promise<KeyPair> {
  const keys = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
  const name = sequence(
    new Set({ value: [sequence(oid(commonName), new Utf8String({ value: "parley" }))] }),
  );
  const publicKey = new Uint8Array(keys.publicKey.export({ type: "spki", format: "der" }));
  const toSign = sequence(
    tagged(0, new Integer({ value: 2 })),
    new Integer({ valueHex: serialNumber() }),
    ecdsaWithSha256,
    name,
    sequence(time(new Date(nowMs - backdatedMs)), time(never)),
    name,
    fromBER(publicKey).result,
    tagged(3, extensions()),
  );
  const signature = sign("sha256", der(toSign), keys.privateKey);
  const certificate = sequence(toSign, ecdsaWithSha256, new BitString({ valueHex: signature }));
  return {
    key: pem("PRIVATE KEY", keys.privateKey.export({ type: "pkcs8", format: "der" })),
    cert: pem("CERTIFICATE", der(certificate)),
  };
}

function extensions(): Sequence {
  const hosts = ["parley", "localhost"].map(dnsName);
  return sequence(
    // Omitted fields have their defaults: not a CA.
    extension(basicConstraints, new Boolean({ value: true }), sequence()),
    extension(subjectAltName, sequence(...hosts)),
  );
}

/** `parts`: the critical flag, if critical, and the value. */
function extension(id: string, ...parts: readonly BaseBlock[]): Sequence {
  const value = new OctetString({ valueHex: der(parts.at(-1)!) });
  return sequence(oid(id), ...parts.slice(0, -1), value);
}

/** The second choice of a GeneralName (§4.2.1.6). */
function dnsName(host: string): Primitive {
  const valueHex = new TextEncoder().encode(host);
  return new Primitive({ idBlock: { tagClass: 3, tagNumber: 2 }, valueHex });
}

function sequence(...value: readonly BaseBlock[]): Sequence {
  return new Sequence({ value: [...value] });
}

function oid(value: string): ObjectIdentifier {
  return new ObjectIdentifier({ value });
}

function tagged(tagNumber: number, value: BaseBlock): Constructed {
  return new Constructed({ idBlock: { tagClass: 3, tagNumber }, value: [value] });
}

/** In whole seconds, in the form that §4.1.2.5 requires for that year. */
function time(at: Date): UTCTime | GeneralizedTime {
  const valueDate = new Date(Math.floor(at.getTime() / 1000) * 1000);
  const isShort = valueDate.getUTCFullYear() < 2050;
  return isShort ? new UTCTime({ valueDate }) : new GeneralizedTime({ valueDate });
}

function der(block: BaseBlock): Uint8Array {
  return new Uint8Array(block.toBER());
}

/** Positive, and of constant length. */
function serialNumber(): Uint8Array {
  const bytes = secretBytes(16);
  return bytes.with(0, (bytes[0]! & 0x7f) | 0x40);
}

function pem(label: string, bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("base64");
  const lines = text.match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

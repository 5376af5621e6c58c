// Makes a P-256 key and a self-signed certificate for it (RFC 5280). Knows nothing of files.

import { generateKeyPair, sign } from "node:crypto";
import { promisify } from "node:util";
import { secretBytes } from "../secrets.ts";
import {
  bitString,
  explicit,
  implicitText,
  integer,
  octetString,
  oid,
  sequence,
  set,
  time,
  utf8,
  yes,
} from "./der.ts";

/** PEM (RFC 7468): the key as PKCS #8, and its certificate. */
export type KeyPair = { readonly key: string; readonly cert: string };

const commonName = oid("2.5.4.3");
const basicConstraints = oid("2.5.29.19");
const subjectAltName = oid("2.5.29.17");
const ecdsaWithSha256 = sequence(oid("1.2.840.10045.4.3.2"));
/** RFC 5280 §4.1.2.5: no well-defined expiration date. Clients go by the key alone. */
const never = new Date("9999-12-31T23:59:59Z");
/** For clients whose clock is behind. */
const backdatedMs = 24 * 3600 * 1000;
/** Of a dNSName among a GeneralName's choices. */
const dnsName = 2;

/**
 * Names no machine: what a stranger can read tells only that a parley is here.
 * `nowMs`: Unix time.
 */
export async function createKeyPair(nowMs: number): Promise<KeyPair> {
  const keys = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
  const name = sequence(set(sequence(commonName, utf8("parley"))));
  const alternatives = ["parley", "localhost"].map((host) => implicitText(dnsName, host));
  // A basic constraint that is left out says what it would say by default: no authority.
  const extensions = sequence(
    sequence(basicConstraints, yes(), octetString(sequence())),
    sequence(subjectAltName, octetString(sequence(...alternatives))),
  );
  const version3 = integer(Uint8Array.of(2));
  const toSign = sequence(
    explicit(0, version3),
    integer(serialNumber()),
    ecdsaWithSha256,
    name,
    sequence(time(new Date(nowMs - backdatedMs)), time(never)),
    name,
    new Uint8Array(keys.publicKey.export({ type: "spki", format: "der" })),
    explicit(3, extensions),
  );
  const signature = bitString(sign("sha256", toSign, keys.privateKey));
  return {
    key: pem("PRIVATE KEY", keys.privateKey.export({ type: "pkcs8", format: "der" })),
    cert: pem("CERTIFICATE", sequence(toSign, ecdsaWithSha256, signature)),
  };
}

/** Not zero, and of one length. */
function serialNumber(): Uint8Array {
  const bytes = secretBytes(16);
  return bytes.with(0, (bytes[0]! & 0x7f) | 0x40);
}

function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

// Makes a P-256 key and a self-signed certificate for it. Slow to load, so imported only when a
// server has no key yet. Knows nothing of files.

import * as asn1 from "asn1js";
import * as pki from "pkijs";
import { secretBytes } from "../secrets.ts";

/** PEM (RFC 7468): the key as PKCS #8, and its certificate. */
export type KeyPair = { readonly key: string; readonly cert: string };

const algorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
const commonName = "2.5.4.3";
const basicConstraints = "2.5.29.19";
const subjectAltName = "2.5.29.17";
/** RFC 5280 §4.1.2.5: no well-defined expiration date. Clients go by the key alone. */
const never = new Date("9999-12-31T23:59:59Z");
/** For clients whose clock is behind. */
const backdatedMs = 24 * 3600 * 1000;

/**
 * Names no machine: what a stranger can read tells only that a parley is here.
 * `nowMs`: Unix time.
 */
export async function createKeyPair(nowMs: number): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = new pki.Certificate();
  certificate.version = 2;
  certificate.serialNumber = new asn1.Integer({ valueHex: serialNumber() });
  const name = new pki.AttributeTypeAndValue({
    type: commonName,
    value: new asn1.Utf8String({ value: "parley" }),
  });
  certificate.issuer.typesAndValues.push(name);
  certificate.subject.typesAndValues.push(name);
  certificate.notBefore.value = new Date(nowMs - backdatedMs);
  certificate.notAfter.value = never;
  certificate.notAfter.type = pki.TimeType.GeneralizedTime;
  const alternatives = new pki.GeneralNames({
    names: ["parley", "localhost"].map((value) => new pki.GeneralName({ type: 2, value })),
  });
  certificate.extensions = [
    extension(basicConstraints, new pki.BasicConstraints({ cA: false }).toSchema(), true),
    extension(subjectAltName, alternatives.toSchema(), false),
  ];
  await certificate.subjectPublicKeyInfo.importKey(keys.publicKey);
  await certificate.sign(keys.privateKey, "SHA-256");
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    key: pem("PRIVATE KEY", key),
    cert: pem("CERTIFICATE", certificate.toSchema(true).toBER(false)),
  };
}

function extension(extnID: string, value: asn1.BaseBlock, critical: boolean): pki.Extension {
  return new pki.Extension({ extnID, critical, extnValue: value.toBER(false) });
}

/** Positive and without a leading zero (X.690 §8.3.2). */
function serialNumber(): ArrayBuffer {
  const bytes = new Uint8Array(16);
  bytes.set(secretBytes(16));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.buffer;
}

function pem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

// Sealing with HPKE: the library against the published vector, and our use of it against an
// attacker who has the box and neither of the keys.

import { describe, expect, test } from "bun:test";
import { Aes128Gcm, Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { ed25519 } from "@noble/curves/ed25519.js";
import { generateKeyPairSync } from "node:crypto";
import { DeviceKeys } from "../../src/tls/device-keys.ts";
import { sealerOf } from "../../src/tls/message-sealer.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const bytes = (text: string) => new TextEncoder().encode(text);

/** RFC 9180, appendix A.1.3: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, Auth mode. */
const vector = {
  info: "4f6465206f6e2061204772656369616e2055726e",
  skRm: "fdea67cf831f1ca98d8e27b1f6abeb5b7745e9d35348b80fa407ff6958f9137e",
  pkSm: "8b0c70873dc5aecb7f9ee4e62406a397b350e57012be45cf53b7105ae731790b",
  enc: "23fb952571a14a25e3d678140cd0e5eb47a0961bb18afcf85896e5453c312e76",
  aad: "436f756e742d30",
  ct: "5fd92cc9d46dbf8943e72a07e42f363ed5f721212cd90bcfd072bfd9f44e06b80fd17824947496e21b680c141b",
  pt: "4265617574792069732074727574682c20747275746820626561757479",
};

test("the library opens the box of RFC 9180", async () => {
  const suite = new CipherSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes128Gcm(),
  });
  const params = {
    recipientKey: await suite.kem.importKey("raw", hex(vector.skRm).buffer, false),
    senderPublicKey: await suite.kem.importKey("raw", hex(vector.pkSm).buffer, true),
    enc: hex(vector.enc).buffer,
    info: hex(vector.info),
  };
  const opened = await suite.open(params, hex(vector.ct), hex(vector.aad));
  expect(Buffer.from(opened).toString("hex")).toBe(vector.pt);
});

/** A device with its own key. */
function device() {
  const { d, x } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  const seed = Buffer.from(d ?? "", "base64url");
  return { key: x ?? "", seed, sealer: sealerOf(new DeviceKeys(seed)) };
}

const [ann, bob, eve] = [device(), device(), device()];
const open = (box: string, from = ann, context = "Ann to Bob", by = bob) =>
  by.sealer.open(box, from.key, context);

test("only the recipient opens it, only as from the sender, only in its context", async () => {
  const box = await ann.sealer.seal(bytes("psst"), bob.key, "Ann to Bob");
  expect(await open(box)).toEqual(bytes("psst"));
  expect(await open(box, eve)).toBeUndefined();
  expect(await open(box, bob)).toBeUndefined();
  expect(await open(box, ann, "Ann to Cal")).toBeUndefined();
  expect(await open(box, ann, "Ann to Bob", eve)).toBeUndefined();
  // Sent back to its sender.
  expect(await open(box, ann, "Ann to Bob", ann)).toBeUndefined();
  expect(await open(box, bob, "Ann to Bob", ann)).toBeUndefined();
  // The same text sealed twice looks different.
  expect(await ann.sealer.seal(bytes("psst"), bob.key, "Ann to Bob")).not.toBe(box);
});

test("a box that is cut, lengthened or changed anywhere does not open", async () => {
  const box = await ann.sealer.seal(bytes("hi"), bob.key, "Ann to Bob");
  const whole = Buffer.from(box, "base64url");
  for (let length = 0; length < whole.length; length += 3) {
    expect(await open(whole.subarray(0, length).toString("base64url"))).toBeUndefined();
  }
  expect(await open(`${box}AAAA`)).toBeUndefined();
  for (let at = 0; at < whole.length; at++) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect({ at, opened: await open(changed.toString("base64url")) }).toEqual({
      at,
      opened: undefined,
    });
  }
});

test("the suite is the documented one", async () => {
  const suite = new CipherSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  });
  const montgomery = (key: Uint8Array, isPublic: boolean) =>
    suite.kem.importKey("raw", Uint8Array.from(key).buffer, isPublic);
  const box = Buffer.from(await ann.sealer.seal(bytes("psst"), bob.key, "context"), "base64url");
  const annKey = Buffer.from(ann.key, "base64url");
  const params = {
    recipientKey: await montgomery(ed25519.utils.toMontgomerySecret(bob.seed), false),
    senderPublicKey: await montgomery(ed25519.utils.toMontgomery(annKey), true),
    enc: Uint8Array.from(box.subarray(0, 32)).buffer,
    info: bytes("context"),
  };
  const opened = await suite.open(params, Uint8Array.from(box.subarray(32)));
  expect(new Uint8Array(opened)).toEqual(bytes("psst"));
});

describe("invalid keys", () => {
  test.each([
    ["zero", "00".repeat(32)],
    ["one, of order 1", `01${"00".repeat(31)}`],
    ["minus one, of order 2", `ec${"ff".repeat(30)}7f`],
    ["a point of order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"],
    ["no point", `02${"00".repeat(31)}`],
    ["too short", "01"],
  ])("is refused: %s", async (_, key) => {
    const other = Buffer.from(key, "hex").toString("base64url");
    const sealed = ann.sealer.seal(bytes("psst"), other, "context");
    expect(
      await sealed.then(
        () => "sealed",
        () => "refused",
      ),
    ).toBe("refused");
    const box = await ann.sealer.seal(bytes("psst"), bob.key, "context");
    expect(await bob.sealer.open(box, other, "context")).toBeUndefined();
  });
});

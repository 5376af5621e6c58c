// Devices that vouch for each other: what is signed, how far trust extends, and codes in users'
// spelling.

import { describe, expect, test } from "bun:test";
import { generateKeyPairSync, sign } from "node:crypto";
import { DeviceLinks } from "../../src/client/device-links.ts";
import { deviceLinks as limits } from "../../src/limits.ts";
import { authenticate, newLinkSecret } from "../../src/tls/link-secret.ts";
import { verifySignature } from "../../src/tls/verify-signature.ts";
import type { OwnDeviceNews } from "../../src/trust/own-devices.ts";
import {
  areVouched,
  backText,
  linkProofForm,
  readLinkCode,
  readVouch,
  type Vouch,
  vouchRecord,
  vouchText,
  writeLinkCode,
} from "../../src/trust/device-vouch.ts";

class Device {
  readonly #pair = generateKeyPairSync("ed25519");
  readonly key = this.#pair.publicKey.export({ format: "jwk" }).x ?? "";
  readonly authenticate = authenticate;
  readonly newLinkSecret = newLinkSecret;
  readonly sign = (text: string): string =>
    sign(null, Buffer.from(text), this.#pair.privateKey).toString("base64url");
  readonly now = (): number => 5_000;
  /** What it has remembered: `NAME NEWS`. */
  readonly known: string[] = [];
  readonly remember = (name: string, news: OwnDeviceNews): void =>
    void this.known.push(`${name} ${JSON.stringify(news)}`);
  readonly links = new DeviceLinks(this);

  vouch(key: string, name = "Ann"): Vouch {
    return { key, by: this.key, signature: this.sign(vouchText(name, key)) };
  }
}

const [desk, phone, tablet, thief] = [new Device(), new Device(), new Device(), new Device()];

function accepts(known: Device[], now: Device[], vouches: Vouch[], name = "ann"): boolean {
  const [before, keys] = [known, now].map((devices) => devices.map(({ key }) => key));
  return areVouched(name, before ?? [], keys ?? [], vouches, verifySignature);
}

describe("a new key is accepted", () => {
  test("if a known device vouches for it, directly or through others", () => {
    const chain = [phone.vouch(tablet.key), desk.vouch(phone.key)];
    expect(accepts([desk], [desk, phone], [desk.vouch(phone.key)])).toBe(true);
    expect(accepts([desk], [desk, phone, tablet], chain)).toBe(true);
    expect(accepts([desk], [desk], [])).toBe(true);
  });

  test("and not otherwise", () => {
    expect(accepts([desk], [desk, thief], [])).toBe(false);
    expect(accepts([desk], [desk, thief], [thief.vouch(thief.key)])).toBe(false);
    // Two devices that know only each other.
    const each = [thief.vouch(phone.key), phone.vouch(thief.key)];
    expect(accepts([desk], [desk, phone, thief], each)).toBe(false);
    // One of several.
    expect(accepts([desk], [desk, phone, thief], [desk.vouch(phone.key)])).toBe(false);
    // For another user's name, or another key.
    expect(accepts([desk], [desk, phone], [desk.vouch(phone.key, "Bob")])).toBe(false);
    const moved = { ...desk.vouch(phone.key), key: thief.key };
    expect(accepts([desk], [desk, thief], [moved])).toBe(false);
    const cut = { ...desk.vouch(phone.key), signature: "x" };
    expect(accepts([desk], [desk, phone], [cut])).toBe(false);
  });
});

describe("a code", () => {
  test("contains a secret that the server does not see", () => {
    const shown = desk.links.show("abcde-fghjk");
    expect(shown).toMatch(/^abcde-fghjk(-[0-9a-z]{5}){3}$/);
    const request = phone.links.join(shown.toUpperCase().replaceAll("-", " "), "phone");
    expect(request).toMatchObject({ type: "link", code: "abcdefghjk", label: "phone" });
    expect(request.proof).toMatch(linkProofForm);
    const change = { type: "account-changed", change: "device-added", device: "phone" } as const;
    const { proof } = request;
    // The server names another key, or invents a proof.
    const swapped = { ...change, key: thief.key, proof };
    expect(desk.links.vouchFor("Ann", swapped)).toBeUndefined();
    expect(desk.links.vouchFor("Ann", { ...change, key: phone.key })).toBeUndefined();
    expect(tablet.links.vouchFor("Ann", { ...change, key: phone.key, proof })).toBeUndefined();
    const vouch = desk.links.vouchFor("Ann", { ...change, key: phone.key, proof });
    const both = { signature: expect.any(String), proof: expect.stringMatching(linkProofForm) };
    expect(vouch).toEqual({ type: "vouch", key: phone.key, ...both });
    const { signature = "", proof: back = "" } = vouch ?? {};
    // Each device remembers the other one, or how to recognize it.
    expect(desk.known).toEqual([`Ann {"key":"${phone.key}"}`]);
    phone.links.handleLinked("Ann");
    phone.links.handleLinked("Ann");
    expect(phone.known).toHaveLength(1);
    const { secret = "", until } = JSON.parse((phone.known[0] ?? "").slice("Ann ".length));
    expect(until).toBe(5_000 + limits.proofMs);
    expect(back).toBe(authenticate(secret, backText(desk.key, phone.key)));
    expect(back).not.toBe(proof);
    expect(accepts([desk], [desk, phone], [{ key: phone.key, by: desk.key, signature }])).toBe(
      true,
    );
    // Only once.
    expect(desk.links.vouchFor("Ann", { ...change, key: phone.key, proof })).toBeUndefined();
  });

  test("is read as typed, and unchanged without a secret", () => {
    const secret = newLinkSecret();
    expect(secret).toMatch(/^[0-9a-hjkmnp-tv-z]{15}$/);
    const code = writeLinkCode("01234-56789", secret);
    expect(readLinkCode(` ${code.replaceAll("0", "O").replaceAll("1", "l")} `)).toEqual({
      code: "0123456789",
      secret,
    });
    expect(readLinkCode("abcde-fghjk")).toEqual({ code: "abcde-fghjk", secret: undefined });
    expect(new DeviceLinks(undefined).show("abcde-fghjk")).toBe("abcde-fghjk");
    expect(new DeviceLinks(undefined).join(code, "page").proof).toBeUndefined();
  });
});

test("a vouch survives a round trip as text, and anything else is invalid", () => {
  const vouch = desk.vouch(phone.key);
  expect(readVouch(phone.key, vouchRecord(vouch))).toEqual(vouch);
  const proved = { ...vouch, proof: authenticate("secret", "text") };
  expect(readVouch(phone.key, vouchRecord(proved))).toEqual(proved);
  for (const text of ["", ":", "x:y", vouch.by, `${vouch.by}:`]) {
    expect(readVouch(phone.key, text)).toBeUndefined();
  }
});

// Users with keys, for hubs in tests: they answer the server's challenge like real clients.

import { loginProofText } from "../../src/trust/login-proof.ts";
import { type Client, native, type Rig } from "./rig.ts";
import { fakeSignature } from "./fake-credentials.ts";

/** The public key of a device. */
export function keyOf(device: string): string {
  return new Bun.CryptoHasher("sha256").update(device).digest("base64url");
}

/** A connection that has sent hello under that name with the device's key, and proved it. */
export function withKey(
  rig: Rig,
  name: string,
  device: string,
  extra: object = {},
  address?: string,
): Client {
  const key = keyOf(device);
  const client = rig.client(native, true, address);
  const hello = { type: "hello", version: 2, name, secret: `${device}-0123456789abcdef` };
  client.send({ ...hello, identity: { key }, ...extra });
  const [challenge] = client.lines();
  if (challenge?.["type"] !== "challenge") throw new Error("No challenge came");
  const nonce = String(challenge["nonce"]);
  const signature = fakeSignature(key, loginProofText({ name, nonce }));
  return client.send({ type: "prove", signature });
}

/** The same, with the name registered. */
export function owner(rig: Rig, name: string, device: string, extra: object = {}): Client {
  const client = withKey(rig, name, device, extra).send({
    type: "register",
    label: device,
    ref: "r",
  });
  const answer = client.lines().find(({ ref }) => ref === "r");
  if (answer?.["type"] !== "registered") throw new Error(`Not registered: ${answer?.["message"]}`);
  return client;
}

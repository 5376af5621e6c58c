// Two devices of one person: the one that is in shows a code with a secret of its own, the one that
// joins proves with it which key it has, and the first then vouches for that key. Pure.

import { linkText, readLinkCode, vouchText, writeLinkCode } from "../trust/device-vouch.ts";
import type { AccountRequest, SessionEvent, VouchRequest } from "./events.ts";

/** What this device does with its key and with secrets. */
export type LinkingDevice = {
  key: string;
  sign: (text: string) => string;
  /** HMAC-SHA256 in base64url. */
  authenticate: (secret: string, text: string) => string;
  newLinkSecret: () => string;
};

export class DeviceLinks {
  readonly #device: LinkingDevice | undefined;
  /** That of the last code, until a device has used it. */
  #secret: string | undefined;

  /** Undefined: this device has no key, and only passes codes on. */
  constructor(device: LinkingDevice | undefined) {
    this.#device = device;
  }

  /** The code to show for one that the server has made. */
  show(code: string): string {
    if (this.#device === undefined) return code;
    this.#secret = this.#device.newLinkSecret();
    return writeLinkCode(code, this.#secret);
  }

  /** The request for a code that was typed on the device that joins. */
  join(typed: string, label: string): Extract<AccountRequest, { type: "link" }> {
    const { code, secret } = readLinkCode(typed);
    const device = this.#device;
    const hasProof = device !== undefined && secret !== undefined;
    const proof = hasProof ? device.authenticate(secret, linkText(device.key)) : undefined;
    return { type: "link", code, label, ...(proof !== undefined && { proof }) };
  }

  /** What to send when a device has joined: undefined if it is not the one that the code was for. */
  vouchFor(
    name: string,
    { change, key, proof }: Extract<SessionEvent, { type: "account-changed" }>,
  ): VouchRequest | undefined {
    const secret = this.#secret;
    const device = this.#device;
    if (change !== "device-added" || device === undefined || secret === undefined) return undefined;
    if (key === undefined || proof !== device.authenticate(secret, linkText(key))) return undefined;
    this.#secret = undefined;
    return { type: "vouch", key, signature: device.sign(vouchText(name, key)) };
  }
}

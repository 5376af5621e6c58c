// Links two devices of one person: the existing device shows a code that contains a secret, the new
// one proves with that secret which key it holds, and the existing device then vouches for the key,
// and proves its own in return. Pure.

import { deviceLinks as limits } from "../limits.ts";
import {
  backText,
  linkText,
  readLinkCode,
  vouchText,
  writeLinkCode,
} from "../trust/device-vouch.ts";
import type { OwnDeviceNews } from "../trust/own-devices.ts";
import type { AccountRequest, SessionEvent, VouchRequest } from "./events.ts";

/** The operations of this device on its key and on secrets. */
export type LinkingDevice = {
  key: string;
  sign: (text: string) => string;
  /** HMAC-SHA256 in base64url. */
  authenticate: (secret: string, text: string) => string;
  newLinkSecret: () => string;
  /** Remembers another device of the owner of `name`, or the secret of a code. */
  remember: (name: string, news: OwnDeviceNews) => void;
  /** Unix milliseconds. */
  now: () => number;
};

export class DeviceLinks {
  readonly #device: LinkingDevice | undefined;
  /** The secret of the last code, until a device has used it. */
  #secret: string | undefined;
  /** The secret of the last code typed here. */
  #typed: string | undefined;

  /** Undefined: this device has no key and only relays codes. */
  constructor(device: LinkingDevice | undefined) {
    this.#device = device;
  }

  /** The code to display for one issued by the server. */
  show(code: string): string {
    if (this.#device === undefined) return code;
    this.#secret = this.#device.newLinkSecret();
    return writeLinkCode(code, this.#secret);
  }

  /** The request for a code typed on the new device. */
  join(typed: string, label: string): Extract<AccountRequest, { type: "link" }> {
    const { code, secret } = readLinkCode(typed);
    const device = this.#device;
    this.#typed = secret;
    const hasProof = device !== undefined && secret !== undefined;
    const proof = hasProof ? device.authenticate(secret, linkText(device.key)) : undefined;
    return { type: "link", code, label, proof };
  }

  /** This device has joined, under the owner's name: the other one will prove its key. */
  handleLinked(name: string): void {
    const secret = this.#typed;
    this.#typed = undefined;
    if (this.#device === undefined || secret === undefined) return;
    this.#device.remember(name, { secret, until: this.#device.now() + limits.proofMs });
  }

  /**
   * What to send after a device has joined; undefined if it is not the one that the code was for.
   */
  vouchFor(
    name: string,
    { change, key, proof }: Extract<SessionEvent, { type: "account-changed" }>,
  ): VouchRequest | undefined {
    const secret = this.#secret;
    const device = this.#device;
    if (change !== "device-added" || device === undefined || secret === undefined) return undefined;
    if (key === undefined || proof !== device.authenticate(secret, linkText(key))) return undefined;
    this.#secret = undefined;
    device.remember(name, { key });
    const back = device.authenticate(secret, backText(device.key, key));
    return { type: "vouch", key, signature: device.sign(vouchText(name, key)), proof: back };
  }
}

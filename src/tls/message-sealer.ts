// Seals private messages and offers of files from device to device with HPKE, each in a
// context of its own.

import type { MessageSealer } from "../client/sealed-text.ts";
import { type DeviceKeys, encBytes } from "./device-keys.ts";

/** Seals and opens with the keys of a device. */
export function sealerOf(keys: DeviceKeys): MessageSealer {
  return {
    async seal(content, to, context) {
      const sender = await keys.senderTo(to, infoOf(context));
      const sealed = await sender.seal(content);
      return Buffer.concat([Buffer.from(sender.enc), Buffer.from(sealed)]).toString("base64url");
    },
    async open(box, from, context) {
      const bytes = Uint8Array.from(Buffer.from(box, "base64url"));
      try {
        const enc = bytes.subarray(0, encBytes);
        const recipient = await keys.recipientFrom(from, enc, infoOf(context));
        return new Uint8Array(await recipient.open(bytes.slice(encBytes)));
      } catch {
        return undefined;
      }
    },
  };
}

function infoOf(context: string): Uint8Array {
  return new TextEncoder().encode(context);
}

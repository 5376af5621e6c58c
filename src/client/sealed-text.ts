// What is inside a sealed message, and what it is bound to (docs/protocol.md, "Sealed messages").
// Pure; sealing happens elsewhere.

import { fold } from "../chat/names/grammar.ts";
import { parseObject } from "../protocol/field-reader.ts";
import { messageIdForm } from "../trust/seen-messages.ts";

export type SealedText = {
  /** 16 random bytes in base64url, the same for all devices. */
  id: string;
  /** The sender's clock, in Unix milliseconds. */
  timeMs: number;
  text: string;
};

/** Seals with the device's key for another, and opens what another has sealed for it. */
export interface MessageSealer {
  /** `to`: the other device's Ed25519 key. In base64url. @throws if that is not a key */
  seal(content: Uint8Array, to: string, context: string): Promise<string>;
  /** Undefined: it was not sealed by that key for this one in that context. */
  open(box: string, from: string, context: string): Promise<Uint8Array | undefined>;
}

/**
 * What both sides must agree on, besides the two keys. Names contain no NUL, so it can be read in
 * one way only.
 */
export function sealContext(
  from: string,
  to: string,
  purpose: "private message" | "file offer" = "private message",
): string {
  return `parley ${purpose}\0${fold(from)}\0${fold(to)}`;
}

export function encodeSealed({ id, timeMs, text }: SealedText): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ id, time: timeMs, text }));
}

/** Undefined: it has another form. It comes from another person, so it is bounded before it is parsed. */
export function decodeSealed(bytes: Uint8Array): SealedText | undefined {
  const fields = parseObject(textOf(bytes) ?? "", { maxValues: 16 });
  const { id, time, text } = fields ?? {};
  if (typeof id !== "string" || !messageIdForm.test(id) || typeof text !== "string") {
    return undefined;
  }
  const isTime = typeof time === "number" && Number.isSafeInteger(time) && time >= 0;
  return isTime ? { id, timeMs: time, text } : undefined;
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

// The contents of a sealed message, and the context it is bound to (docs/protocol.md, "Sealed
// messages"). Pure; sealing happens elsewhere.

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

/**
 * Seals with this device's key for another device, and opens what another has sealed for this one.
 */
export interface MessageSealer {
  /**
   * `to`: the other device's Ed25519 key. Returns base64url. @throws if `to` is not a public key
   */
  seal(content: Uint8Array, to: string, context: string): Promise<string>;
  /** Undefined if it was not sealed by that key for this one in that context. */
  open(box: string, from: string, context: string): Promise<Uint8Array | undefined>;
}

/** The content in a box for each of the keys. @throws if one of them is unusable */
export async function sealBoxes(
  sealer: MessageSealer,
  keys: readonly string[],
  content: Uint8Array,
  context: string,
): Promise<{ key: string; box: string }[]> {
  const boxes: { key: string; box: string }[] = [];
  for (const key of keys) boxes.push({ key, box: await sealer.seal(content, key, context) });
  return boxes;
}

/**
 * What both sides must agree on in addition to the two keys. Names contain no NUL, so it is
 * unambiguous.
 */
export function sealContext(
  from: string,
  to: string,
  purpose: "private message" | "sent copy" | "file offer" = "private message",
): string {
  return `parley ${purpose}\0${fold(from)}\0${fold(to)}`;
}

export function encodeSealed({ id, timeMs, text }: SealedText): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ id, time: timeMs, text }));
}

/** Undefined if malformed. It comes from another person, so its size is checked before parsing. */
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

// Reads the sealed form of a private message, for both directions. Only the devices it is sealed
// for can tell whether it opens.

import { sealed as limits } from "../limits.ts";
import { publicKeyForm } from "../trust/login-proof.ts";
import type { FieldReader } from "./field-reader.ts";
import type { Sealed } from "./messages.ts";

const keyForm = "a public key: 32 bytes in base64url";
const boxForm = /^[\w-]*$/;

export function readSealed(r: FieldReader): Sealed {
  const boxes = r.list("boxes", boxOf);
  check(r, "boxes", boxes);
  return { key: key(r), boxes };
}

/** Boxes for the sender's own devices, which share the size limit with those in `sealed`. */
export function readCopies(r: FieldReader, { boxes }: Sealed): Sealed["boxes"] | undefined {
  const copies = r.optionalList("copies", boxOf);
  if (copies !== undefined) check(r, "copies", copies, boxes);
  return copies;
}

function check(
  r: FieldReader,
  field: string,
  boxes: Sealed["boxes"],
  others: Sealed["boxes"] = [],
): void {
  if (boxes.length === 0 || boxes.length > limits.maxBoxes) {
    r.refuse(`\`${field}\` must have 1 to ${limits.maxBoxes} entries`);
  }
  const chars = [...boxes, ...others].reduce((sum, { box }) => sum + box.length, 0);
  if (chars > limits.maxChars) {
    r.refuse(`\`boxes\` must have at most ${limits.maxChars} characters together`);
  }
}

function boxOf(r: FieldReader): Sealed["boxes"][number] {
  return { key: key(r), box: box(r) };
}

function key(r: FieldReader): string {
  return r.pattern("key", publicKeyForm, keyForm);
}

function box(r: FieldReader): string {
  return r.pattern("box", boxForm, "base64url");
}

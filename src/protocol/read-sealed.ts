// Reads the sealed form of a private message, for both directions. Only the devices it is sealed
// for can tell whether it opens.

import { sealed as limits } from "../limits.ts";
import { publicKeyForm } from "../trust/login-proof.ts";
import type { FieldReader } from "./field-reader.ts";
import type { Sealed } from "./messages.ts";

const keyForm = "a public key: 32 bytes in base64url";
const boxForm = /^[\w-]*$/;

export function readSealed(r: FieldReader): Sealed {
  const boxes = r.list("boxes", (item) => ({ key: key(item), box: box(item) }));
  if (boxes.length === 0 || boxes.length > limits.maxBoxes) {
    r.refuse(`\`boxes\` must have 1 to ${limits.maxBoxes} entries`);
  }
  const chars = boxes.reduce((sum, { box }) => sum + box.length, 0);
  if (chars > limits.maxChars) {
    r.refuse(`\`boxes\` must have at most ${limits.maxChars} characters together`);
  }
  return { key: key(r), boxes };
}

function key(r: FieldReader): string {
  return r.optionalPattern("key", publicKeyForm, keyForm) ?? r.text("key");
}

function box(r: FieldReader): string {
  return r.optionalPattern("box", boxForm, "base64url") ?? r.text("box");
}

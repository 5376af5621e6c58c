// Reads the fields that both ends of a code exchange send: 32 bytes each.

import type { FieldReader } from "./field-reader.ts";

const form = "32 bytes in base64url";

export function exchangeBytes(reader: FieldReader, name: string): string {
  return reader.pattern(name, /^[\w-]{43}$/, form);
}

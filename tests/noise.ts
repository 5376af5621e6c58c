// Incompressible content.

/** The maximum of one call of `crypto.getRandomValues`. */
const blockBytes = 65_536;

export function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += blockBytes) {
    crypto.getRandomValues(bytes.subarray(at, at + blockBytes));
  }
  return bytes;
}

// The fingerprint of a server's public key as part of an address that people pass on:
// `HOST:PORT#PIN`. Pure.

/** SHA-256 in base64url: 43 characters, the last of which carries four bits. */
const form = /^[\w-]{42}[AEIMQUYcgkosw048]$/;

export function isPin(text: string): boolean {
  return form.test(text);
}

/** Splits `ADDRESS#PIN` at the first `#`; `pin` is undefined without one, and may be malformed. */
export function splitPin(text: string): { address: string; pin: string | undefined } {
  const mark = text.indexOf("#");
  if (mark < 0) return { address: text, pin: undefined };
  return { address: text.slice(0, mark), pin: text.slice(mark + 1).trim() };
}

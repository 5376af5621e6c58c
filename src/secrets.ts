// Unguessable bytes and texts, for server, clients and page. Not pure: pure folders receive them as
// parameters.

/** Random bytes from the system's cryptographic generator. */
export function secretBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}

/**
 * `count` random bytes in base64url: four characters for every three bytes. Never begins with `-`,
 * which a command line would parse as a flag.
 */
export function secretText(count: number): string {
  for (;;) {
    const binary = String.fromCharCode(...secretBytes(count));
    const text = btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    if (!text.startsWith("-")) return text;
  }
}

// Unguessable bytes and texts, for server, clients and page. Not pure: pure folders take them as
// parameters.

/** Random bytes from the system's cryptographic generator. */
export function secretBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}

/** `count` random bytes in base64url: four characters for every three bytes. */
export function secretText(count: number): string {
  const binary = String.fromCharCode(...secretBytes(count));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// Secrets that only the two ends of a TLS session can derive (RFC 8446 §7.5).

const keyBytes = 32;

/**
 * A socket whose TLS handshake is complete. (Bun's types declare that the method returns nothing.)
 */
export type TlsSocket = { exportKeyingMaterial(length: number, label: string): unknown };

/** The same at both ends. @throws Error if there is no such key */
export function exportedKey(socket: TlsSocket, label: string): Uint8Array {
  const key = socket.exportKeyingMaterial(keyBytes, label);
  if (key instanceof Uint8Array && key.length === keyBytes) return new Uint8Array(key);
  throw new Error(`This TLS session exports no key for ${label}`);
}

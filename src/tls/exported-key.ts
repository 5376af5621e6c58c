// Secrets that both ends of a TLS session can derive, and nobody else (RFC 8446 §7.5).

const keyBytes = 32;

/** A socket whose TLS handshake is complete. (Bun's types say that it returns nothing.) */
export type TlsSocket = { exportKeyingMaterial(length: number, label: string): unknown };

/** The same at both ends. @throws Error if there is none */
export function exportedKey(socket: TlsSocket, label: string): Uint8Array {
  const key = socket.exportKeyingMaterial(keyBytes, label);
  if (key instanceof Uint8Array && key.length === keyBytes) return new Uint8Array(key);
  throw new Error(`This TLS session exports no key for ${label}`);
}

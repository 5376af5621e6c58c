// What distinguishes one TLS channel from all others, the same at both ends: whoever is in between
// has two channels with two of them.

/** A socket whose TLS handshake is complete. (Bun's types say that it returns nothing.) */
type TlsSocket = { exportKeyingMaterial(length: number, label: string): unknown };

/** tls-exporter (RFC 9266), in base64url. @throws Error if there is none */
export function channelBinding(socket: TlsSocket): string {
  const exported = socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding");
  if (exported instanceof Uint8Array) return Buffer.from(exported).toString("base64url");
  throw new Error("The TLS channel has no binding");
}

// What distinguishes one TLS channel from all others, the same at both ends: whoever is in between
// has two channels with two of them.

import { exportedKey, type TlsSocket } from "./exported-key.ts";

/** tls-exporter (RFC 9266), in base64url. @throws Error if there is none */
export function channelBinding(socket: TlsSocket): string {
  return Buffer.from(exportedKey(socket, "EXPORTER-Channel-Binding")).toString("base64url");
}

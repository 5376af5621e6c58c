// A value that identifies one TLS channel and is the same at both ends. A man in the middle has two
// channels with two different values.

import { exportedKey, type TlsSocket } from "./exported-key.ts";

/** tls-exporter (RFC 9266), in base64url. @throws Error if it is not available */
export function channelBinding(socket: TlsSocket): string {
  return Buffer.from(exportedKey(socket, "EXPORTER-Channel-Binding")).toString("base64url");
}

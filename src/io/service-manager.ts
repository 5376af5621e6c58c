// Notifies systemd, or whichever service manager set NOTIFY_SOCKET, that the server is ready or
// stopping (sd_notify(3): a datagram to a Unix socket, which Bun does not support).

import { ptr } from "bun:ffi";
import { libc } from "./udp/libc.ts";

/** Linux numbers (include/linux/socket.h, include/linux/net.h). */
const afUnix = 1;
const sockDgram = 2;
const sockCloexec = 0o2000000;
/** Length of `sun_path` (include/uapi/linux/un.h). */
const maxPathBytes = 108;

/** False if there is a service manager but it can't be notified. */
export function notifyServiceManager(
  state: "READY=1" | "STOPPING=1",
  address = process.env["NOTIFY_SOCKET"],
): boolean {
  if (address === undefined || address === "") return true;
  const calls = libc();
  const name = unixAddress(address);
  if (calls === null || name === undefined) return false;
  const fd = calls.socket(afUnix, sockDgram | sockCloexec, 0);
  if (fd < 0) return false;
  const message = Buffer.from(`${state}\n`);
  const isSent =
    calls.connect(fd, ptr(name), name.length) === 0 &&
    Number(calls.send(fd, ptr(message), message.length, 0)) === message.length;
  calls.close(fd);
  return isSent;
}

/**
 * A `sockaddr_un`; a path that begins with `@` names an abstract socket. Undefined if the path is
 * too long.
 */
function unixAddress(address: string): Buffer | undefined {
  const path = Buffer.from(address.replace(/^@/, "\0"));
  if (path.length >= maxPathBytes) return undefined;
  const family = Buffer.from(Uint16Array.of(afUnix).buffer);
  // An abstract name is exactly the given bytes; a path ends with a zero byte.
  return Buffer.concat([family, path, Buffer.alloc(address.startsWith("@") ? 0 : 1)]);
}

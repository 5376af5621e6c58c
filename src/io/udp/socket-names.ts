// Finds TCP sockets that Bun does not expose, and the peers of connections, by file descriptor
// through libc. Linux only; elsewhere none are found.

import { ptr } from "bun:ffi";
import { libc } from "./libc.ts";
import { addressIn, portIn } from "./socket-address.ts";
import { getOption, option } from "./socket-options.ts";

/** A connection of this process; `address` is IPv4 where possible, even on an IPv6 socket. */
export type OpenSocket = { readonly fd: number; readonly address: string; readonly port: number };

// struct sockaddr_storage, and its length
const name = new Uint8Array(128);
const length = new Uint32Array(1);
const bothWays = 2;

/** The connections to local port `port` among these descriptors. */
export function connectionsTo(port: number, descriptors: readonly number[]): OpenSocket[] {
  const calls = libc();
  if (calls === null) return [];
  const found: OpenSocket[] = [];
  for (const fd of descriptors) {
    length[0] = name.length;
    if (calls.getsockname(fd, ptr(name), ptr(length)) !== 0 || portIn(name) !== port) continue;
    length[0] = name.length;
    // A listening socket has no peer.
    if (calls.getpeername(fd, ptr(name), ptr(length)) !== 0) continue;
    const address = addressIn(name);
    if (address !== undefined) found.push({ fd, address, port: portIn(name) ?? 0 });
  }
  return found;
}

/** The listening sockets of `port` among these descriptors. */
export function listenersOn(port: number, descriptors: readonly number[]): number[] {
  const calls = libc();
  if (calls === null) return [];
  return descriptors.filter((fd) => {
    length[0] = name.length;
    if (calls.getsockname(fd, ptr(name), ptr(length)) !== 0 || portIn(name) !== port) return false;
    return getOption(fd, option.acceptsConnections) === 1;
  });
}

/** Ends a connection as if the peer had: the event loop notifies its owner, who closes it. */
export function endConnection({ fd }: OpenSocket): void {
  libc()?.shutdown(fd, bothWays);
}

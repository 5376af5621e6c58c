// Finds senders of files by code on the local network: the sender announces the code's number and
// its port by multicast, in every network that this machine is in: otherwise the system would
// choose one, and without a default route none. That is only a hint, which anyone can fake; the
// code authenticates. Uses `node:dgram`, since several programs have to share the port.

import { createSocket, type Socket } from "node:dgram";
import { codes as limits } from "../limits.ts";
import { plainAddress } from "../addresses.ts";
import { ownAddresses } from "../handover/paths/own-addresses.ts";

/** Administratively scoped (RFC 2365): routers do not forward it. */
const group = "239.255.112.108";
const port = 55_011;
/** For programs on the same machine, which may have no network. */
const loopback = "127.0.0.1";

export type Place = { readonly host: string; readonly port: number };

type Announcement = { parley: 1; code: number; port: number };

/**
 * Announces until the returned function is called, also in networks that this machine joins later.
 * Send errors are ignored.
 */
export function announce(number: number, at: number): () => void {
  const text = JSON.stringify({ parley: 1, code: number, port: at } satisfies Announcement);
  /** By the address that they send from. */
  const senders = new Map<string, Socket>();
  const send = (): void => {
    const own = [loopback, ...lanAddresses()];
    for (const [address, socket] of senders) {
      if (own.includes(address)) continue;
      senders.delete(address);
      socket.close();
    }
    for (const address of own) {
      const socket = senders.get(address);
      if (socket === undefined) senders.set(address, announcer(address, text));
      else sendFrom(socket, address, text);
    }
  };
  send();
  const timer = setInterval(send, limits.announceMs);
  return () => {
    clearInterval(timer);
    for (const socket of senders.values()) socket.close();
  };
}

/** Announces once, as soon as it is bound. */
function announcer(address: string, text: string): Socket {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  socket.on("error", () => {});
  socket.bind(0, address, () => {
    try {
      if (address !== loopback) socket.setMulticastInterface(address);
      socket.setMulticastTTL(1);
    } catch {
      // Otherwise the system's defaults apply.
    }
    sendFrom(socket, address, text);
  });
  return socket;
}

function sendFrom(socket: Socket, address: string, text: string): void {
  socket.send(text, port, address === loopback ? loopback : group, () => {});
}

/** Addresses in networks that multicast reaches. */
function lanAddresses(): string[] {
  return ownAddresses().filter((address) => !address.includes(":"));
}

/** The addresses at which that number is announced, each once, until `signal` aborts it. */
export async function* find(number: number, signal: AbortSignal): AsyncGenerator<Place> {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  const seen = new Set<string>();
  const found: Place[] = [];
  let wake = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => wake.resolve(), { once: true });
  socket.on("error", () => {});
  socket.on("message", (bytes, { address }) => {
    const announced = read(bytes);
    if (announced?.code !== number || seen.size >= limits.maxPlaces) return;
    const place = { host: plainAddress(address), port: announced.port };
    const key = `${place.host} ${place.port}`;
    if (seen.has(key)) return;
    seen.add(key);
    found.push(place);
    wake.resolve();
  });
  const joined = new Set<string>();
  let timer: Timer | undefined;
  socket.bind(port, () => {
    join(socket, joined);
    timer = setInterval(() => join(socket, joined), limits.announceMs);
  });
  try {
    for (;;) {
      const place = found.shift();
      if (place !== undefined) yield place;
      else if (signal.aborted) return;
      else {
        await wake.promise;
        wake = Promise.withResolvers();
      }
    }
  } finally {
    clearInterval(timer);
    socket.close();
  }
}

/** Also networks that this machine has just joined. */
function join(socket: Socket, joined: Set<string>): void {
  for (const address of lanAddresses()) {
    if (joined.has(address)) continue;
    try {
      socket.addMembership(group, address);
      joined.add(address);
    } catch {
      // Announcements in other networks, and of this machine, are still received.
    }
  }
}

function read(bytes: Uint8Array): Announcement | undefined {
  if (bytes.length > limits.announcementBytes) return undefined;
  try {
    const value: Partial<Record<keyof Announcement, unknown>> = JSON.parse(
      new TextDecoder().decode(bytes),
    );
    const { parley, code, port: at } = value;
    const isValid = parley === 1 && isNumber(code, 999_999) && isNumber(at, 65_535);
    return isValid ? { parley: 1, code, port: at } : undefined;
  } catch {
    return undefined;
  }
}

function isNumber(value: unknown, most: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most;
}

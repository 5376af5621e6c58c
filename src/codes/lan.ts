// Finds senders of files by a code on the local network: the sender announces the code's number and
// its port by multicast. That is only a hint, which anyone can fake; the code authenticates. Uses
// `node:dgram`, since several programs have to share the port.

import { createSocket, type Socket } from "node:dgram";
import { codes as limits } from "../limits.ts";
import { plainAddress } from "../addresses.ts";

/** Administratively scoped (RFC 2365): routers do not forward it. */
const group = "239.255.112.108";
const port = 55_011;
/** Also to programs on the same machine, which may have no network. */
const targets = [group, "127.0.0.1"];

export type Place = { readonly host: string; readonly port: number };

type Announcement = { parley: 1; code: number; port: number };

/** Announces until the returned function is called. Send errors are ignored. */
export function announce(number: number, at: number): () => void {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  socket.on("error", () => {});
  const text = JSON.stringify({ parley: 1, code: number, port: at } satisfies Announcement);
  const send = (): void => {
    for (const target of targets) socket.send(text, port, target, () => {});
  };
  socket.bind(0, () => {
    try {
      socket.setMulticastTTL(1);
    } catch {
      // Otherwise the system's default applies.
    }
    send();
  });
  const timer = setInterval(send, limits.announceMs);
  return () => {
    clearInterval(timer);
    socket.close();
  };
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
  socket.bind(port, () => join(socket));
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
    socket.close();
  }
}

function join(socket: Socket): void {
  try {
    socket.addMembership(group);
  } catch {
    // No network: announcements of this machine are still received.
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

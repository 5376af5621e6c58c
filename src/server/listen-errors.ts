// Opens a requested port: errors name the port and its flag, and if the port is only taken by an
// outgoing connection, waits for it. (The default port is in the range from which Linux assigns
// ports to outgoing connections.)

import { readFileSync } from "node:fs";
import { ParleyError, systemCode, systemReason } from "../errors.ts";
import { notOwnAddress } from "../io/host-port.ts";
import { connections as limits } from "../limits.ts";

export type ListenPlace = {
  transport: "tcp" | "udp";
  host: string;
  port: number;
  /** The option that chose the port, such as `--port`. */
  flag: string;
};

/**
 * Runs `open`, which opens the port.
 * @throws ParleyError `port-in-use`, `failed`
 */
export async function listenOn<T>(place: ListenPlace, open: () => T | Promise<T>): Promise<T> {
  const untilMs = performance.now() + limits.portWaitMs;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      const mayBeFreed = systemCode(error) === "EADDRINUSE" && !hasServer(place);
      if (!mayBeFreed || performance.now() >= untilMs) throw listenError(place, error);
    }
    await Bun.sleep(limits.portRetryMs);
  }
}

/**
 * Runs `open`, which closes everything if it fails. For port 0 runs it several times: the number
 * that the system chose for one transport may be taken for another.
 * @throws what `open` throws
 */
export async function onFreePort<T>(port: number, open: () => Promise<T>): Promise<T> {
  for (let left = port === 0 ? limits.portTries : 1; ; left--) {
    try {
      return await open();
    } catch (error) {
      if (left === 1) throw error;
    }
  }
}

function listenError(place: ListenPlace, error: unknown): ParleyError {
  const { host, port, flag } = place;
  const code = systemCode(error);
  if (code === "EADDRINUSE") {
    const wayOut = `choose another with ${flag} (0 takes a free one)`;
    const sentence = hasServer(place)
      ? `Port ${port} is in use: ${wayOut}`
      : `Port ${port} is in use by a connection to another server: try again later, or ${wayOut}`;
    return new ParleyError("port-in-use", sentence);
  }
  const notOwn = notOwnAddress(host, error);
  if (notOwn !== undefined) return notOwn;
  if (code === "EACCES") {
    return new ParleyError(
      "failed",
      `Not permitted to listen on port ${port}: choose 1024 or higher with ${flag}`,
    );
  }
  if (code === "EMFILE" || code === "ENFILE") {
    return new ParleyError(
      "failed",
      `Too many files are open to listen on port ${port} (${flag}): raise the limit (ulimit -n, LimitNOFILE)`,
    );
  }
  if (error instanceof ParleyError) return error;
  return new ParleyError(
    "failed",
    `Port ${port} (${flag}) could not be opened: ${systemReason(error)}`,
  );
}

/**
 * States in /proc/net (proc(5)) of a socket that accepts peers: TCP LISTEN, and UDP without a
 * remote address.
 */
const servingStates = { tcp: "0A", udp: "07" } as const;

/** Whether a server uses this port, rather than just an outgoing connection. True if unknown. */
function hasServer({ transport, port }: ListenPlace): boolean {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  let isKnown = false;
  for (const family of ["", "6"]) {
    try {
      const table = readFileSync(`/proc/net/${transport}${family}`, "latin1");
      isKnown = true;
      for (const line of table.split("\n")) {
        const [, address, , state] = line.trim().split(/\s+/);
        if (address?.endsWith(local) === true && state === servingStates[transport]) return true;
      }
    } catch {
      // Not Linux, or no IPv6.
    }
  }
  return !isKnown;
}

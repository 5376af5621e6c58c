// TCP ports of the server: accepts, counts, and gives every connection its adapter. Knows what protocols exist (dialects, CPP),
// not what they say.

import { count, type Metrics } from "../chat/metrics.ts";
import type { Dialect } from "../chat/dialect.ts";
import { connections as limits } from "../limits.ts";
import type { RegistryConnection } from "../cpp/registry-connection.ts";
import { isLoopback, networkOf, plainAddress } from "../addresses.ts";
import { ChatConnection, type ChatSocket } from "./chat-connection.ts";
import { steadyMs } from "../io/clock.ts";
import type { Descriptors } from "./descriptors.ts";
import type { ConnectionDriver } from "./hub-driver.ts";

/** What a port speaks: one dialect, CPP alone, or whatever the first bytes say. */
export type Speech =
  | { kind: "dialect"; dialect: Dialect }
  | { kind: "cpp" }
  | { kind: "any"; native: Dialect; text: Dialect };

export type ChatPortOptions = {
  host: string;
  port: number;
  speech: Speech;
  /** Where a browser that knocks here is sent. */
  webPort: () => number | undefined;
  driver: ConnectionDriver;
  metrics: Metrics;
  /** For a connection from this address. */
  cpp: (address: string) => RegistryConnection;
  log: (line: string) => void;
  warn: (line: string) => void;
  admission: Admission;
};

/** Counts connections, over all ports. Loopback is exempt from the bound on one address, or on one network of IPv6. */
export class Admission {
  #perNetwork = new Map<string, number>();
  #total = 0;

  /** `maxPerAddress` 0 is no bound on one address. */
  constructor(
    readonly maxPerAddress: number,
    readonly descriptors?: Descriptors,
  ) {}

  /** Undefined if the connection may come; else the sentence for it. */
  enter(address: string): string | undefined {
    this.descriptors?.took();
    if (this.#total >= limits.maxTotal || this.descriptors?.areScarce === true) {
      return "The server is full: try again later";
    }
    const here = this.counted(address);
    if (here >= this.bound(address)) {
      return `There are ${here} connections from ${networkOf(address)} already: close one first`;
    }
    this.#total++;
    this.#perNetwork.set(networkOf(address), here + 1);
    return undefined;
  }

  /** How many are in, of one address or of all. */
  counted(address?: string): number {
    return address === undefined ? this.#total : (this.#perNetwork.get(networkOf(address)) ?? 0);
  }

  /** How many one address may have. */
  bound(address: string): number {
    const isFree = this.maxPerAddress === 0 || isLoopback(address);
    return isFree ? Number.POSITIVE_INFINITY : this.maxPerAddress;
  }

  leave(address: string): void {
    this.#total--;
    const here = this.counted(address) - 1;
    if (here <= 0) this.#perNetwork.delete(networkOf(address));
    else this.#perNetwork.set(networkOf(address), here);
  }
}

export interface ChatPort {
  readonly port: number;
  /** Takes no more connections; those that exist go on. */
  close(): void;
}

/** Starts listening. @throws with `code` `EADDRINUSE` when the port is taken */
export function openChatPort(options: ChatPortOptions): ChatPort {
  const undecided = new Undecided();
  const turnedAway = new TurnedAway();
  const listener = Bun.listen<ChatConnection | undefined>({
    hostname: options.host,
    port: options.port,
    allowHalfOpen: true,
    data: undefined,
    socket: {
      open(socket) {
        const address = remoteAddress(socket);
        // Reset by the other side before we looked: it has no address any more, and nobody to talk to.
        if (address === undefined) return void socket.terminate();
        const refusal = options.admission.enter(address);
        if (refusal !== undefined) {
          count(options.metrics.connectionsRefused, "full");
          return turnedAway.tell(socket, refusalText(refusal, options.speech));
        }
        socket.setNoDelay(true);
        socket.setKeepAlive(true, limits.keepAliveMs);
        const connection = new ChatConnection(
          socket,
          { address, port: socket.remotePort },
          options,
          undecided,
        );
        socket.data = connection;
        connection.opened(steadyMs());
      },
      data: (socket, bytes) => socket.data?.received(bytes, steadyMs()),
      drain: (socket) => socket.data?.drained(),
      timeout: (socket) => socket.data?.timedOut(),
      end(socket) {
        if (socket.data === undefined) socket.end();
        else socket.data.ended(steadyMs());
      },
      close(socket) {
        if (socket.data === undefined) return;
        options.admission.leave(socket.data.peer.address);
        socket.data.closed();
        socket.data = undefined;
      },
      // What one connection brings about must not end the others; that it happened must be seen.
      error(socket, error) {
        options.warn(`internal error, please report it: ${error.stack}`);
        socket.terminate();
      },
    },
  });
  return {
    port: listener.port,
    close() {
      undecided.clear();
      listener.stop();
    },
  };
}

/** What the first bytes would have told is not known yet: a line for people, and where it may be native, one for programs. */
function refusalText(message: string, speech: Speech): string {
  const line = JSON.stringify({ type: "error", code: "full", message });
  return speech.kind === "any" ? `${message}\n${line}\n` : `${message}\n`;
}

/**
 * Connections that may not come, while they read why. Closed at once, one that has sent something would be reset and its program
 * would hear of that before the reason; so they are only shut, and few of them at once.
 */
class TurnedAway {
  #waiting = 0;

  tell(socket: ChatSocket, why: string): void {
    if (this.#waiting >= limits.maxTurnedAway) return void socket.end(why);
    this.#waiting++;
    socket.write(why);
    socket.shutdown();
    setTimeout(() => {
      this.#waiting--;
      socket.terminate();
    }, limits.turnedAwayMs).unref();
  }
}

/** How often undecided connections are looked at; under half of the shortest wait. */
const decideEveryMs = 10;

/** Connections that the time may decide. No timer runs while there are none. */
export class Undecided {
  readonly #connections = new Set<ChatConnection>();
  #timer: ReturnType<typeof setInterval> | undefined;

  add(connection: ChatConnection): void {
    this.#connections.add(connection);
    this.#timer ??= setInterval(this.#look, decideEveryMs);
  }

  delete(connection: ChatConnection): void {
    this.#connections.delete(connection);
  }

  clear(): void {
    this.#connections.clear();
    this.#stop();
  }

  readonly #look = (): void => {
    const nowMs = steadyMs();
    for (const connection of this.#connections) connection.decide(nowMs);
    if (this.#connections.size === 0) this.#stop();
  };

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** IPv4 that came over an IPv6 socket is written as IPv4. Undefined if the connection is gone already. */
function remoteAddress(socket: ChatSocket): string | undefined {
  const address: string | undefined = socket.remoteAddress;
  return address === undefined ? undefined : plainAddress(address);
}

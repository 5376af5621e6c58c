// An idle program on a host that echoes its input: its latency is the machine's share of every
// measurement.

import type { Namespace } from "./namespace.ts";
import type { Host } from "./network.ts";
import { Process } from "./process.ts";
import type { Scope } from "./scope.ts";
import { SteadySocket } from "./steady-socket.ts";

const port = 7;

const program = `
  Bun.listen({ hostname: "0.0.0.0", port: ${port}, socket: { data: (socket, bytes) => void socket.write(bytes) } });
  console.log("listening");`;

export class Echo {
  readonly #socket: SteadySocket;
  /** The process that answers. */
  readonly pid: number;
  /** Bytes without an answer yet, oldest first. */
  readonly #waiting: { sentMs: number; answered: (tookMs: number) => void }[] = [];

  private constructor(socket: SteadySocket, pid: number) {
    this.#socket = socket;
    this.pid = pid;
  }

  /** Starts it on `host`, and connects to it from `space`. */
  static async start(scope: Scope, host: Host, space: Namespace): Promise<Echo> {
    const server = new Process(scope, [process.execPath, "-e", program], { space: host.space });
    await server.says("listening");
    let echo: Echo | undefined;
    const socket = await SteadySocket.connect(space, host.address(), port, (bytes) => {
      for (let i = 0; i < bytes.length; i++) {
        const one = echo?.takeOldest();
        one?.answered(performance.now() - one.sentMs);
      }
    });
    echo = new Echo(socket, server.pid);
    return echo;
  }

  /** Calls `answered` with the round-trip time of one byte, in milliseconds. */
  ask(answered: (tookMs: number) => void): void {
    this.#waiting.push({ sentMs: performance.now(), answered });
    this.#socket.write(".");
  }

  takeOldest() {
    return this.#waiting.shift();
  }
}

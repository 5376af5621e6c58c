// A TCP socket of a host that loses no data: bytes that the system does not accept immediately are
// queued.

import type { Namespace } from "./namespace.ts";

export class SteadySocket {
  readonly #socket: Bun.Socket;
  #waiting = Buffer.alloc(0);
  hasEnded = false;
  receivedBytes = 0;

  private constructor(socket: Bun.Socket) {
    this.#socket = socket;
  }

  /** `take` gets incoming data; without it, data is counted and discarded. */
  static async connect(
    space: Namespace | undefined,
    hostname: string,
    port: number,
    take: (bytes: Buffer) => void = () => {},
  ): Promise<SteadySocket> {
    const early: Buffer[] = [];
    let steady: SteadySocket | undefined;
    let isOver = false;
    const over = (): void => {
      isOver = true;
      if (steady !== undefined) steady.hasEnded = true;
    };
    const connect = () =>
      Bun.connect({
        hostname,
        port,
        socket: {
          data(_, bytes) {
            if (steady === undefined) return void early.push(Buffer.from(bytes));
            steady.receivedBytes += bytes.length;
            take(bytes);
          },
          drain() {
            if (steady !== undefined) steady.#flush();
          },
          close: over,
          error: over,
        },
      });
    const socket = await (space === undefined ? connect() : space.within(connect));
    steady = new SteadySocket(socket);
    steady.hasEnded = isOver;
    for (const bytes of early) {
      steady.receivedBytes += bytes.length;
      take(bytes);
    }
    return steady;
  }

  /** Bytes that the other side has not accepted yet. */
  get waitingBytes(): number {
    return this.#waiting.length;
  }

  write(text: string | Uint8Array): void {
    if (this.hasEnded) return;
    this.#waiting = Buffer.concat([this.#waiting, Buffer.from(text as string)]);
    this.#flush();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes it silently, like a lost network. */
  cut(): void {
    this.#socket.terminate();
  }

  #flush(): void {
    const written = this.#socket.write(this.#waiting);
    if (written > 0) this.#waiting = this.#waiting.subarray(written);
  }
}

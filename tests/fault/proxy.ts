// A TCP proxy that cuts connections after a random number of bytes, in either direction, in the
// middle of anything.

type Side = { other: Bun.Socket<Side> | undefined; waiting: Buffer[]; budget: { bytes: number } };

export class CuttingProxy implements Disposable {
  cuts = 0;
  /** If false, connections are not cut. */
  cutting = true;
  /** No data passes any more, as if a cable were unplugged, and neither end is notified. */
  silent = false;
  readonly #listener: Bun.TCPSocketListener<Side>;
  readonly #live = new Set<Bun.Socket<Side>>();

  /** `budget` returns how many bytes the next connection may carry. */
  constructor(
    readonly target: number,
    readonly budget: () => number,
  ) {
    this.#listener = Bun.listen<Side>({
      hostname: "127.0.0.1",
      port: 0,
      data: { other: undefined, waiting: [], budget: { bytes: 0 } },
      socket: { ...this.#handlers(), open: (socket) => void this.#opened(socket) },
    });
  }

  /** Cuts every connection now. */
  cutAll(): void {
    for (const socket of this.#live) this.#cut(socket);
  }

  get port(): number {
    return this.#listener.port;
  }

  [Symbol.dispose](): void {
    this.#listener.stop(true);
    for (const socket of this.#live) socket.terminate();
  }

  async #opened(client: Bun.Socket<Side>): Promise<void> {
    const budget = { bytes: this.budget() };
    client.data = { other: undefined, waiting: [], budget };
    this.#live.add(client);
    client.pause();
    try {
      const server = await Bun.connect<Side>({
        hostname: "127.0.0.1",
        port: this.target,
        data: { other: client, waiting: [], budget },
        socket: this.#handlers(),
      });
      this.#live.add(server);
      client.data.other = server;
      client.resume();
    } catch {
      client.terminate();
    }
  }

  #handlers() {
    return {
      data: (socket: Bun.Socket<Side>, bytes: Buffer): void => {
        if (this.silent) return;
        const { other, budget } = socket.data;
        const passed = this.cutting ? Math.min(bytes.length, budget.bytes) : bytes.length;
        budget.bytes -= passed;
        if (other !== undefined) pass(other, bytes.subarray(0, passed));
        if (passed === bytes.length) return;
        this.cuts++;
        this.#cut(socket);
      },
      drain: (socket: Bun.Socket<Side>): void => {
        const waiting = Buffer.concat(socket.data.waiting);
        socket.data.waiting = [];
        pass(socket, waiting);
      },
      close: (socket: Bun.Socket<Side>): void => this.#cut(socket),
      error: (socket: Bun.Socket<Side>): void => this.#cut(socket),
    };
  }

  #cut(socket: Bun.Socket<Side>): void {
    for (const one of [socket, socket.data.other]) {
      if (one === undefined || !this.#live.delete(one)) continue;
      one.terminate();
    }
  }
}

function pass(to: Bun.Socket<Side>, bytes: Buffer): void {
  if (to.data.waiting.length > 0) {
    to.data.waiting.push(Buffer.from(bytes));
    return;
  }
  const written = Math.max(0, to.write(bytes));
  if (written < bytes.length) to.data.waiting.push(Buffer.from(bytes.subarray(written)));
}

// A TCP proxy in the role of a network: it forwards everything, silently holds everything back, or
// breaks all connections and accepts none.

import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "../free-port.ts";

type Pair = { client: Socket; target: Socket | undefined };

export class Gate implements Disposable {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #mode: "open" | "stalled" | "shut" = "open";

  private constructor(
    readonly port: number,
    readonly target: number,
  ) {
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  static async to(target: number): Promise<Gate> {
    const gate = new Gate(await freePort(), target);
    await new Promise<void>((listening) => gate.#server.listen(gate.port, "127.0.0.1", listening));
    return gate;
  }

  [Symbol.dispose](): void {
    this.shut();
    this.#server.close();
  }

  /** Breaks connections, and refuses new ones. */
  shut(): void {
    this.#mode = "shut";
    this.cut(() => true);
  }

  /** Nothing passes, and nobody is notified: as if packets were lost. */
  stall(): void {
    this.#mode = "stalled";
    for (const { client, target } of this.#pairs) {
      for (const socket of [client, target]) socket?.unpipe().pause();
    }
  }

  open(): void {
    this.#mode = "open";
    for (const pair of this.#pairs) this.#join(pair);
  }

  /** Breaks the connections selected by `chosen`. */
  cut(chosen: () => boolean): void {
    for (const pair of this.#pairs) if (chosen()) this.#end(pair);
  }

  #accept(client: Socket): void {
    client.setNoDelay(true);
    const pair: Pair = { client, target: undefined };
    if (this.#mode === "shut") return void client.resetAndDestroy();
    this.#pairs.add(pair);
    this.#guard(pair, client);
    if (this.#mode === "open") this.#join(pair);
    else client.pause();
  }

  #join(pair: Pair): void {
    const { client } = pair;
    if (client.destroyed || pair.target?.destroyed === true) return this.#end(pair);
    if (pair.target === undefined) {
      pair.target = connect({ port: this.target, host: "127.0.0.1", allowHalfOpen: true });
      pair.target.setNoDelay(true);
      this.#guard(pair, pair.target);
    }
    client.pipe(pair.target).pipe(client);
  }

  /** While nothing passes, one side's close is not forwarded to the other. */
  #guard(pair: Pair, socket: Socket): void {
    socket.on("error", () => {});
    socket.on("close", () => {
      if (this.#mode !== "stalled") this.#end(pair);
    });
  }

  #end(pair: Pair): void {
    this.#pairs.delete(pair);
    for (const socket of [pair.client, pair.target]) {
      if (socket !== undefined && !socket.destroyed) socket.resetAndDestroy();
    }
  }
}

// A client of the native protocol, line by line, that remembers nothing of a lost connection.

import { LineSplitter } from "../../../src/line-splitter.ts";
import { Connection } from "../chat/connection.ts";
import type { ServerProcess } from "../chat/server-process.ts";
import type { Surroundings } from "../chat/surroundings.ts";

/** What such a client needs from the world. */
export type ClientWorld = Pick<
  Surroundings,
  "clock" | "random" | "native" | "server" | "watch" | "trace"
>;

export abstract class JsonClient<World extends ClientWorld = Surroundings> {
  #connection: Connection | undefined;
  #server: ServerProcess | undefined;

  constructor(
    readonly world: World,
    readonly label: string,
    readonly address: string,
  ) {}

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** Of the connection, or of the last one. */
  get server(): ServerProcess | undefined {
    return this.#server;
  }

  /** Nothing is in transit. */
  get isQuiet(): boolean {
    return this.#connection?.isQuiet === true;
  }

  /** The server has sent this line. */
  protected abstract hear(line: string): void;
  /** The connection is lost, or has been left. */
  protected abstract lost(): void;

  /** At that server, or any other. False: none listens there. */
  connect(to = this.world.server): boolean {
    if (to === undefined || to.isClosed) return false;
    const { native, random } = this.world;
    const splitter = new LineSplitter(1_000_000);
    const connection: Connection = new Connection(to, native, this.address, random, {
      received: (bytes) => {
        splitter.push(bytes, (line) => {
          if (this.#connection !== connection) return false;
          this.world.trace(this.label, "<", line);
          this.hear(line);
          return true;
        });
      },
      closed: () => {
        if (this.#connection === connection) this.#forget();
      },
    });
    this.world.watch(connection, to);
    this.#connection = connection;
    this.#server = to;
    return true;
  }

  send(message: object): void {
    const line = JSON.stringify(message);
    this.world.trace(this.label, ">", line);
    this.#connection?.send(`${line}\n`);
  }

  leave(): void {
    this.#connection?.leave(100);
    this.#forget();
  }

  /** The server may take it for connected for a long time. */
  cut(clientMs: number, serverMs: number): void {
    const connection = this.#connection;
    this.#forget();
    connection?.cut(clientMs, serverMs);
  }

  #forget(): void {
    this.#connection = undefined;
    this.lost();
  }
}

// A parley server on a host, which can be killed and restarted like by an operator. It has its own
// namespace, so it uses the usual ports.

import { mkdirSync } from "node:fs";
import type { Namespace } from "./namespace.ts";
import { parley, Process } from "./process.ts";
import type { Scope } from "./scope.ts";

export const chatPort = 55_000;
export const webPort = 8_000;

export type ServerOptions = {
  /** Default 0.0.0.0. */
  address?: string;
  flags?: readonly string[];
  env?: Readonly<Record<string, string | undefined>>;
  /** The shared folder; by default a new, empty one. */
  files?: string;
};

export class TestServer {
  readonly #scope: Scope;
  readonly #space: Namespace;
  readonly #options: ServerOptions;
  readonly files: string;
  #process: Process | undefined;

  private constructor(scope: Scope, space: Namespace, options: ServerOptions) {
    this.#scope = scope;
    this.#space = space;
    this.#options = options;
    this.files = options.files ?? scope.folder("shared");
  }

  static async start(scope: Scope, space: Namespace, options: ServerOptions = {}) {
    const server = new TestServer(scope, space, options);
    if (options.files === undefined) mkdirSync(server.files, { recursive: true });
    await server.start();
    return server;
  }

  /** Starts it, also after `stop` or `kill`, and waits until it listens. */
  async start(): Promise<void> {
    this.#process = this.launch();
    await this.#process.says("Server listening on");
  }

  /** Starts it without waiting for anything. */
  launch(): Process {
    const { address = "0.0.0.0", flags = [], env = {} } = this.#options;
    const words = ["server", "--host", address, "--files", this.files, ...flags];
    return parley(this.#scope, words, { space: this.#space, env });
  }

  get process(): Process {
    if (this.#process === undefined) throw new Error("The server was never started");
    return this.#process;
  }

  /** Stops it normally; returns its exit code. */
  async stop(): Promise<number> {
    this.process.signal("SIGTERM");
    return this.process.exit();
  }

  async kill(): Promise<void> {
    await this.process.kill();
  }
}

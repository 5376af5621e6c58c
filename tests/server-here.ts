// A server in the process of its test, with the flags of `parley server`: for tests of other
// programs, to which it makes no difference, and which would wait for a new process each.

import { parseArgs } from "citty";
import { strictArguments } from "../src/cli/flags.ts";
import { passwordOf } from "../src/cli/identity-flag.ts";
import { readMotd } from "../src/cli/motd-file.ts";
import { serverFlags, serverSettings } from "../src/cli/server-flags.ts";
import { ChatServer } from "../src/server/chat-server.ts";
import { createDiagnostics } from "../src/terminal/output/diagnostics.ts";
import { openServerKey, type ServerKey } from "../src/tls/server-key.ts";

export class ServerHere implements AsyncDisposable {
  readonly #server: ChatServer;
  readonly #key: ServerKey;
  readonly #said: readonly string[];

  private constructor(server: ChatServer, key: ServerKey, said: readonly string[]) {
    this.#server = server;
    this.#key = key;
    this.#said = said;
  }

  /** `flags` of `parley server`; what it logs is JSON. */
  static async start(...flags: readonly string[]): Promise<ServerHere> {
    const { raw } = strictArguments("server", serverFlags, flags, {});
    const settings = serverSettings(parseArgs(raw, serverFlags));
    const said: string[] = [];
    const write = (line: string): void => void said.push(line);
    const diagnostics = createDiagnostics({ write, level: undefined, colors: () => false });
    diagnostics.configure({ level: settings.logLevel, json: true });
    const { passwordFile, motdFile } = settings;
    const key = await openServerKey(settings.state);
    const server = await ChatServer.start({
      ...settings,
      password: passwordOf(passwordFile),
      motd: () => readMotd(motdFile),
      secretFiles: passwordFile === undefined ? [] : [passwordFile],
      key,
      pin: key.pin,
      print: write,
      announce: write,
      log: diagnostics.log,
    });
    return new ServerHere(server, key, said);
  }

  get port(): number {
    return this.#server.port;
  }

  get webPort(): number | undefined {
    return this.#server.webPort;
  }

  get metricsPort(): number | undefined {
    return this.#server.metricsPort;
  }

  get pin(): string {
    return this.#key.pin;
  }

  /** All that it has printed and logged. */
  get output(): string {
    return this.#said.join("\n");
  }

  /** Carries out an operator's command, such as `token builds`; returns the answer's rows. */
  admin(order: string): Promise<readonly object[]> {
    return new Promise((resolve, reject) => {
      this.#server.admin(order, (answer) => {
        if (answer.ok) resolve((answer.rows ?? []).map(({ fields }) => fields));
        else reject(new Error(answer.message));
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
  }
}

// A server that accepts files into its shared folder, and users with their files, for tests of the
// compiled programs.

import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { IgnoredFile } from "../../src/terminal/ignored-file.ts";
import { openSession, type OpenSession } from "../../src/terminal/open-session.ts";
import { openIdentity } from "../../src/tls/identity-key.ts";
import { freePort } from "../free-port.ts";
import { noise } from "../noise.ts";
import { Parley } from "../parley.ts";
import { ServerHere } from "../server-here.ts";
import { testFolder } from "../test-folder.ts";

export const eventsOf = (program: Parley, name: string): Record<string, unknown>[] =>
  program.lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ event }) => event === name);

export class ShareWorld implements AsyncDisposable {
  readonly base = testFolder("share");
  files = join(this.base, "files");
  /** Undefined: it runs in this process. */
  program: Parley | undefined;
  #here: ServerHere | undefined;
  port = 0;
  webPort = 0;

  /** Starts the server. */
  async start(...flags: string[]): Promise<this> {
    this.#here = await ServerHere.start(...(await this.#flags()), ...flags);
    return this;
  }

  /** Starts the server, or restarts it at the same port, as a program that can be killed. */
  async startProgram(...flags: string[]): Promise<this> {
    this.program = new Parley("server", ...(await this.#flags()), "--json", ...flags);
    const line = await this.program.line(/"event":"listening"/);
    ({ webPort: this.webPort } = JSON.parse(line) as { webPort: number });
    return this;
  }

  async #flags(): Promise<string[]> {
    if (this.port === 0) this.port = await freePort();
    const at = (name: string) => join(this.base, name);
    const data = ["--data", at("chat.db"), "--state", at("state"), "--files", this.files];
    return [...data, "--port", String(this.port), "--web-port", String(this.webPort)];
  }

  async kill(): Promise<void> {
    this.program?.signal("SIGKILL");
    await this.program?.exit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#here?.[Symbol.asyncDispose]();
    await this.program?.[Symbol.asyncDispose]();
  }

  get log(): string {
    return this.#here?.output ?? this.program?.stderr ?? "";
  }

  /** The visible content of the shared folder. */
  get listed(): string[] {
    try {
      return readdirSync(this.files)
        .filter((name) => !name.startsWith("."))
        .toSorted();
    } catch {
      return [];
    }
  }

  /** Uploads that are in progress, or were abandoned. */
  get uploads(): string[] {
    try {
      return readdirSync(join(this.files, ".parley-shared", "uploads"));
    } catch {
      return [];
    }
  }

  home(name: string): string {
    const path = join(this.base, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** An incompressible file that has long been unchanged. */
  file(owner: string, name: string, bytes: number): string {
    const path = join(this.home(owner), name);
    writeFileSync(path, noise(bytes));
    utimesSync(path, 1_700_000_000, 1_700_000_000);
    return path;
  }

  person(name: string): string[] {
    return ["--name", name, "--identity", join(this.home(name), "identity")];
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  share(name: string, ...paths: string[]): Parley {
    const words = [this.address, ...paths, "--share", "--json", ...this.person(name)];
    return new Parley("send-file", ...words);
  }

  /** A user who listens in the lobby. */
  listener(name: string): Parley {
    return new Parley("client", this.address, "--follow", "--json", ...this.person(name));
  }

  /** A session in this process, for actions that no parley program offers. */
  session(name: string): Promise<OpenSession> {
    const identity = openIdentity(join(this.home(name), "identity"));
    const to = { host: "127.0.0.1", port: this.port };
    const ignored = new IgnoredFile(undefined);
    const rest = { room: "lobby", downloads: "", follow: false, json: false };
    return openSession({ to, name, identity, ignored, ...rest }, new Promise<never>(() => {}));
  }
}

// A wide-area link between two network namespaces for one row: `wanlink.c`, compiled when first
// needed. Needs root, iproute2, a C compiler and /dev/net/tun; reports missing requirements.

import { existsSync } from "node:fs";
import { join } from "node:path";

export interface Link {
  readonly mbit: number;
  readonly rttMs: number;
  readonly lossPercent: number;
  readonly jitterMs?: number;
}

/** Both ends of a link between two namespaces. */
export interface Ends {
  /** Prefixes that run a command at the server's or the client's end. */
  readonly atServer: readonly string[];
  readonly atClient: readonly string[];
  /**
   * Sets the congestion control of the kernel's TCP towards the client; false if the kernel lacks
   * it.
   */
  useTcp(name: string): boolean;
}

export const serverAddress = "10.99.0.1";
export const clientAddress = "10.99.0.2";
const network = "10.99.0.0/24";

/** Why wide-area rows are impossible here; undefined if they are possible. */
export function missingForWideArea(): string | undefined {
  if (process.platform !== "linux") return "no Linux";
  if (process.getuid?.() !== 0) return "not root";
  if (Bun.which("ip") === null) return "no iproute2 (ip)";
  if (Bun.which("cc") === null) return "no C compiler (cc)";
  if (!existsSync("/dev/net/tun")) return "no /dev/net/tun";
  return undefined;
}

export class WideArea implements Ends, AsyncDisposable {
  readonly atServer: readonly string[];
  readonly atClient: readonly string[];
  readonly #names: readonly [string, string];
  readonly #emulator: Bun.Subprocess<"ignore", "pipe", "pipe">;

  private constructor(
    names: readonly [string, string],
    emulator: Bun.Subprocess<"ignore", "pipe", "pipe">,
  ) {
    this.#names = names;
    this.#emulator = emulator;
    this.atServer = ["ip", "netns", "exec", names[0]];
    this.atClient = ["ip", "netns", "exec", names[1]];
  }

  static async open(link: Link, folder: string, seed: number): Promise<WideArea> {
    const program = compile(folder);
    const names = [`parley-${process.pid}-a`, `parley-${process.pid}-b`] as const;
    for (const name of names) run("ip", "netns", "add", name);
    const { mbit, rttMs, lossPercent, jitterMs = 0 } = link;
    const words = { rate: mbit, delay: rttMs / 2, loss: lossPercent, jitter: jitterMs, seed };
    const options = Object.entries(words).flatMap(([name, value]) => [name, String(value)]);
    const emulator = Bun.spawn([program, ...names, ...options], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const area = new WideArea(names, emulator);
    try {
      const { value } = await emulator.stdout.getReader().read();
      if (value === undefined) throw new Error(await new Response(emulator.stderr).text());
      [serverAddress, clientAddress].forEach((address, i) => {
        const name = names[i] ?? "";
        run("ip", "-n", name, "link", "set", "lo", "up");
        run("ip", "-n", name, "addr", "add", `${address}/24`, "dev", "wan0");
        run("ip", "-n", name, "link", "set", "wan0", "up");
      });
    } catch (error) {
      await area[Symbol.asyncDispose]();
      throw error;
    }
    return area;
  }

  useTcp(name: string): boolean {
    const words = ["-n", this.#names[0], "route", "replace", network, "dev", "wan0"];
    return Bun.spawnSync(["ip", ...words, "src", serverAddress, "congctl", name]).success;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#emulator.kill();
    await this.#emulator.exited;
    for (const name of this.#names) Bun.spawnSync(["ip", "netns", "del", name]);
  }
}

function compile(folder: string): string {
  const program = join(folder, "wanlink");
  if (!existsSync(program)) {
    run("cc", "-O2", "-o", program, join(import.meta.dir, "wanlink.c"), "-lm");
  }
  return program;
}

export function run(...words: string[]): void {
  const { success, stderr } = Bun.spawnSync(words, { stderr: "pipe" });
  if (!success) throw new Error(`${words.join(" ")}: ${stderr.toString()}`);
}

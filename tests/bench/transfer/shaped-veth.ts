// Two network namespaces joined by a veth pair that a token bucket (tbf) shapes in both directions:
// the kernel's offloads work as on a real card, and nothing else takes processor time.

import type { Ends } from "./wide-area.ts";
import { clientAddress, run, serverAddress } from "./wide-area.ts";

/** The burst in bytes; must hold the largest offloaded segment. */
const burstBytes = 256 * 1024;
/** The longest queue: 20 ms of the rate. */
const latencyMs = 20;

export class ShapedVeth implements Ends, AsyncDisposable {
  readonly atServer: readonly string[];
  readonly atClient: readonly string[];
  readonly #names: readonly [string, string];

  private constructor(names: readonly [string, string]) {
    this.#names = names;
    this.atServer = ["ip", "netns", "exec", names[0]];
    this.atClient = ["ip", "netns", "exec", names[1]];
  }

  static async open(mbit: number): Promise<ShapedVeth> {
    const names = [`parley-${process.pid}-c`, `parley-${process.pid}-d`] as const;
    const veth = new ShapedVeth(names);
    try {
      for (const name of names) run("ip", "netns", "add", name);
      const [a, b] = names;
      run("ip", "link", "add", "veth0", "netns", a, "type", "veth", "peer", "veth0", "netns", b);
      for (const [i, address] of [serverAddress, clientAddress].entries()) {
        const name = names[i] ?? "";
        run("ip", "-n", name, "link", "set", "lo", "up");
        run("ip", "-n", name, "addr", "add", `${address}/24`, "dev", "veth0");
        run("ip", "-n", name, "link", "set", "veth0", "up");
        const bucket = ["rate", `${mbit}mbit`, "burst", String(burstBytes)];
        const words = [...bucket, "latency", `${latencyMs}ms`];
        run("tc", "-n", name, "qdisc", "add", "dev", "veth0", "root", "tbf", ...words);
      }
    } catch (error) {
      await veth[Symbol.asyncDispose]();
      throw error;
    }
    return veth;
  }

  useTcp(name: string): boolean {
    const words = ["-n", this.#names[0], "route", "replace", "10.99.0.0/24", "dev", "veth0"];
    return Bun.spawnSync(["ip", ...words, "src", serverAddress, "congctl", name]).success;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#names) Bun.spawnSync(["ip", "netns", "del", name]);
  }
}

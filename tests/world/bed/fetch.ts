// `parley fetch-file` on a host, with the events it reports.

import type { Namespace } from "./namespace.ts";
import { parley, type Place, type Process } from "./process.ts";
import type { Scope } from "./scope.ts";
import { chatPort } from "./server.ts";
import { until } from "./wait.ts";

export type FetchEvent = { [field: string]: unknown; event: string };

export class Fetch {
  readonly process: Process;

  /** `flags` follow the name; the file is saved as `to`. */
  constructor(
    scope: Scope,
    space: Namespace,
    server: string,
    name: string,
    to: string,
    flags: readonly string[] = [],
    place: Place = {},
  ) {
    const address = server.includes(":") ? `[${server}]:${chatPort}` : `${server}:${chatPort}`;
    const words = ["fetch-file", "--server", address, name, "-o", to, "--json", ...flags];
    this.process = parley(scope, words, { space, ...place });
  }

  get events(): FetchEvent[] {
    const lines = this.process.stdout.split("\n").slice(0, -1);
    return lines
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as FetchEvent);
  }

  last(event: string): FetchEvent | undefined {
    return this.events.findLast((one) => one.event === event);
  }

  /** The reason of the failure. */
  get failure(): FetchEvent | undefined {
    return this.last("failed") ?? this.last("ended");
  }

  get receivedBytes(): number {
    return Number(this.last("progress")?.["receivedBytes"] ?? 0);
  }

  /** Waits until that much of the file has arrived. */
  async hasReceived(bytes: number): Promise<void> {
    await until(
      () => this.receivedBytes >= bytes || this.process.hasEnded,
      () => `${bytes} bytes; ${this.process.output}`,
    );
    if (this.process.hasEnded) throw new Error(`The fetch has ended: ${this.process.output}`);
  }

  exit(timeoutMs?: number): Promise<number> {
    return this.process.exit(timeoutMs);
  }
}

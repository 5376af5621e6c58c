// The attacks of a stranger, and how one is started; bed/stranger.ts carries them out.

import { join } from "node:path";
import type { Namespace } from "./namespace.ts";
import { spokenVersion } from "./person.ts";
import { Process } from "./process.ts";
import { inBackground } from "./real-time.ts";
import type { Scope } from "./scope.ts";

export const attacks = [
  "talk",
  "long",
  "tell",
  "history",
  "search",
  "join",
  "nested",
  "files",
  "pull",
  "list",
  "head",
] as const;

/** Those of IRC clients. */
export const ircAttacks = ["who", "names", "ban", "past"] as const;

/** Handshakes at the page's port, which requires TLS on it. */
export type Attack = (typeof attacks)[number] | (typeof ircAttacks)[number] | "handshake";

const all: ReadonlySet<string> = new Set([...attacks, ...ircAttacks, "handshake"]);

export function isAttack(word: string): word is Attack {
  return all.has(word);
}

export function isOfIrc(attack: string): boolean {
  return ircAttacks.some((one) => one === attack);
}

export type StrangerOrder = {
  address: string;
  version: 1 | 2;
  connections: number;
  attacks: readonly Attack[];
};

export type StrangerReport = {
  sentBytes: number;
  receivedBytes: number;
  /** How many established connections were closed. */
  reconnects: number;
  /** How many connections were refused. */
  refused: number;
};

export class Stranger {
  readonly #process: Process;

  /** Low in priority: a real stranger has a separate processor. */
  constructor(
    scope: Scope,
    space: Namespace,
    order: { address: string; connections: number; attacks: readonly Attack[] },
  ) {
    const program = join(import.meta.dir, "stranger.ts");
    const given: StrangerOrder = { ...order, version: spokenVersion() };
    const words = [...inBackground, process.execPath, program, JSON.stringify(given)];
    this.#process = new Process(scope, words, { space });
  }

  async ready(): Promise<void> {
    await this.#process.says("ready");
  }

  async stop(): Promise<StrangerReport> {
    this.#process.signal("SIGTERM");
    await this.#process.exit();
    return JSON.parse(this.#process.stdout.trim().split("\n").at(-1) ?? "") as StrangerReport;
  }
}

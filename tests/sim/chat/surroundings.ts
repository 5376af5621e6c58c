// What a simulated person needs from the world around it.

import type { Dialect } from "../../../src/chat/dialect.ts";
import type { Connection } from "./connection.ts";
import type { ServerProcess } from "./server-process.ts";
import type { Truth } from "./truth.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface Surroundings {
  readonly clock: VirtualClock;
  readonly truth: Truth;
  readonly random: () => number;
  readonly native: Dialect;
  readonly server: ServerProcess;
  /** Number of the first message that the log still has of a room. */
  firstKept(room: string): number;
  /** A name that somebody may have. */
  anyName(): string;
  /** The connection is subject to faults. */
  watch(connection: Connection): void;
  /** Somebody has logged in under that name. */
  entered(who: string, name: string): void;
  /** A trace of what is sent, received and reported. */
  trace(who: string, way: "<" | ">" | "!", what: string): void;
}

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
  /** The server that a new connection reaches; undefined: nobody listens. */
  readonly server: ServerProcess | undefined;
  /** Several servers: a name reaches whoever has asked for it before they are told. */
  readonly isShared?: boolean;
  /** Number of the first message that the log still has of a room. */
  firstKept(room: string): number;
  /** A name that somebody may have. */
  anyName(): string;
  /** The connection is subject to faults. */
  watch(connection: Connection, server: ServerProcess): void;
  /** Somebody has logged in under that name. */
  entered(who: string, name: string): void;
  /** A trace of what is sent, received and reported. */
  trace(who: string, way: "<" | ">" | "!", what: string): void;
}

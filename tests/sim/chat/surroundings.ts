// What a simulated user needs from the world.

import type { Dialect } from "../../../src/chat/dialect.ts";
import type { Connection } from "./connection.ts";
import type { Letters } from "./letters.ts";
import type { ServerProcess } from "./server-process.ts";
import type { Truth } from "./truth.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface Surroundings {
  readonly clock: VirtualClock;
  readonly truth: Truth;
  readonly random: () => number;
  readonly native: Dialect;
  /** The server for a new connection; undefined: none listens. */
  readonly server: ServerProcess | undefined;
  /** The server with that address. */
  serverAt?(address: string): ServerProcess | undefined;
  /** With several servers, a name reaches its claimant before the claimant is notified. */
  readonly isShared?: boolean;
  /** Whether messages with higher numbers have later times in each log. */
  readonly isOrderedByTime: boolean;
  /** Others have taken that server for dead, and it may not know yet. */
  isTakenForDead?(server: ServerProcess): boolean;
  /** With several servers: whether the database has that user in the room. */
  isMember?(room: string, name: string): boolean;
  /** Whether the server can know what the others know. */
  isReachable?(server: ServerProcess): boolean;
  /** Everybody who is online at that server or, with several, at another, by folded name. */
  online(server: ServerProcess): ReadonlySet<string>;
  /** The number of the first message that the log still has of a room. */
  firstKept(room: string): number;
  /** How many private messages the mailbox still has after that one. */
  mailKeptAfter(mailbox: string, mail: number): number;
  /** What the mailboxes of accounts have had, and which of it is still there (`letterKey`). */
  readonly letters: Letters;
  keptMail(mailbox: string): ReadonlySet<string>;
  /** Names that users have now and then. */
  readonly names: readonly string[];
  /** A name that some user may have. */
  anyName(): string;
  /** A user to write to. */
  anyRecipient(): string;
  /** The connection is subject to faults. */
  watch(connection: Connection, server: ServerProcess): void;
  /** A user has logged in under that name. */
  entered(who: string, name: string): void;
  /** A trace of what is sent, received and reported. */
  trace(who: string, way: "<" | ">" | "!", what: unknown): void;
}

// What a peer's state machines want done: lines for the terminal, connections, the end. Pure; the adapter obeys in order.

import type { Contact } from "./codec.ts";
import type { PeerNotice } from "./peer-notice.ts";

export type PeerEffect =
  /** A line of S0 (none: only programs are told), and the same for programs. */
  | { do: "show"; line: string | undefined; notice: PeerNotice }
  /** Connect to the registry, send this, and call `answered`. */
  | { do: "ask"; message: string }
  /** Somebody wants to leave: end what is asked or dialled soon. */
  | { do: "hurry" }
  /** Connect, then call `dialled` or `dialFailed`. The connection may stay silent for ever. */
  | { do: "dial"; link: number; contact: Contact }
  /** One send. */
  | { do: "send"; link: number; text: string }
  /** End a connection after what was sent has left. */
  | { do: "close"; link: number }
  /** End a connection on which nothing was said, at once: those who are turned away must not pile up. */
  | { do: "cut"; link: number }
  | { do: "exit"; why: ExitReason };

export type ExitReason =
  | "done"
  /** The one whom we called has turned us down. */
  | "refused"
  /** Nobody types any more, and the last request has reached nobody. */
  | "unreachable"
  | "malformed"
  | Interruption;

/** Ctrl-C, or being asked to stop. */
export type Interruption = "interrupted" | "terminated" | "hung-up";

/** Effects in the order in which they are wanted. */
export class PeerEffects {
  #waiting: PeerEffect[] = [];

  push(effect: PeerEffect): void {
    this.#waiting.push(effect);
  }

  show(line: string | undefined, notice: PeerNotice): void {
    this.push({ do: "show", line, notice });
  }

  /** Says what went wrong, and that we go on. */
  fail(what: string, line: string): void {
    this.show(line, { event: "failed", what, reason: line });
  }

  take(): PeerEffect[] {
    const effects = this.#waiting;
    this.#waiting = [];
    return effects;
  }
}

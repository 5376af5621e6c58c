// Messages between servers by NOTIFY, and data kept for each other in the database. Notifications
// are hints: lost or oversized ones are replaced by reading. Pure.

import type { AccountChange } from "../../chat/account-store.ts";
import type { ForeignComing } from "../../chat/comings.ts";
import type { PrivateMessage } from "../../chat/events.ts";
import type { ForeignEvent } from "../../chat/foreign-events.ts";
import type { HubSignal } from "../../chat/hub-signal.ts";
import { SaidRun } from "../../chat/said-run.ts";
import type { PresenceChange } from "../../chat/store.ts";
import type { StoredRun } from "../packed-runs.ts";

/** Messages of a room in one turn, or changes of its members. */
export type Piece =
  | { room: string; seq: number; count: number; timeMs: number; runs: StoredRun[] }
  | { room: string; version: number; changes: PresenceChange[] };

export type Notice = {
  /** The server that has committed it. */
  from: string;
  /** There is more than fits: read the database. */
  isLarge?: boolean;
  /** That server has ended. */
  isOver?: boolean;
  pieces?: Piece[];
  /** Users who have joined or left that server. */
  people?: ForeignComing[];
  /** Mailboxes, and the number of their last message. */
  mail?: [mailbox: string, mail: number][];
  /** There are signals for some server. */
  hasSignals?: boolean;
  /** Operators have decided something. */
  rights?: boolean;
  erased?: [room: string, seq: number];
  account?: { account: string; change: AccountChange["type"] };
};

/** Undefined: not a notification of this program. */
export function parseNotice(payload: string): Notice | undefined {
  try {
    const notice: Notice = JSON.parse(payload);
    return typeof notice.from === "string" ? notice : undefined;
  } catch {
    return undefined;
  }
}

/** The runs of a row, in the form in which they are delivered. */
export function runsOf(
  stored: readonly StoredRun[],
  { room, seq, timeMs }: { room: string; seq: number; timeMs: number },
): SaidRun[] {
  return stored.map(({ at, time = timeMs, from, alias, n, kind, texts }) => {
    const [first = "", ...rest] = texts;
    const run = new SaidRun(room, seq + at, time, from, alias, n, 0, first, kind);
    for (const text of rest) run.push(text);
    return run;
  });
}

type StoredSignal =
  | { type: "moved"; session: string; claim: number }
  | { type: "hub"; from: string; signal: HubSignal }
  | {
      type: "letter";
      to: string;
      timeMs: number;
      sender: string;
      message: Omit<PrivateMessage, "type" | "mail" | "timeMs" | "from">;
    };

/** An event that another server has left for users of this one. */
export function eventOf(signal: string): ForeignEvent {
  const stored: StoredSignal = JSON.parse(signal);
  if (stored.type === "moved") return stored;
  if (stored.type === "hub") {
    return { type: "signal", server: stored.from, signal: stored.signal };
  }
  const { to, timeMs, sender, message } = stored;
  const { alias, ...content } = message;
  return {
    type: "letter",
    to,
    message: { type: "private", mail: 0, timeMs, from: sender, alias, ...content },
  };
}

// What servers tell each other by NOTIFY, and keep for each other in the database. Notices are hints:
// what is lost or too long is read. Pure.

import type { AccountChange } from "../../chat/account-store.ts";
import type { ForeignComing } from "../../chat/comings.ts";
import type { PrivateMessage } from "../../chat/events.ts";
import type { ForeignEvent } from "../../chat/foreign-events.ts";
import type { HubSignal } from "../../chat/hub-signal.ts";
import { SaidRun } from "../../chat/said-run.ts";
import type { PresenceChange } from "../../chat/store.ts";
import type { StoredRun } from "../packed-runs.ts";

/** What was said in a room in one turn, or who came and went there. */
export type Piece =
  | { room: string; seq: number; count: number; timeMs: number; runs: StoredRun[] }
  | { room: string; version: number; changes: PresenceChange[] };

export type Notice = {
  /** The server that has done it. */
  from: string;
  /** There is more than fits: look for yourself. */
  isLarge?: boolean;
  /** That server is over. */
  isOver?: boolean;
  pieces?: Piece[];
  /** Who has come to that server, or gone. */
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

/** Undefined: not one of this program's. */
export function parseNotice(payload: string): Notice | undefined {
  try {
    const notice: Notice = JSON.parse(payload);
    return typeof notice.from === "string" ? notice : undefined;
  } catch {
    return undefined;
  }
}

/** The runs of a row, as they are delivered. */
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

/** What another server has left for people of this one. */
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

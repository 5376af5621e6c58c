// Messages between servers by NOTIFY, and data kept for each other in the database. Notifications
// are hints: lost or oversized ones are replaced by reading. Pure.

import type { ForeignComing } from "../../chat/people/comings.ts";
import type { PrivateMessage } from "../../chat/events.ts";
import type { ForeignEvent } from "../../chat/elsewhere/foreign-events.ts";
import type { HubSignal } from "../../chat/elsewhere/hub-signal.ts";
import { SaidRun } from "../../chat/rooms/said-run.ts";
import type { SharedCharge } from "../../chat/rates/shared-charges.ts";
import type { PresenceChange } from "../../chat/turn/store.ts";
import { postgres as limits } from "../../limits.ts";
import type { StoredRun } from "../packed-runs.ts";
import type { AccountNotice, ChangeId } from "./account-changes.ts";

/** Messages of a room in one turn. */
export type SaidPiece = {
  room: string;
  seq: number;
  count: number;
  timeMs: number;
  runs: StoredRun[];
};
/** The same, or changes of its members. */
export type Piece = SaidPiece | { room: string; version: number; changes: PresenceChange[] };

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
  /** Guesses and registrations, which all servers count … */
  charges?: SharedCharge[];
  /** … once, even if the request that tells them is repeated. */
  charging?: ChangeId;
  account?: Pick<AccountNotice, "account" | "change"> & Partial<ChangeId>;
};

/** `SERVER TRANSACTION PART PARTS` and a line end, before the text of a part. */
const partPattern = /^(\S+) (\d+) (\d{1,3}) (\d{1,3})\n/;

/** Joins notifications that were sent in several parts (`parley.tell`). */
export class NoticeParts {
  /** By server: its last one of which a part is missing. */
  readonly #unfinished = new Map<string, { transaction: string; texts: Map<number, string> }>();

  /** The whole notification, once nothing of it is missing. */
  add(payload: string): string | undefined {
    const [head = "", server = "", transaction = "", part, parts] = partPattern.exec(payload) ?? [];
    if (head === "") return payload;
    const known = this.#unfinished.get(server);
    const texts = known?.transaction === transaction ? known.texts : new Map<number, string>();
    texts.set(Number(part), payload.slice(head.length));
    this.#unfinished.delete(server);
    if (texts.size >= Number(parts)) return joined(texts);
    if (texts.size <= limits.noticeParts) this.#unfinished.set(server, { transaction, texts });
    const [oldest] = this.#unfinished.keys();
    const isFull = this.#unfinished.size > limits.partialNotices;
    if (isFull && oldest !== undefined) this.#unfinished.delete(oldest);
    return undefined;
  }
}

function joined(texts: ReadonlyMap<number, string>): string {
  const inOrder = [...texts].sort(([a], [b]) => a - b);
  return inOrder.map(([, text]) => text).join("");
}

/**
 * False: a notification by `server` without changes of members, of which it learns nothing itself.
 * Checked without parsing, because it has written most of what it hears.
 */
export function mayConcern(notification: string, server: string): boolean {
  const [, from] = /^\{"from" ?: ?"([^"]*)"/.exec(notification) ?? [];
  return from !== server || notification.includes('"changes"');
}

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
  return stored.map(({ at, time = timeMs, texts, ...said }) => {
    return new SaidRun({ ...said, room, seq: seq + at, timeMs: time, author: 0 }, [...texts]);
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

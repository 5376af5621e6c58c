// How the conversation shows files from person to person: a card per offer, in both directions.
// Pure.

import { pageFiles as limits } from "../limits.ts";
import { append, dropOffer, type MessageLog } from "./message-log.ts";

export type OfferPhase =
  /** Offered to this user, who has not answered. */
  | "asking"
  /** Accepted, and about to be saved; or offered to another user, who has not answered. */
  | "waiting"
  | "running"
  /** The other end, or this one, is offline. */
  | "interrupted"
  | "done"
  | "declined"
  | "cancelled"
  | "failed";

export type OfferCard = {
  readonly id: number;
  /** Whether this user is the sender. */
  readonly isMine: boolean;
  readonly with: string;
  readonly files: number;
  readonly bytes: number;
  /** The first names. */
  readonly names: readonly string[];
  readonly phase: OfferPhase;
  readonly doneBytes: number;
  readonly bytesPerSecond: number;
  /** Details of the phase; may be empty. */
  readonly detail: string;
  /** Whether this page can accept it. */
  readonly canAccept: boolean;
  /** Files that can be downloaded from the page's own store. */
  readonly saved: readonly { readonly name: string; readonly url: string }[];
};

export type OfferAction =
  | { type: "offer"; card: OfferCard; nowMs: number }
  | { type: "offer-change"; id: number; change: Partial<Omit<OfferCard, "id">> };

export type OfferCards = ReadonlyMap<number, OfferCard>;

export function isOver({ phase }: OfferCard): boolean {
  return phase === "done" || phase === "declined" || phase === "cancelled" || phase === "failed";
}

/** Adds a card; the oldest finished one makes room. */
export function addCard(
  cards: OfferCards,
  log: MessageLog,
  { card, nowMs }: Extract<OfferAction, { type: "offer" }>,
): { offers: OfferCards; log: MessageLog } {
  const offers = new Map(cards).set(card.id, card);
  const entry = { kind: "offer", room: undefined, offer: card.id, timeMs: nowMs } as const;
  let shown = append(log, { ...entry, text: textOf(card) });
  for (const [id, old] of offers) {
    if (offers.size <= limits.maxCards) break;
    if (!isOver(old)) continue;
    offers.delete(id);
    shown = dropOffer(shown, id);
  }
  return { offers, log: shown };
}

function textOf({ isMine, with: name, names, files }: OfferCard): string {
  const what = files <= names.length ? names.join(", ") : `${names.join(", ")}, … (${files} files)`;
  return isMine ? `You offered ${name} ${what}` : `${name} offered you ${what}`;
}

export function changeCard(
  cards: OfferCards,
  { id, change }: Extract<OfferAction, { type: "offer-change" }>,
): OfferCards {
  const card = cards.get(id);
  return card === undefined ? cards : new Map(cards).set(id, { ...card, ...change });
}

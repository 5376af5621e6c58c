// What the page shows of files on their way into the shared folder: a card each, above the message
// field. Pure.

export type UploadPhase =
  /** A pasted picture, which may have been pasted by mistake. */
  "asking" | "waiting" | "running" | "failed";

export type UploadCard = {
  readonly id: number;
  /** Who is told. */
  readonly room: string;
  readonly name: string;
  readonly size: number;
  readonly phase: UploadPhase;
  readonly doneBytes: number;
  /** Why it has failed; else empty. */
  readonly detail: string;
};

export type UploadCards = ReadonlyMap<number, UploadCard>;

/** `change` undefined: the card goes. */
export type UploadAction =
  | { type: "upload"; card: UploadCard }
  | { type: "upload-change"; id: number; change: Partial<Omit<UploadCard, "id">> | undefined };

export function changeUploads(cards: UploadCards, action: UploadAction): UploadCards {
  const changed = new Map(cards);
  if (action.type === "upload") return changed.set(action.card.id, action.card);
  const card = changed.get(action.id);
  if (card === undefined) return cards;
  if (action.change === undefined) changed.delete(action.id);
  else changed.set(action.id, { ...card, ...action.change });
  return changed;
}

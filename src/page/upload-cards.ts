// How the page shows uploads to the shared folder: a card each, above the message field. Pure.

export type UploadPhase =
  /** A pasted picture, which may have been pasted by mistake. */
  "asking" | "waiting" | "running" | "failed";

export type UploadCard = {
  readonly id: number;
  /** The room in which it is announced. */
  readonly room: string;
  readonly name: string;
  readonly size: number;
  readonly phase: UploadPhase;
  readonly doneBytes: number;
  /** The reason of a failure, or of an interruption; otherwise empty. */
  readonly detail: string;
};

export type UploadCards = ReadonlyMap<number, UploadCard>;

/** `change` undefined: removes the card. */
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

// The cards of files from person to person, each rendered once and then updated in place, so that
// its buttons stay in position while numbers change.

import { sizeText } from "../../size-text.ts";
import { h, setText } from "../dom.ts";
import { isOver, type OfferCard, type OfferCards } from "../offer-cards.ts";
import type { State } from "../state.ts";
import { progressText } from "../progress-text.ts";
import { clockTime } from "../timeline.ts";
import { savedFile } from "./saved-file.ts";

export type OfferCardActions = {
  accept: (id: number) => void;
  decline: (id: number) => void;
  cancel: (id: number) => void;
};

type Parts = {
  node: HTMLElement;
  state: HTMLElement;
  bar: HTMLProgressElement;
  accept: HTMLButtonElement;
  decline: HTMLButtonElement;
  cancel: HTMLButtonElement;
  buttons: HTMLElement;
  saved: HTMLUListElement;
  drawn: OfferCard | undefined;
};

export class OfferCardsView {
  readonly #actions: OfferCardActions;
  readonly #parts = new Map<number, Parts>();
  #cards: OfferCards = new Map();

  constructor(actions: OfferCardActions) {
    this.#actions = actions;
  }

  render({ offers }: State): void {
    if (offers === this.#cards) return;
    this.#cards = offers;
    for (const [id, parts] of this.#parts) {
      const card = offers.get(id);
      if (card === undefined) this.#parts.delete(id);
      else if (card !== parts.drawn) change(parts, card);
    }
  }

  /** The element of a card, which stays the same. */
  node(id: number, timeMs: number): HTMLElement | undefined {
    const card = this.#cards.get(id);
    if (card === undefined) return undefined;
    const parts = this.#parts.get(id) ?? this.#draw(card, timeMs);
    this.#parts.set(id, parts);
    return parts.node;
  }

  #draw(card: OfferCard, timeMs: number): Parts {
    const { id, isMine } = card;
    const title = h("p", { class: "offer-title", id: `offer-${id}` }, ...titleOf(card));
    const names = h("ul", { class: "offer-names" });
    for (const name of card.names) names.append(h("li", {}, h("bdi", {}, name)));
    const more = card.files - card.names.length;
    if (more > 0 && !card.names.some((name) => name.endsWith("/"))) {
      names.append(h("li", {}, `and ${more} more`));
    }
    const facts = h("p", { class: "offer-facts" }, factsOf(card, timeMs));
    const state = h("p", { class: "offer-state", role: "status" });
    const label = `Progress of the files ${isMine ? "to" : "from"} ${card.with}`;
    const bar = h("progress", { max: 1, value: 0, "aria-label": label, hidden: true });
    const button = (kind: string, text: string, act: () => void): HTMLButtonElement => {
      const attributes = {
        class: `${kind} small`,
        type: "button",
        "aria-describedby": `offer-${id}`,
      };
      const made = h("button", attributes, text);
      made.addEventListener("click", act);
      return made;
    };
    const accept = button("primary", "Accept", () => this.#actions.accept(id));
    const decline = button("quiet", "Decline", () => this.#actions.decline(id));
    const cancel = button("quiet", "Cancel", () => this.#actions.cancel(id));
    const buttons = h("div", { class: "offer-buttons" }, accept, decline, cancel);
    const saved = h("ul", { class: "offer-saved", hidden: true });
    const node = h(
      "section",
      { class: isMine ? "offer mine" : "offer", "aria-labelledby": `offer-${id}` },
      title,
      names,
      facts,
      bar,
      state,
      saved,
      buttons,
    );
    const parts = { node, state, bar, accept, decline, cancel, buttons, saved, drawn: undefined };
    change(parts, card);
    return parts;
  }
}

function change(parts: Parts, card: OfferCard): void {
  const { phase, isMine, doneBytes, bytes } = card;
  const isNewPhase = parts.drawn?.phase !== phase;
  const hadFocus = parts.buttons.contains(document.activeElement);
  parts.node.dataset["phase"] = phase;
  parts.bar.hidden = phase !== "running" && phase !== "interrupted";
  parts.bar.value = bytes === 0 ? 1 : Math.min(1, doneBytes / bytes);
  // Only changes of phase are announced; the progress bar tells screen readers the rest.
  parts.state.setAttribute("aria-live", isNewPhase ? "polite" : "off");
  setText(parts.state, stateText(card));
  const isAsking = phase === "asking";
  parts.accept.hidden = !isAsking || !card.canAccept;
  parts.decline.hidden = !isAsking;
  parts.cancel.hidden = isAsking || isOver(card);
  parts.buttons.hidden = isOver(card);
  setText(parts.cancel, isMine && phase === "waiting" ? "Withdraw" : "Cancel");
  if (card.saved !== parts.drawn?.saved) drawSaved(parts.saved, card);
  parts.drawn = card;
  // The focused button has been removed: the focus must not fall back to the document.
  if (hadFocus && !parts.buttons.contains(document.activeElement)) focusNext(parts);
}

function focusNext({ cancel, node }: Parts): void {
  if (!cancel.hidden) return cancel.focus();
  node.tabIndex = -1;
  node.focus();
}

function drawSaved(list: HTMLUListElement, { saved }: OfferCard): void {
  list.hidden = saved.length === 0;
  list.replaceChildren(...saved.map(({ name, url }) => savedFile(name, url)));
}

function titleOf({ isMine, with: name, files }: OfferCard): (Node | string)[] {
  const person = h("b", {}, h("bdi", {}, name));
  const what =
    files === 1 ? "a file" : files === 0 ? "files" : `${files.toLocaleString("en")} files`;
  return isMine ? [`You offer ${what} to `, person] : [person, ` offers you ${what}`];
}

/** The page has no key, so the server can read the files it sends and receives. */
function factsOf({ bytes, files }: OfferCard, timeMs: number): string {
  return files === 0
    ? clockTime(timeMs)
    : `${sizeText(bytes)} · ${clockTime(timeMs)} · not sealed: the server can read it`;
}

function stateText(card: OfferCard): string {
  const { phase, detail, isMine, with: name } = card;
  switch (phase) {
    case "asking":
      return detail;
    case "waiting":
      return detail || (isMine ? `Waiting for ${name} to answer` : `Waiting for ${name} to send`);
    case "running":
      return detail === "" ? progressText(card) : `${progressText(card)} · ${detail}`;
    case "interrupted":
      return detail;
    case "done":
      return detail || "Done";
    case "declined":
      return isMine ? `${name} declined it` : "Declined";
    case "cancelled":
      return detail || "Cancelled";
    case "failed":
      return detail;
  }
}

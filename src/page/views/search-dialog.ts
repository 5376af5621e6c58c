// The dialog that searches the history of the current room.

import { quoted } from "../../text.ts";
import { byId, dialogById, h, setProblem, setText } from "../dom.ts";
import type { SearchState, State } from "../state.ts";
import { clockTime, dayLabel } from "../timeline.ts";
import { drawRichText } from "./rich-text-view.ts";

export type SearchActions = {
  search: (text: string) => void;
  /** Shows a message of that room in its context. */
  goTo: (room: string, seq: number) => void;
  close: () => void;
};

type Found = SearchState["found"][number];

export class SearchDialog {
  readonly #dialog: HTMLDialogElement;
  readonly #title = byId("search-title", HTMLElement);
  readonly #text = byId("search-text", HTMLInputElement);
  readonly #problem = byId("search-problem", HTMLElement);
  readonly #status = byId("search-status", HTMLElement);
  readonly #found = byId("search-found", HTMLOListElement);
  readonly #actions: SearchActions;
  #rendered: SearchState | undefined;

  constructor(actions: SearchActions) {
    this.#actions = actions;
    this.#dialog = dialogById("search-dialog", () => actions.close());
    byId("search-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      actions.search(this.#text.value.trim());
    });
  }

  render({ search }: State): void {
    const last = this.#rendered;
    if (search === last) return;
    this.#rendered = search;
    if (search === undefined) return this.#dialog.close();
    if (last === undefined) {
      this.#dialog.showModal();
      this.#text.value = search.text;
      this.#text.select();
    }
    setText(this.#title, `Search in ${search.room}`);
    setProblem(this.#text, this.#problem, search.problem);
    setText(this.#status, statusOf(search));
    if (last?.found === search.found) return;
    this.#found.replaceChildren(...search.found.map((message) => this.#draw(search.room, message)));
    // The newest are most likely wanted; they are last, as in the conversation.
    this.#found.scrollTop = this.#found.scrollHeight;
  }

  #draw(room: string, { seq, from, timeMs, text, manner }: Found): HTMLLIElement {
    const time = h(
      "time",
      { datetime: new Date(timeMs).toISOString() },
      `${dayLabel(timeMs, Date.now())}, ${clockTime(timeMs)}`,
    );
    const head = h(
      "button",
      { class: "meta", type: "button", title: "Show in the conversation" },
      h("b", {}, h("bdi", {}, from)),
      time,
    );
    head.addEventListener("click", () => this.#actions.goTo(room, seq));
    const what = h("p", { class: "text", dir: "auto" }, ...drawRichText(text));
    if (manner === "emote") what.prepend("* ");
    return h("li", { class: "found" }, head, what);
  }
}

function statusOf({ phase, found, isPart, text }: SearchState): string {
  if (phase === "asking") return "Searching …";
  if (phase === "new") return "";
  if (found.length === 0) return `Nothing found for ${quoted(text)}.`;
  const count = found.length === 1 ? "1 message" : `${found.length} messages`;
  return isPart ? `The last ${count}; there may be earlier ones.` : `${count} found.`;
}

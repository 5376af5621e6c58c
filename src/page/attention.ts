// Telling a person who looks elsewhere: the unread count in the title, a notification if allowed, words for a screen reader.

import type { SessionEvent } from "../client/events.ts";
import { byId, setText } from "./dom.ts";
import type { State } from "./state.ts";

export class Attention {
  readonly #button = byId("notify", HTMLButtonElement);
  readonly #announce = byId("announce", HTMLElement);
  #isWanted = false;

  constructor() {
    this.#button.hidden = !("Notification" in window);
    this.#button.addEventListener("click", () => void this.#toggle());
  }

  render(state: State): void {
    const place = state.atDoor ? "parley" : `${state.room} · parley`;
    const title = state.unread > 0 ? `(${state.unread}) ${place}` : place;
    if (document.title !== title) document.title = title;
  }

  /** What others have just said; past messages that only arrive late are no news. */
  heard(events: readonly SessionEvent[], isAway: boolean): void {
    const news = events.map(newsOf).filter((text) => text !== undefined);
    const last = news.at(-1);
    if (last === undefined) return;
    setText(this.#announce, news.length > 1 ? `${news.length} messages, the last: ${last}` : last);
    if (isAway && this.#isWanted && Notification.permission === "granted") notify(last);
  }

  async #toggle(): Promise<void> {
    if (this.#isWanted) this.#isWanted = false;
    else this.#isWanted = (await Notification.requestPermission()) === "granted";
    this.#button.setAttribute("aria-pressed", String(this.#isWanted));
    const refused = !this.#isWanted && Notification.permission === "denied";
    if (refused) setText(this.#announce, "The browser does not allow notifications of this page.");
    this.#button.title = refused ? "Blocked by the browser" : "Notify me of messages";
  }
}

/** What is worth a person's attention: what others say and ask, now. */
function newsOf(event: SessionEvent): string | undefined {
  if (event.type === "message" && !event.mine && !event.replayed) {
    return `${event.from}: ${event.text.slice(0, 300)}`;
  }
  if (event.type === "private" && !event.replayed) {
    return `${event.from}, to you alone: ${event.text.slice(0, 300)}`;
  }
  if (event.type === "chat" && event.state === "invited") {
    return `${event.with} asks you for a private chat`;
  }
  return undefined;
}

function notify(text: string): void {
  try {
    // One at a time: a busy room must not bury the screen.
    const note = new Notification("parley", { body: text, tag: "parley" });
    note.addEventListener("click", () => window.focus());
  } catch {
    // Some phones allow them to service workers only.
  }
}

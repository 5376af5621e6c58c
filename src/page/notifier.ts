// Tells the user about new messages: unread count in the title, screen reader announcements, and
// notifications if they are allowed.

import type { SessionEvent } from "../client/events.ts";
import { harmless } from "../text.ts";
import { byId, setText } from "./dom.ts";
import { mentions } from "./mentions.ts";
import { type State, unreadTotal } from "./state.ts";

/** Longest part of a message that is announced. */
const maxChars = 300;

export class Notifier {
  readonly #button = byId("notify", HTMLButtonElement);
  readonly #announcer = byId("announcer", HTMLElement);
  #isWanted = false;

  constructor() {
    this.#button.hidden = !("Notification" in window);
    this.#button.addEventListener("click", () => void this.#toggle());
  }

  render(state: State): void {
    const place =
      state.isLoginShown || state.shown === undefined ? "parley" : `${state.shown} · parley`;
    const unread = unreadTotal(state);
    const title = unread > 0 ? `(${unread}) ${place}` : place;
    if (document.title !== title) document.title = title;
  }

  /** Announces the session's events. `state` already includes them. */
  handle(events: readonly SessionEvent[], state: State): void {
    const news = events
      .filter((event) => isForAttention(event, state))
      .map((event) => newsText(event, state))
      .filter((text) => text !== undefined);
    const last = news.at(-1);
    if (last === undefined) return;
    const text = news.length > 1 ? `${news.length} messages, the last: ${last}` : last;
    setText(this.#announcer, text);
    if (state.isAway && this.#isWanted && Notification.permission === "granted") notify(last);
  }

  async #toggle(): Promise<void> {
    if (this.#isWanted) this.#isWanted = false;
    else this.#isWanted = (await Notification.requestPermission()) === "granted";
    this.#button.setAttribute("aria-pressed", String(this.#isWanted));
    const isBlocked = !this.#isWanted && Notification.permission === "denied";
    if (isBlocked) setText(this.#announcer, "The browser does not allow notifications from here.");
    this.#button.title = isBlocked ? "Notifications are blocked by the browser" : "Notifications";
  }
}

/**
 * Replayed messages are not announced. While the user is reading, other rooms interrupt only with
 * mentions.
 */
function isForAttention(event: SessionEvent, state: State): boolean {
  if (event.type === "private") return !event.replayed;
  if (event.type === "chat") return event.state === "invited";
  if (event.type !== "message" || event.mine || event.replayed) return false;
  return state.isAway || event.room === state.shown || mentions(event.text, state.name);
}

function newsText(event: SessionEvent, state: State): string | undefined {
  if (event.type === "message") {
    const where = event.room === state.shown ? "" : ` in ${event.room}`;
    return harmless(`${event.from}${where}: ${event.text.slice(0, maxChars)}`);
  }
  if (event.type === "private") {
    return harmless(`${event.from}, privately: ${event.text.slice(0, maxChars)}`);
  }
  if (event.type === "chat") return harmless(`${event.with} invites you to a private chat`);
  return undefined;
}

function notify(text: string): void {
  try {
    // The tag limits it to one at a time, so that a busy room does not cover the screen.
    const notification = new Notification("parley", { body: text, tag: "parley" });
    notification.addEventListener("click", () => window.focus());
  } catch {
    // On some phones only service workers may show notifications.
  }
}

// Notifies the user of new messages: unread count in the title, screen reader announcements, and
// notifications as far as they are wanted and allowed.

import type { SessionEvent } from "../client/events.ts";
import { harmless } from "../text.ts";
import { byId } from "./dom.ts";
import { mentions } from "../client/mentions.ts";
import { noticesSince } from "./message-log.ts";
import {
  levelOf,
  loadSettings,
  noNotifications,
  type NotificationSettings,
  storeSettings,
} from "./notification-settings.ts";
import { type Action, type State, unreadTotal } from "./state.ts";

/** Maximum length of an announced message. */
const maxChars = 300;

export class Notifier {
  readonly #button = byId("notify", HTMLButtonElement);
  readonly #icon = byId("notify-icon", SVGUseElement);
  readonly #announcer = byId("announcer", HTMLElement);
  readonly #dispatch: (action: Action) => void;
  /** To be announced with the next rendering. */
  #news: string[] = [];
  /** The log's next key when notices were last announced. */
  #nextKey = 0;

  constructor(dispatch: (action: Action) => void) {
    this.#dispatch = dispatch;
    this.#button.addEventListener("click", () => this.open());
  }

  render(state: State): void {
    const place =
      state.isLoginShown || state.shown === undefined ? "parley" : `${state.shown} · parley`;
    const unread = unreadTotal(state);
    const title = unread > 0 ? `(${unread}) ${place}` : place;
    if (document.title !== title) document.title = title;
    const isOn = isAllowed(state);
    this.#icon.setAttribute("href", isOn ? "#i-bell" : "#i-bell-off");
    this.#button.title = isOn ? "Notifications are on" : "Notifications are off";
    this.#announce(state);
  }

  /** Lets screen readers read the notices, such as the answers to commands, and the news. */
  #announce({ log, shown }: State): void {
    const notices = noticesSince(log, this.#nextKey, shown);
    this.#nextKey = log.nextKey;
    const news = this.#news.splice(0);
    const count = news.length > 1 ? `${news.length} messages, the last: ` : "";
    const parts = [...notices, ...news.slice(-1).map((last) => count + last)];
    if (parts.length === 0) return;
    const text = parts.map((part) => part.slice(0, maxChars)).join("\n");
    // The same text twice would be read once.
    const isRepeated = this.#announcer.textContent === text;
    this.#announcer.textContent = isRepeated ? `${text}\u00A0` : text;
  }

  /** Announces the session's events. `state` already includes them. */
  handle(events: readonly SessionEvent[], state: State): void {
    const heard = events.filter((event) => isForAttention(event, state));
    // An invitation is announced by its notice.
    const said = heard.filter(({ type }) => type !== "chat");
    this.#news.push(...newsOf(said, state));
    if (!state.isAway || !isAllowed(state)) return;
    const wanted = newsOf(
      heard.filter((event) => isWanted(event, state)),
      state,
    ).at(-1);
    if (wanted !== undefined) void notify(wanted);
  }

  /** Announces something that concerns only the user. */
  tell(text: string, state: State): void {
    this.#news.push(text);
    if (state.isAway && isAllowed(state)) void notify(text);
  }

  /** Opens the dialog. */
  open(): void {
    // The permission may have changed in the browser's own settings.
    this.load();
    this.#dispatch({ type: "show-notifications", isShown: true });
  }

  /** Shows the stored settings, if there are any, and the browser's permission. */
  load(): void {
    this.#show(loadSettings() ?? noNotifications);
  }

  /** Changes the settings, which another tab may have changed as well. `shown`: those here. */
  change(
    shown: NotificationSettings,
    update: (settings: NotificationSettings) => NotificationSettings,
  ): void {
    const settings = update(loadSettings() ?? shown);
    storeSettings(settings);
    this.#show(settings);
  }

  /** Called by a click: browsers only ask their users then. */
  async toggle(shown: NotificationSettings, isOn: boolean): Promise<void> {
    const isWanted = !isOn && (await Notification.requestPermission()) === "granted";
    this.change(shown, (settings) => ({ ...settings, isWanted }));
  }

  #show(settings: NotificationSettings): void {
    this.#dispatch({ type: "notifications", settings, permission: permission() });
  }
}

function permission(): State["permission"] {
  // By HTTP from another machine, browsers deny them without asking.
  return "Notification" in window && isSecureContext ? Notification.permission : "unsupported";
}

export function isAllowed({ notifications, permission }: State): boolean {
  return notifications.isWanted && permission === "granted";
}

/**
 * Replayed messages are not announced. While the user is reading, other rooms interrupt only with
 * mentions.
 */
function isForAttention(event: SessionEvent, state: State): boolean {
  if (event.type === "private") return !event.replayed;
  if (event.type === "failed") return true;
  if (event.type === "chat") return event.state === "invited";
  if (event.type !== "message" || event.mine || event.replayed) return false;
  if (event.deleted === true) return false;
  return state.isAway || event.room === state.shown || mentions(event.text, state.name);
}

/** Whether the user wants a notification for it. */
function isWanted(event: SessionEvent, { notifications, name }: State): boolean {
  if (event.type !== "message") return true;
  const level = levelOf(notifications, event.room);
  return level === "all" || (level === "mentions" && mentions(event.text, name));
}

function newsOf(events: readonly SessionEvent[], state: State): string[] {
  return events.flatMap((event) => newsText(event, state) ?? []);
}

function newsText(event: SessionEvent, state: State): string | undefined {
  if (event.type === "message") {
    const where = event.room === state.shown ? "" : ` in ${event.room}`;
    const { text } = event;
    return harmless(
      event.kind === "emote" ? `${event.from} ${text}${where}` : `${event.from}${where}: ${text}`,
    );
  }
  if (event.type === "private") {
    return harmless(`${event.from}, privately: ${event.text}`);
  }
  if (event.type === "failed") return harmless(`Not sent: ${event.message}`);
  if (event.type === "chat") return harmless(`${event.with} invites you to a private chat`);
  return undefined;
}

async function notify(text: string): Promise<void> {
  // The tag limits it to one at a time, so that a busy room does not cover the screen.
  const options = { body: text.slice(0, maxChars), tag: "parley", icon: "/icon.svg" };
  try {
    const notification = new Notification("parley", options);
    notification.addEventListener("click", () => window.focus());
  } catch {
    // On some phones only service workers may show notifications.
    const worker = await navigator.serviceWorker?.getRegistration();
    await worker?.showNotification("parley", options);
  }
}

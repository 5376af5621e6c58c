// The timeline of the current room. Only a window of it is in the document. The scroll position is
// kept, or follows the end if the user is there.

import { byId, setText, syncChildren } from "../dom.ts";
import {
  around,
  atEnd,
  earlier,
  followEnd,
  keepPlace,
  later,
  type ListWindow,
} from "../list-window.ts";
import { entriesIn, type Entry, type MessageLog } from "../message-log.ts";
import {
  firstOf,
  foldRuns,
  holds,
  isSameItem,
  lastOf,
  type Run,
  type TimelineItem,
} from "../presence-runs.ts";
import { hasEarlier, shownRoom, type State } from "../state.ts";
import { dayLabel, dayOf, startsDay, startsGroup } from "../timeline.ts";
import { drawItem, type Placement } from "./message-item.ts";
import { NoticeRun } from "./notice-run.ts";

type Item = {
  content: TimelineItem;
  placement: Placement;
  node: HTMLLIElement;
  /** Updates the content of a run. */
  run: NoticeRun | undefined;
};

/** A visible item, by its key, and where it ends below the upper edge. */
type Anchor = { key: number; endPixels: number };

/** More entries are added when the end of the window is this close, in pixels. */
const reachPixels = 1_200;
/** Within this distance the user is considered to be at the end, in pixels. */
const endPixels = 40;

export type MessageListActions = {
  loadEarlier: () => void;
  /** The element that shows an offer. */
  offerCard: (id: number, timeMs: number) => HTMLElement | undefined;
};

export class MessageList {
  readonly #actions: MessageListActions;
  readonly #scroll = byId("scroll", HTMLElement);
  readonly #list = byId("messages", HTMLOListElement);
  readonly #empty = byId("empty", HTMLElement);
  readonly #earlier = byId("earlier", HTMLButtonElement);
  readonly #jump = byId("jump", HTMLButtonElement);
  readonly #jumpText = byId("jump-text", HTMLElement);
  #items = new Map<number, Item>();
  #log: MessageLog["entries"] | undefined;
  #entries: readonly Entry[] = [];
  /** The entries, with runs of joins and parts as one. */
  #timeline: readonly TimelineItem[] = [];
  #room: string | undefined;
  /** The day on which it was drawn: at midnight `Today` becomes `Yesterday`. */
  #today = "";
  #hasEarlier = false;
  #firstUnreadKey: number | undefined;
  #window: ListWindow = { from: 0, to: 0 };
  #followsEnd = true;
  /** The layout when the list was last scrolled to the end. */
  #pinnedLayout = "";
  /** Key of the newest entry when the user scrolled away from the end. */
  #leftAtKey: number | undefined;
  #isScrollHandled = true;
  /** The width for which the lines were broken, in pixels. */
  #width = 0;
  /** What was in sight when the user last scrolled. */
  #read: Anchor | undefined;
  #revealed: State["revealed"];

  constructor(actions: MessageListActions) {
    this.#actions = actions;
    this.#earlier.addEventListener("click", () => actions.loadEarlier());
    this.#jump.addEventListener("click", () => this.#jumpToEnd());
    this.#scroll.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    const observer = new ResizeObserver(() => this.#resized());
    observer.observe(this.#scroll);
    // Cards grow and shrink by themselves.
    observer.observe(this.#list);
  }

  render(state: State): void {
    const room = shownRoom(state);
    const isEarlier = room !== undefined && hasEarlier(state, room);
    const today = dayOf(Date.now());
    const isSame =
      today === this.#today &&
      state.log.entries === this.#log &&
      state.shown === this.#room &&
      isEarlier === this.#hasEarlier &&
      room?.firstUnreadKey === this.#firstUnreadKey;
    const revealed = state.revealed === this.#revealed ? undefined : state.revealed;
    this.#revealed = state.revealed;
    if (isSame) {
      if (revealed !== undefined) this.#reveal(revealed.key);
      return;
    }
    if (state.shown !== this.#room) this.#followsEnd = true;
    const entries = entriesIn(state.log, state.shown);
    const timeline = foldRuns(entries);
    this.#window = this.#windowFor(timeline);
    this.#today = today;
    this.#log = state.log.entries;
    this.#room = state.shown;
    this.#entries = entries;
    this.#timeline = timeline;
    this.#hasEarlier = isEarlier;
    this.#firstUnreadKey = room?.firstUnreadKey;
    this.#empty.hidden = entries.length > 0;
    this.#draw();
    // Entries inserted above the window cause no scroll event.
    if (!this.#followsEnd) this.#scrolled();
    if (revealed !== undefined) this.#reveal(revealed.key);
  }

  /** Scrolls to an entry, and highlights it for a moment. */
  #reveal(key: number): void {
    const at = this.#timeline.findIndex((item) => holds(item, key));
    if (at < 0) return;
    this.#followsEnd = false;
    this.#leftAtKey = this.#entries.at(-1)?.key;
    this.#window = around(at, this.#timeline.length);
    this.#draw();
    const node = this.#items.get(this.#timeline[at]?.key ?? key)?.node;
    node?.scrollIntoView({ block: "center" });
    node?.classList.add("revealed");
    node?.addEventListener("animationend", () => node.classList.remove("revealed"), { once: true });
    this.#scroll.focus({ preventScroll: true });
  }

  /** Scrolls to the end with the next rendering, and follows it. */
  followEnd(): void {
    this.#followsEnd = true;
  }

  #jumpToEnd(): void {
    this.#followsEnd = true;
    this.#window = atEnd(this.#timeline.length);
    this.#draw();
    this.#scroll.focus({ preventScroll: true });
  }

  #windowFor(timeline: readonly TimelineItem[]): ListWindow {
    const total = timeline.length;
    const firstKey = this.#timeline[this.#window.from]?.key;
    const first = timeline.findIndex((item) => holds(item, firstKey));
    if (this.#followsEnd) return followEnd(first, total);
    if (first < 0) return atEnd(total);
    const kept = keepPlace(this.#window, first, total, this.#window.to >= this.#timeline.length);
    // Nothing could move up if the window began with what is being read.
    return this.#scroll.scrollTop < reachPixels ? earlier(kept) : kept;
  }

  #draw(): void {
    const anchor = this.#anchor();
    this.#earlier.hidden = !this.#hasEarlier || this.#window.from > 0;
    const items = new Map<number, Item>();
    for (let i = this.#window.from; i < this.#window.to; i++) {
      const item = this.#item(i);
      if (item !== undefined) items.set(item.content.key, item);
    }
    this.#items = items;
    syncChildren(
      this.#list,
      Array.from(items.values(), ({ node }) => node),
    );
    this.#goBackTo(anchor);
    this.#drawJump();
  }

  #item(i: number): Item | undefined {
    const content = this.#timeline[i];
    if (content === undefined) return undefined;
    const previous = this.#timeline[i - 1];
    const entry = firstOf(content);
    const before = previous && lastOf(previous);
    const placement: Placement = {
      isFirstOfGroup: startsGroup(entry, before),
      day: startsDay(entry, before) ? dayLabel(entry.timeMs, Date.now()) : undefined,
      isFirstUnread: entry.key === this.#firstUnreadKey,
    };
    const known = this.#items.get(content.key);
    const isPlaced = known !== undefined && isSamePlacement(known.placement, placement);
    if (isPlaced && isSameItem(known.content, content)) return known;
    if (content.kind !== "run") {
      const card =
        content.kind === "offer"
          ? this.#actions.offerCard(content.offer, content.timeMs)
          : undefined;
      return { content, placement, node: drawItem(content, placement, card), run: undefined };
    }
    // An unfolded run stays unfolded, and keeps the focus.
    if (isPlaced && known.run !== undefined) {
      known.run.update(content);
      return { ...known, content };
    }
    const run = known?.run ?? this.#newRun(content);
    run.update(content);
    return { content, placement, node: drawItem(content, placement, run.node), run };
  }

  #newRun(content: Run): NoticeRun {
    const run = new NoticeRun(content);
    // A run that unfolds at the end stays in sight.
    run.node.addEventListener("toggle", () => this.#followsEnd && this.#pinToEnd());
    return run;
  }

  /**
   * The first visible item of the room, and where it ends: its beginning changes with what comes
   * before it. A private message if there is nothing else: earlier messages of the room may be
   * inserted below it.
   */
  #anchor(): Anchor | undefined {
    if (this.#followsEnd) return undefined;
    const sight = this.#scroll.getBoundingClientRect();
    let first: Anchor | undefined;
    for (const [key, { content, node }] of this.#items) {
      const { top, bottom } = node.getBoundingClientRect();
      if (bottom <= sight.top) continue;
      if (top >= sight.bottom) break;
      const anchor = { key, endPixels: bottom - sight.top };
      if (firstOf(content).room !== undefined) return anchor;
      first ??= anchor;
    }
    return first;
  }

  /** Scrolls so that the anchor is where it was; undefined: to the end. */
  #goBackTo(anchor: Anchor | undefined): void {
    if (anchor === undefined) return this.#pinToEnd();
    const node = this.#items.get(anchor.key)?.node;
    if (node === undefined) return;
    const { top } = this.#scroll.getBoundingClientRect();
    this.#scroll.scrollTop += node.getBoundingClientRect().bottom - top - anchor.endPixels;
  }

  #resized(): void {
    if (this.#followsEnd) this.#pinToEnd();
    this.#turned();
  }

  /** A phone that is turned breaks all lines anew: the same message stays in sight. */
  #turned(): void {
    const { clientWidth } = this.#scroll;
    if (clientWidth === this.#width) return;
    this.#width = clientWidth;
    if (!this.#followsEnd && this.#read !== undefined) this.#goBackTo(this.#read);
  }

  #pinToEnd(): void {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    this.#pinnedLayout = this.#layout();
  }

  #layout(): string {
    const { clientWidth, clientHeight, scrollHeight } = this.#scroll;
    return [clientWidth, clientHeight, scrollHeight].join();
  }

  #scrolled(): void {
    if (!this.#isScrollHandled) return;
    this.#isScrollHandled = false;
    requestAnimationFrame(() => {
      this.#isScrollHandled = true;
      this.#handleScroll();
    });
  }

  /** Moves the window if an end is close, and notes whether the user is at the end. */
  #handleScroll(): void {
    // The layout changed, so the user has not scrolled away from the end.
    if (this.#followsEnd && this.#layout() !== this.#pinnedLayout) return this.#pinToEnd();
    // Turned in the same frame: what was read before is looked for first.
    this.#turned();
    const { scrollTop, scrollHeight, clientHeight } = this.#scroll;
    const below = scrollHeight - scrollTop - clientHeight;
    const total = this.#timeline.length;
    const isAtEnd = below < endPixels && this.#window.to >= total;
    if (this.#followsEnd && !isAtEnd) this.#leftAtKey = this.#entries.at(-1)?.key;
    this.#followsEnd = isAtEnd;
    if (scrollTop < reachPixels && this.#window.from > 0) {
      this.#window = earlier(this.#window);
      this.#draw();
    } else if (below < reachPixels && this.#window.to < total) {
      this.#window = later(this.#window, total);
      this.#draw();
    } else this.#drawJump();
    this.#read = this.#anchor();
  }

  #drawJump(): void {
    this.#jump.hidden = this.#followsEnd;
    if (this.#followsEnd) return;
    const fresh = this.#messagesSinceLeft();
    setText(this.#jumpText, fresh > 0 ? `${fresh} new` : "Latest");
  }

  #messagesSinceLeft(): number {
    let count = 0;
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const entry = this.#entries[i];
      if (entry?.key === this.#leftAtKey) return count;
      if (entry?.kind === "message") count++;
    }
    // The entry has been trimmed from the log.
    return 0;
  }
}

function isSamePlacement(a: Placement, b: Placement): boolean {
  return (
    a.isFirstOfGroup === b.isFirstOfGroup && a.day === b.day && a.isFirstUnread === b.isFirstUnread
  );
}

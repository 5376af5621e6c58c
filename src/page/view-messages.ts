// The list of messages in the document: a window of the log, kept where the person reads, following the end when they are there.

import type { Entry, SaidEntry } from "./entries.ts";
import { byId, h, icon, setText } from "./dom.ts";
import { drawAvatar } from "./avatar.ts";
import { clockTime, dayLabel, startsGroup, startsDay } from "./layout.ts";
import type { State } from "./state.ts";
import { atEnd, earlier, followed, later, moved, type Window } from "./window.ts";

type Item = { entry: Entry; first: boolean; day: boolean; node: HTMLLIElement };

/** Pixels from an end of what is shown at which more is brought in. */
const reachPixels = 1_200;
/** Pixels from the end that still count as being there. */
const endPixels = 40;

export class MessageList {
  readonly #scroll = byId("scroll", HTMLElement);
  readonly #list = byId("list", HTMLOListElement);
  readonly #empty = byId("empty", HTMLElement);
  readonly #earlier = byId("earlier", HTMLButtonElement);
  readonly #jump = byId("jump", HTMLButtonElement);
  readonly #jumpText = byId("jump-text", HTMLElement);
  #items = new Map<number, Item>();
  #entries: readonly Entry[] = [];
  #hasEarlier = false;
  #room = "";
  #window: Window = { from: 0, to: 0 };
  #follows = true;
  /** Key of the newest entry when the person left the end. */
  #leftAtKey = 0;
  #newestKey = 0;
  #isScrollSeen = false;

  constructor(askEarlier: () => void) {
    this.#earlier.addEventListener("click", askEarlier);
    this.#jump.addEventListener("click", () => this.#toEnd());
    this.#scroll.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#follows && this.#pin()).observe(this.#scroll);
  }

  render(state: State): void {
    const { entries, hasEarlier } = state.log;
    if (entries === this.#entries && hasEarlier === this.#hasEarlier) return;
    if (state.room !== this.#room) this.#follows = true;
    this.#room = state.room;
    this.#window = this.#windowFor(entries);
    this.#entries = entries;
    this.#hasEarlier = hasEarlier;
    this.#newestKey = state.log.nextKey - 1;
    this.#draw();
    // What has come above the first that is shown moves nothing, so nobody else would look whether it is near.
    if (!this.#follows) this.#scrolled();
  }

  /** Follows the newest from the next drawing on. */
  follow(): void {
    this.#follows = true;
  }

  /** Shows the newest and follows it from now on. */
  #toEnd(): void {
    this.#follows = true;
    this.#window = atEnd(this.#entries.length);
    this.#draw();
    this.#scroll.focus({ preventScroll: true });
  }

  #windowFor(entries: readonly Entry[]): Window {
    const total = entries.length;
    const firstKey = this.#entries[this.#window.from]?.key;
    const first = entries.findIndex((entry) => entry.key === firstKey);
    if (this.#follows) return followed(first, total);
    if (first < 0) return atEnd(total);
    return moved(this.#window, first, total, this.#window.to >= this.#entries.length);
  }

  #draw(): void {
    this.#empty.hidden = this.#entries.length > 0;
    const anchor = this.#follows ? undefined : this.#anchor();
    this.#earlier.hidden = !this.#hasEarlier || this.#window.from > 0;
    const items = new Map<number, Item>();
    for (let i = this.#window.from; i < this.#window.to; i++) {
      const item = this.#item(i);
      items.set(item.entry.key, item);
    }
    // What stays is not touched, so that only what comes is laid out.
    for (const [key, { node }] of this.#items) if (items.get(key)?.node !== node) node.remove();
    let place = this.#list.firstChild;
    for (const { node } of items.values()) {
      if (place === node) place = node.nextSibling;
      else this.#list.insertBefore(node, place);
    }
    this.#items = items;
    if (anchor === undefined) this.#pin();
    else if (anchor.node.isConnected) {
      this.#scroll.scrollTop += anchor.node.getBoundingClientRect().top - anchor.top;
    }
    this.#showJump();
  }

  #item(i: number): Item {
    const entry = this.#entries[i]!;
    const previous = this.#entries[i - 1];
    const first = startsGroup(entry, previous);
    const day = startsDay(entry, previous);
    const known = this.#items.get(entry.key);
    if (known?.entry === entry && known.first === first && known.day === day) return known;
    const node = h("li", { class: "item" });
    if (day) node.append(h("p", { class: "day" }, dayLabel(entry.timeMs, Date.now())));
    node.append(entry.kind === "banner" ? drawBanner(entry.text) : drawSaid(entry, first || day));
    return { entry, first, day, node };
  }

  /** The first item in sight, and where it stands. */
  #anchor(): { node: Element; top: number } | undefined {
    const sight = this.#scroll.getBoundingClientRect().top;
    for (const node of this.#list.children) {
      const box = node.getBoundingClientRect();
      if (box.bottom > sight) return { node, top: box.top };
    }
    return undefined;
  }

  #pin(): void {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  #scrolled(): void {
    if (this.#isScrollSeen) return;
    this.#isScrollSeen = true;
    requestAnimationFrame(() => {
      this.#isScrollSeen = false;
      this.#reach();
    });
  }

  /** Brings in what is near, and notices whether the person is at the end. */
  #reach(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroll;
    const below = scrollHeight - scrollTop - clientHeight;
    const total = this.#entries.length;
    const isAtEnd = below < endPixels && this.#window.to >= total;
    if (this.#follows && !isAtEnd) this.#leftAtKey = this.#newestKey;
    this.#follows = isAtEnd;
    if (scrollTop < reachPixels && this.#window.from > 0) {
      this.#window = earlier(this.#window);
      this.#draw();
    } else if (below < reachPixels && this.#window.to < total) {
      this.#window = later(this.#window, total);
      this.#draw();
    } else this.#showJump();
  }

  #showJump(): void {
    this.#jump.hidden = this.#follows;
    const fresh = this.#newestKey - this.#leftAtKey;
    setText(this.#jumpText, fresh > 0 ? `${fresh} new` : "Latest");
  }
}

function drawBanner(text: string): HTMLElement {
  return h("p", { class: "banner" }, text);
}

function drawSaid(said: SaidEntry, first: boolean): HTMLElement {
  const classes = ["said", said.delivery];
  if (first) classes.push("first");
  if (said.mine) classes.push("mine");
  if (said.to !== undefined) classes.push("private");
  const node = h("div", { class: classes.join(" ") });
  if (!said.mine) node.append(first ? drawAvatar(said.from) : h("span"));
  if (first) node.append(drawMeta(said));
  const when = new Date(said.timeMs);
  const time = h("time", {
    class: "time",
    datetime: when.toISOString(),
    title: when.toLocaleString(),
  });
  time.append(clockTime(said.timeMs));
  if (said.mine) time.append(...deliveryMark(said));
  // The time stands in the last line of the text, at its right.
  const text = h("p", { class: "text" }, said.text);
  node.append(h("div", { class: "bubble" }, text, time));
  if (said.problem !== undefined)
    node.append(h("p", { class: "why" }, `Not sent: ${said.problem}`));
  return node;
}

function drawMeta(said: SaidEntry): HTMLElement {
  const aim =
    said.to === undefined
      ? undefined
      : h(
          "span",
          { class: "aim" },
          icon("lock"),
          said.mine ? `to ${said.to.join(", ")}` : aimText(said.to),
        );
  const who = h("b", { class: said.mine ? "unseen" : undefined }, said.mine ? "You" : said.from);
  return h("p", { class: "meta" }, who, aim);
}

function aimText(to: readonly string[]): string {
  return to.length > 1 ? `to ${to.join(", ")}` : "to you alone";
}

function deliveryMark(said: SaidEntry): Node[] {
  const [name, words] = {
    waiting: ["clock", "not delivered yet"] as const,
    sent: ["check", "delivered"] as const,
    failed: ["alert", "not sent"] as const,
  }[said.delivery];
  return [icon(name), h("span", { class: "unseen" }, words)];
}

// Renders one item of a timeline. Knows its neighbors only by its placement.

import { drawAvatar } from "../avatar.ts";
import { h, icon } from "../dom.ts";
import type { Message } from "../message-log.ts";
import { fileUrl } from "../file-api.ts";
import { readFileNotice } from "../file-notice.ts";
import { firstOf, type TimelineItem } from "../presence-runs.ts";
import { drawRichText } from "./rich-text-view.ts";
import { clockTime } from "../timeline.ts";

/** How an entry relates to the previous one. */
export type Placement = {
  /** The sender's name is shown. */
  isFirstOfGroup: boolean;
  /** Above the first entry of a day: its name, which changes at midnight. */
  day: string | undefined;
  /** The first entry that was unread when the room was shown. */
  isFirstUnread: boolean;
};

/** `own`: the element of a run or a card, which render themselves. */
export function drawItem(
  content: TimelineItem,
  placement: Placement,
  own?: HTMLElement,
): HTMLLIElement {
  const { day, isFirstUnread } = placement;
  const entry = firstOf(content);
  const item = h("li", { class: "item" });
  if (day !== undefined) item.append(h("p", { class: "day" }, day));
  if (isFirstUnread) item.append(h("p", { class: "first-unread" }, h("span", {}, "New messages")));
  if (own !== undefined) item.append(own);
  else if (entry.kind !== "message") item.append(h("p", { class: "notice" }, entry.text));
  else {
    const isNamed = placement.isFirstOfGroup || day !== undefined || isFirstUnread;
    item.append(drawMessage(entry, isNamed));
  }
  return item;
}

function drawMessage(message: Message, isNamed: boolean): HTMLElement {
  const { mine, delivery, to, mentionsMe, problem } = message;
  const classes = ["message", delivery];
  if (isNamed) classes.push("first");
  if (mine) classes.push("mine");
  if (to !== undefined) classes.push("private");
  if (mentionsMe) classes.push("mention");
  if (message.manner === "emote") classes.push("emote");
  if (message.isDeleted === true) classes.push("deleted");
  const node = h("div", { class: classes.join(" ") });
  if (!mine) node.append(isNamed ? drawAvatar(message.from) : h("span"));
  if (isNamed) node.append(drawMeta(message));
  const text = h("p", { class: "text" }, ...drawText(message));
  // `* Ann waves`: the name is part of the sentence.
  if (message.manner === "emote") text.prepend("* ", h("b", {}, h("bdi", {}, message.from)), " ");
  node.append(h("div", { class: "bubble", dir: "auto" }, text, drawTime(message)));
  if (problem !== undefined) node.append(h("p", { class: "why" }, `Not sent: ${problem}`));
  return node;
}

function drawText({ text, manner }: Message): readonly (Node | string)[] {
  const shared = manner === "notice" ? readFileNotice(text) : undefined;
  if (shared === undefined) return drawRichText(text);
  const { name, size } = shared;
  const link = h("a", { href: fileUrl(name), download: name }, h("bdi", {}, name));
  return ["shares ", link, ` (${size})`];
}

function drawMeta({ from, mine, to, isSealed, manner }: Message): HTMLElement {
  const sender = h("b", { class: mine ? "unseen" : undefined }, h("bdi", {}, mine ? "You" : from));
  const tag = manner === "notice" ? h("span", { class: "tag" }, "notice") : undefined;
  if (to === undefined) return h("p", { class: "meta" }, sender, tag);
  const isForMeAlone = !mine && to.length === 1;
  const recipients = isForMeAlone ? "to you privately" : `to ${to.join(", ")} privately`;
  // The page has no key, so the server can read its messages.
  const audience = isSealed === true ? recipients : `${recipients}, not sealed`;
  return h(
    "p",
    { class: "meta" },
    sender,
    tag,
    h("span", { class: "to" }, icon("person"), audience),
  );
}

function drawTime({ timeMs, mine, delivery }: Message): HTMLElement {
  const date = new Date(timeMs);
  const time = h("time", {
    class: "time",
    datetime: date.toISOString(),
    title: date.toLocaleString(),
  });
  time.append(clockTime(timeMs));
  if (!mine) return time;
  const [name, words] = deliveryMarks[delivery];
  time.append(icon(name), h("span", { class: "unseen" }, words));
  return time;
}

const deliveryMarks = {
  waiting: ["clock", "not delivered yet"],
  sent: ["check", "delivered"],
  failed: ["alert", "not sent"],
} as const;

// Renders messages as nodes: links and code. Text never becomes markup.

import { h } from "../dom.ts";
import { type RichPart, richText } from "../rich-text.ts";

export function drawRichText(text: string): Node[] {
  return richText(text).map(drawPart);
}

function drawPart(part: RichPart): Node {
  switch (part.type) {
    case "text":
      return document.createTextNode(part.text);
    case "code":
      return h("code", {}, part.text);
    case "block":
      // Focusable, since a block wider than its bubble scrolls.
      return h("code", { class: "block", tabindex: "0" }, part.text);
    case "link":
      return h(
        "a",
        { href: part.href, target: "_blank", rel: "noopener noreferrer", dir: "auto" },
        part.text,
      );
  }
}

// Splits messages into text, links, and code between backticks. Everything else stays unchanged.
// Pure; a view turns the parts into nodes, never into markup.

export type RichPart =
  | { type: "text"; text: string }
  | { type: "link"; text: string; href: string }
  | { type: "code"; text: string }
  /** On separate lines. */
  | { type: "block"; text: string };

/**
 * Maximum number of parts of one message; the rest is plain text. Otherwise 16 384 backticks would
 * become as many nodes.
 */
const maxParts = 500;

export function richText(text: string): readonly RichPart[] {
  const parts: RichPart[] = [];
  for (const part of splitBlocks(text)) {
    if (part.type === "block") parts.push(part);
    else for (const inner of splitCode(part.text)) addLinks(parts, inner);
  }
  if (parts.length <= maxParts) return parts;
  return [{ type: "text", text }];
}

/**
 * Three backticks on a separate line, optionally followed by a language's name, up to the next such
 * line.
 */
function splitBlocks(text: string): RichPart[] {
  if (!text.includes("```")) return [{ type: "text", text }];
  const parts: RichPart[] = [];
  const plain: string[] = [];
  const endPlain = () => {
    if (plain.length > 0) parts.push({ type: "text", text: plain.splice(0).join("\n") });
  };
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const end = /^```[\w+#.-]*\s*$/.test(line) ? endOfBlock(lines, i + 1) : -1;
    if (end < 0) {
      plain.push(line);
      continue;
    }
    endPlain();
    parts.push({ type: "block", text: lines.slice(i + 1, end).join("\n") });
    i = end;
  }
  endPlain();
  return parts;
}

function endOfBlock(lines: readonly string[], from: number): number {
  return lines.findIndex((line, i) => i >= from && /^```\s*$/.test(line));
}

/**
 * Code is between single backticks, or between double ones if it contains single ones. A backtick
 * after a letter is an apostrophe.
 */
function splitCode(text: string): RichPart[] {
  if (!text.includes("`")) return [{ type: "text", text }];
  const parts: RichPart[] = [];
  let from = 0;
  for (const match of text.matchAll(
    /(?<![`\p{L}\p{N}])(`{1,2})(?!`)([^\n]{1,1000}?)(?<!`)\1(?!`)/gu,
  )) {
    if (match.index > from) parts.push({ type: "text", text: text.slice(from, match.index) });
    parts.push({ type: "code", text: match[2] ?? "" });
    from = match.index + match[0].length;
  }
  if (from < text.length) parts.push({ type: "text", text: text.slice(from) });
  return parts;
}

function addLinks(parts: RichPart[], part: RichPart): void {
  if (part.type !== "text") return void parts.push(part);
  const { text } = part;
  let from = 0;
  for (const match of text.matchAll(/\bhttps?:\/\/[^\s<>"`\p{Cf}]{1,2000}/giu)) {
    const address = withoutPunctuation(match[0]);
    const href = safeHref(address);
    if (href === undefined) continue;
    if (match.index > from) parts.push({ type: "text", text: text.slice(from, match.index) });
    parts.push({ type: "link", text: address, href });
    from = match.index + address.length;
  }
  if (from < text.length) parts.push({ type: "text", text: text.slice(from) });
}

/**
 * Punctuation after an address belongs to the sentence; so does a closing bracket without its
 * opening one.
 */
function withoutPunctuation(address: string): string {
  let end = address.length;
  for (const least = end - maxPunctuation; end > least; end--) {
    const last = address[end - 1] ?? "";
    if (/[.,;:!?'*_~…]/.test(last)) continue;
    const opening = openings[last];
    if (opening === undefined) break;
    const kept = address.slice(0, end);
    if (countOf(kept, opening) >= countOf(kept, last)) break;
  }
  return address.slice(0, end);
}

/** Counting brackets takes quadratic time. */
const maxPunctuation = 20;

const openings: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };

function countOf(text: string, sign: string): number {
  return text.split(sign).length - 1;
}

/** Undefined: not a web address. */
function safeHref(address: string): string | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isWeb = url?.protocol === "http:" || url?.protocol === "https:";
  // `https://bank.example@evil.example` would lead to evil.example.
  return url !== undefined && isWeb && url.username === "" ? url.href : undefined;
}

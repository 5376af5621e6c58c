// The code blocks of a page in docs/, so that tests run the commands that operators copy.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The indented block after the first line that contains `heading`, without its indentation.
 * @throws if there is none
 */
export function docsBlock(page: string, heading: string): string {
  const lines = readFileSync(join(import.meta.dir, "../docs", page), "utf8").split("\n");
  const at = lines.findIndex((line) => line.includes(heading));
  const start = at < 0 ? -1 : lines.findIndex((line, index) => index > at && isCode(line));
  if (start < 0) throw new Error(`docs/${page} has no block after '${heading}'`);
  const block: string[] = [];
  for (const line of lines.slice(start)) {
    if (!isCode(line) && line.trim() !== "") break;
    block.push(line.slice(4));
  }
  return `${block.join("\n").trimEnd()}\n`;
}

function isCode(line: string): boolean {
  return line.startsWith("    ");
}

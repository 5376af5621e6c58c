// The list of servers whose keys a client remembers: one `HOST:PORT PIN` per line, `#` begins a
// comment. Pure; the file is read and written elsewhere.

import { isPin } from "./pin.ts";

export type KnownServer =
  | { kind: "unknown" }
  /** `line` counts from 1. */
  | { kind: "known"; pin: string; line: number }
  /** The server's line has no valid pin. Not the same as an unknown server. */
  | { kind: "malformed"; line: number };

/** Looks up a server; the first line for it counts. */
export function findKnownServer(text: string, server: string): KnownServer {
  const key = folded(server);
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [name = "", pin = "", ...more] = line.trim().split(/[ \t]+/);
    if (name.startsWith("#") || folded(name) !== key) continue;
    const isValid = isPin(pin) && more.length === 0;
    return isValid
      ? { kind: "known", pin, line: index + 1 }
      : { kind: "malformed", line: index + 1 };
  }
  return { kind: "unknown" };
}

/** The listed servers without duplicates, in file order. */
export function knownServerNames(text: string): string[] {
  const names = text.split(/\r?\n/).map((line) => folded(line.trim().split(/[ \t]+/)[0] ?? ""));
  return [...new Set(names.filter((name) => name !== "" && !name.startsWith("#")))];
}

/** The line to append to remember a server, given the text so far. */
export function knownServerLine(text: string, server: string, pin: string): string {
  const separator = text === "" || text.endsWith("\n") ? "" : "\n";
  return `${separator}${folded(server)} ${pin}\n`;
}

/** Host names are case-insensitive (RFC 4343). */
function folded(server: string): string {
  return server.toLowerCase();
}

// What a tab remembers over a reload: who it is, how far it has read, and what was said privately, which the server does not
// tell twice. Kept by the tab alone, forgotten when the session ends or the tab closes.

import type { SessionOptions } from "../client/events.ts";
import { newestPrivate, type Entry, type SaidEntry } from "./entries.ts";

const key = "parley-session";
const privateKey = "parley-private";
/** Private messages kept at most … */
const maxPrivate = 200;
/** … and their characters: with what is around them, a quarter of the 5 MB that a browser gives. */
const maxPrivateChars = 500_000;

export type Kept = Omit<SessionOptions, "random" | "name"> & { name: string };

export function keep(kept: Kept, entries: readonly Entry[]): void {
  try {
    sessionStorage.setItem(key, JSON.stringify(kept));
    const said = newestPrivate(entries, maxPrivate, maxPrivateChars);
    sessionStorage.setItem(privateKey, JSON.stringify(said));
  } catch {
    // Storage may be switched off; then a reload begins anew.
  }
}

export function forget(): void {
  try {
    sessionStorage.removeItem(key);
    sessionStorage.removeItem(privateKey);
  } catch {
    // As above: nothing was kept.
  }
}

export function recall(): Kept | undefined {
  const kept = read(key);
  return isKept(kept) ? kept : undefined;
}

export function recallPrivate(): SaidEntry[] {
  const said = read(privateKey);
  return Array.isArray(said) ? said.filter(isSaid) : [];
}

function read(from: string): unknown {
  try {
    return JSON.parse(sessionStorage.getItem(from) ?? "null");
  } catch {
    return undefined;
  }
}

/** A secret that nobody can guess: 128 bits, in 32 hexadecimal digits. */
export function newSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function isKept(value: unknown): value is Kept {
  if (typeof value !== "object" || value === null) return false;
  const { name, room, secret, since } = value as Partial<Record<keyof Kept, unknown>>;
  if (typeof name !== "string" || typeof room !== "string" || typeof secret !== "string")
    return false;
  if (since === undefined) return true;
  const { epoch, seq, mail } = (since ?? {}) as Record<string, unknown>;
  return typeof epoch === "string" && typeof seq === "number" && typeof mail === "number";
}

function isSaid(value: unknown): value is SaidEntry {
  if (typeof value !== "object" || value === null) return false;
  const said = value as Partial<Record<keyof SaidEntry, unknown>>;
  return (
    said.kind === "said" &&
    typeof said.from === "string" &&
    typeof said.text === "string" &&
    typeof said.timeMs === "number" &&
    typeof said.mine === "boolean" &&
    Array.isArray(said.to) &&
    ["waiting", "sent", "failed"].includes(String(said.delivery))
  );
}

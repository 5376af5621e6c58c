// What a tab remembers over a reload: who it is and how far it has read. Kept by the tab alone, forgotten when it closes.

import type { SessionOptions } from "../client/events.ts";

const key = "parley-session";

export type Kept = Omit<SessionOptions, "random" | "name"> & { name: string };

export function keep(kept: Kept | undefined): void {
  try {
    if (kept === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(kept));
  } catch {
    // Storage may be switched off; then a reload begins anew.
  }
}

export function recall(): Kept | undefined {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(key) ?? "null");
    return isKept(kept) ? kept : undefined;
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

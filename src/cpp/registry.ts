// Who can be called where (S0), and who is given to whom. Deterministic: the time is handed in, and so is the store that
// keeps registrations (`onChange`, `restore`). Knows no wire and no socket.

import { fold } from "../chat/names/grammar.ts";
import type { Contact } from "./codec.ts";
import { registry as limits } from "../limits.ts";

/** One client's registration; it outlives the connection that made it. Times are milliseconds of the caller's clock. */
export type Registration = Contact & {
  readonly registeredAtMs: number;
  /** Set while this client has bridged and got nobody. */
  readonly waitingSinceMs?: number;
  /** Given to somebody since it last bridged or registered. */
  readonly handedOut: boolean;
};

export type RegistryChange =
  { kind: "kept"; entry: Registration } | { kind: "removed"; entry: Registration };

export type RegistryOptions = {
  /** Hears each change after it has been made, in order; a store keeps them. */
  onChange?: (change: RegistryChange) => void;
  /** Registrations kept; of whoever has made most, the longest unrefreshed is forgotten first. */
  maxEntries?: number;
};

export class Registry {
  readonly #onChange: (change: RegistryChange) => void;
  readonly #maxEntries: number;
  /** By folded ID, in the order of registration: the first is the longest registered. */
  readonly #entries = new Map<string, Registration>();
  /** By folded ID, who made the registration. */
  readonly #makers = new Map<string, string>();
  /** How many each of them has. */
  readonly #counts = new Map<string, number>();
  /** Folded IDs of those who wait, in the order in which they began to. */
  readonly #waiting = new Set<string>();

  constructor(options: RegistryOptions = {}) {
    this.#onChange = options.onChange ?? (() => undefined);
    this.#maxEntries = options.maxEntries ?? limits.maxEntries;
  }

  get size(): number {
    return this.#entries.size;
  }

  find(id: string): Registration | undefined {
    return this.#entries.get(fold(id));
  }

  /** All registrations, the longest registered first. */
  entries(): Registration[] {
    return [...this.#entries.values()];
  }

  /** Takes back what a store has kept, in any order; more than fit lose the oldest. Tells no one: nothing has changed. */
  restore(entries: Iterable<Registration>): void {
    const sorted = [...entries].sort((a, b) => a.registeredAtMs - b.registeredAtMs);
    for (const entry of sorted.slice(-this.#maxEntries))
      this.#keep(fold(entry.id), entry, entry.ip);
    const since = (entry: Registration) => entry.waitingSinceMs ?? 0;
    const waiting = sorted.filter((entry) => entry.waitingSinceMs !== undefined);
    for (const entry of waiting.sort((a, b) => since(a) - since(b))) {
      if (this.#entries.has(fold(entry.id))) this.#waiting.add(fold(entry.id));
    }
  }

  /**
   * Registering an ID again replaces it: it is the latest registered, waits no more and can be handed out again. `maker` is who
   * asks for it, so that one who registers thousands of IDs loses its own and not everybody's.
   */
  register({ id, ip, port }: Contact, nowMs: number, maker: string = ip): Registration {
    const key = fold(id);
    this.#drop(key);
    const entry: Registration = { id, ip, port, registeredAtMs: nowMs, handedOut: false };
    this.#keep(key, entry, maker);
    if (this.#entries.size > this.#maxEntries) this.#forgetOne();
    this.#onChange({ kind: "kept", entry });
    return entry;
  }

  /**
   * Finds someone for `id`: whoever has been waiting longest, else the longest registered one that has not been handed out;
   * with `wanted`, that client alone. Undefined if there is nobody: then `id`, if registered, waits.
   */
  bridge(id: string, nowMs: number, wanted?: string): Registration | undefined {
    const asker = fold(id);
    const found = wanted === undefined ? this.#pick(asker) : this.#named(asker, fold(wanted));
    if (found !== undefined) this.#update(found, { waitingSinceMs: undefined, handedOut: true });
    const self = this.#entries.get(asker);
    if (self) {
      // Who asks twice in vain keeps its place.
      const waitingSinceMs = found === undefined ? (self.waitingSinceMs ?? nowMs) : undefined;
      this.#update(asker, { waitingSinceMs, handedOut: false });
    }
    return found === undefined ? undefined : this.#entries.get(found);
  }

  #named(asker: string, wanted: string): string | undefined {
    return wanted !== asker && this.#entries.has(wanted) ? wanted : undefined;
  }

  #pick(asker: string): string | undefined {
    for (const key of this.#waiting) if (key !== asker) return key;
    for (const [key, entry] of this.#entries) if (key !== asker && !entry.handedOut) return key;
    return undefined;
  }

  /** Changes an entry in place, so that it keeps its rank among the registered; tells the store only of a difference. */
  #update(key: string, now: { waitingSinceMs: number | undefined; handedOut: boolean }): void {
    const before = this.#entries.get(key);
    if (!before) return;
    const { waitingSinceMs, handedOut } = now;
    if (before.waitingSinceMs === waitingSinceMs && before.handedOut === handedOut) return;
    const { id, ip, port, registeredAtMs } = before;
    const waits = waitingSinceMs === undefined ? {} : { waitingSinceMs };
    const entry: Registration = { id, ip, port, registeredAtMs, ...waits, handedOut };
    this.#entries.set(key, entry);
    if (waitingSinceMs === undefined) this.#waiting.delete(key);
    else this.#waiting.add(key);
    this.#onChange({ kind: "kept", entry });
  }

  #keep(key: string, entry: Registration, maker: string): void {
    this.#drop(key);
    this.#entries.set(key, entry);
    this.#makers.set(key, maker);
    this.#counts.set(maker, (this.#counts.get(maker) ?? 0) + 1);
  }

  #drop(key: string): void {
    const maker = this.#makers.get(key);
    if (maker === undefined) return;
    this.#entries.delete(key);
    this.#waiting.delete(key);
    this.#makers.delete(key);
    const left = (this.#counts.get(maker) ?? 1) - 1;
    if (left > 0) this.#counts.set(maker, left);
    else this.#counts.delete(maker);
  }

  /** The longest registered one of whoever has most; of all, where nobody has more than others. */
  #forgetOne(): void {
    const most = Math.max(...this.#counts.values());
    for (const [key, entry] of this.#entries) {
      if (this.#counts.get(this.#makers.get(key) ?? "") !== most) continue;
      this.#drop(key);
      this.#onChange({ kind: "removed", entry });
      return;
    }
  }
}

// The CPP registry's table: who is registered where, and who is handed out to whom. Deterministic:
// the time and a store that keeps registrations are parameters. Knows no wire and no socket.

import { fold } from "../chat/names/grammar.ts";
import type { Contact } from "./codec.ts";
import { registry as limits } from "../limits.ts";

/**
 * A client's registration; it outlives the connection that made it. Times are the caller's clock.
 */
export type Registration = Contact & {
  readonly registeredAtMs: number;
  /** Since when this client has been waiting for a peer, after a BRIDGE that found nobody. */
  readonly waitingSinceMs?: number;
  /** Given to another client since it last bridged or registered. */
  readonly handedOut: boolean;
};

export type RegistryChange =
  { kind: "kept"; entry: Registration } | { kind: "removed"; entry: Registration };

export type RegistryOptions = {
  /** Called after each change, in order, so that a store can keep it. */
  onChange?: (change: RegistryChange) => void;
  /** Beyond this, the network with most registrations loses its oldest. */
  maxEntries?: number;
};

export class Registry {
  readonly #onChange: (change: RegistryChange) => void;
  readonly #maxEntries: number;
  /** By folded ID, oldest registration first. */
  readonly #entries = new Map<string, Registration>();
  /** By folded ID: the network that the registration came from. */
  readonly #networks = new Map<string, string>();
  /** Registrations per network. */
  readonly #counts = new Map<string, number>();
  /** Folded IDs of waiting clients, longest wait first. */
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

  /** All registrations, oldest first. */
  entries(): Registration[] {
    return [...this.#entries.values()];
  }

  /**
   * Loads what a store has kept, in any order; if there are too many, the oldest are left out.
   * Calls no `onChange`. Their networks are unknown, so each counts for the address it names.
   */
  restore(entries: Iterable<Registration>): void {
    const sorted = [...entries].sort((a, b) => a.registeredAtMs - b.registeredAtMs);
    for (const entry of sorted.slice(-this.#maxEntries)) {
      this.#keep(fold(entry.id), entry, entry.ip);
    }
    const since = (entry: Registration) => entry.waitingSinceMs ?? 0;
    const waiting = sorted.filter((entry) => entry.waitingSinceMs !== undefined);
    for (const entry of waiting.sort((a, b) => since(a) - since(b))) {
      if (this.#entries.has(fold(entry.id))) this.#waiting.add(fold(entry.id));
    }
  }

  /**
   * Registers a client. An ID that is registered again is replaced: it becomes the newest, no
   * longer waits and can be handed out again. `network` is where the request comes from: a client
   * that registers thousands of IDs evicts its own, not everyone's.
   */
  register({ id, ip, port }: Contact, nowMs: number, network: string = ip): Registration {
    const key = fold(id);
    this.#drop(key);
    const entry: Registration = { id, ip, port, registeredAtMs: nowMs, handedOut: false };
    this.#keep(key, entry, network);
    if (this.#entries.size > this.#maxEntries) this.#evictOne();
    this.#onChange({ kind: "kept", entry });
    return entry;
  }

  /**
   * Finds a peer for `id`: the client that has waited longest, else the oldest registration not yet
   * handed out; with `wanted`, only that client. If there is none, `id` waits (if registered).
   */
  bridge(id: string, nowMs: number, wanted?: string): Registration | undefined {
    const asker = fold(id);
    const found = wanted === undefined ? this.#pick(asker) : this.#named(asker, fold(wanted));
    if (found !== undefined) this.#update(found, { waitingSinceMs: undefined, handedOut: true });
    const self = this.#entries.get(asker);
    if (self) {
      // Asking again in vain keeps one's place in the queue.
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

  /** Changes an entry without moving it; tells the store only if something differs. */
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

  #keep(key: string, entry: Registration, network: string): void {
    this.#drop(key);
    this.#entries.set(key, entry);
    this.#networks.set(key, network);
    this.#counts.set(network, (this.#counts.get(network) ?? 0) + 1);
  }

  #drop(key: string): void {
    const network = this.#networks.get(key);
    if (network === undefined) return;
    this.#entries.delete(key);
    this.#waiting.delete(key);
    this.#networks.delete(key);
    const left = (this.#counts.get(network) ?? 1) - 1;
    if (left > 0) this.#counts.set(network, left);
    else this.#counts.delete(network);
  }

  /** Drops the oldest registration of the network that has most. */
  #evictOne(): void {
    const most = Math.max(...this.#counts.values());
    for (const [key, entry] of this.#entries) {
      if (this.#counts.get(this.#networks.get(key) ?? "") !== most) continue;
      this.#drop(key);
      this.#onChange({ kind: "removed", entry });
      return;
    }
  }
}

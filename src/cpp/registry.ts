// The CPP registry's table: who is registered where, and who is handed out to whom. Deterministic:
// the time and a store that keeps registrations are parameters. Knows no wire and no socket.

import { networkOf } from "../addresses.ts";
import { fold } from "../chat/names/grammar.ts";
import type { Contact } from "./codec.ts";
import { registry as limits } from "../limits.ts";
import { mayHandOut } from "./reach.ts";

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

/** The network that a registration came from, and when its client was last heard. */
type Maker = { network: string; heardMs: number };

export class Registry {
  readonly #onChange: (change: RegistryChange) => void;
  readonly #maxEntries: number;
  /** By folded ID, oldest registration first. */
  readonly #entries = new Map<string, Registration>();
  /** By folded ID. */
  readonly #makers = new Map<string, Maker>();
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

  /** The registration of `id`, if it was made from `network`. */
  findOwn(id: string, network: string): Registration | undefined {
    return this.#makers.get(fold(id))?.network === network ? this.find(id) : undefined;
  }

  /** All registrations, oldest first. */
  entries(): Registration[] {
    return [...this.#entries.values()];
  }

  /**
   * Loads what a store has kept, in any order; if there are too many, the oldest are left out.
   * Calls no `onChange`. Their networks are unknown, so each counts for the address it names. The
   * clients could not be heard while the server was down, and its clock may have been set since:
   * all count as heard at `nowMs`.
   */
  restore(entries: Iterable<Registration>, nowMs: number): void {
    const heardMs = nowMs;
    const sorted = [...entries].sort((a, b) => a.registeredAtMs - b.registeredAtMs);
    for (const entry of sorted.slice(-this.#maxEntries)) {
      this.#keep(fold(entry.id), entry, { network: networkOf(entry.ip), heardMs });
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
   * that registers thousands of IDs evicts its own, not everyone's. Undefined: the ID belongs to a
   * client of another network that was heard lately.
   */
  register(
    { id, ip, port }: Contact,
    nowMs: number,
    network: string = networkOf(ip),
  ): Registration | undefined {
    const key = fold(id);
    const maker = this.#makers.get(key);
    if (maker && maker.network !== network && nowMs - maker.heardMs < limits.freshMs) {
      return undefined;
    }
    this.#drop(key);
    const entry: Registration = { id, ip, port, registeredAtMs: nowMs, handedOut: false };
    this.#keep(key, entry, { network, heardMs: nowMs });
    if (this.#entries.size > this.#maxEntries) this.#evictOne();
    this.#onChange({ kind: "kept", entry });
    return entry;
  }

  /**
   * Finds a peer for `id`: the client that has waited longest, else the oldest registration not yet
   * handed out; with `wanted`, only that client. If there is none, `id` waits (if registered).
   * `network` is where the request comes from. From another network than its own, an ID counts as
   * not registered.
   */
  bridge(id: string, nowMs: number, network: string, wanted?: string): Registration | undefined {
    const asker = fold(id);
    const found =
      wanted === undefined ? this.#pick(asker, network) : this.#named(asker, fold(wanted), network);
    if (found !== undefined) this.#update(found, { waitingSinceMs: undefined, handedOut: true });
    const self = this.findOwn(id, network);
    const maker = this.#makers.get(asker);
    if (self && maker) {
      maker.heardMs = nowMs;
      // Asking again in vain keeps one's place in the queue.
      const waitingSinceMs = found === undefined ? (self.waitingSinceMs ?? nowMs) : undefined;
      this.#update(asker, { waitingSinceMs, handedOut: false });
    }
    return found === undefined ? undefined : this.#entries.get(found);
  }

  #named(asker: string, wanted: string, network: string): string | undefined {
    return wanted !== asker && this.#mayHandOut(wanted, network) ? wanted : undefined;
  }

  #pick(asker: string, network: string): string | undefined {
    for (const key of this.#waiting) {
      if (key !== asker && this.#mayHandOut(key, network)) return key;
    }
    for (const [key, entry] of this.#entries) {
      if (key !== asker && !entry.handedOut && this.#mayHandOut(key, network)) return key;
    }
    return undefined;
  }

  #mayHandOut(key: string, network: string): boolean {
    const entry = this.#entries.get(key);
    const maker = this.#makers.get(key);
    return (
      entry !== undefined && maker !== undefined && mayHandOut(entry.ip, maker.network, network)
    );
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

  #keep(key: string, entry: Registration, maker: Maker): void {
    const { network } = maker;
    this.#drop(key);
    this.#entries.set(key, entry);
    this.#makers.set(key, maker);
    this.#counts.set(network, (this.#counts.get(network) ?? 0) + 1);
  }

  #drop(key: string): void {
    const network = this.#makers.get(key)?.network;
    if (network === undefined) return;
    this.#entries.delete(key);
    this.#waiting.delete(key);
    this.#makers.delete(key);
    const left = (this.#counts.get(network) ?? 1) - 1;
    if (left > 0) this.#counts.set(network, left);
    else this.#counts.delete(network);
  }

  /** Drops the oldest registration of the network that has most. */
  #evictOne(): void {
    const most = Math.max(...this.#counts.values());
    for (const [key, entry] of this.#entries) {
      if (this.#counts.get(this.#makers.get(key)?.network ?? "") !== most) continue;
      this.#drop(key);
      this.#onChange({ kind: "removed", entry });
      return;
    }
  }
}

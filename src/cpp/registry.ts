// The CPP registry: which clients are registered where, and who is handed out to whom.
// Deterministic: the time is a parameter, and a callback persists changes, except of keys: a peer
// registers its key again when it registers again. Knows no wire format and no socket.

import { networkOf, widestNetworkOf } from "../addresses.ts";
import { fold } from "../chat/names/grammar.ts";
import type { Contact } from "./codec.ts";
import { registry as limits } from "../limits.ts";
import type {
  IsBanned,
  PeerRegistry,
  Registration,
  RegistryOutcome,
  RegistryRequest,
} from "./peer-registry.ts";
import { mayHandOut } from "./reach.ts";

/** A registration as it is persisted, with the network it was made from, if that is known. */
export type PersistedRegistration = Registration & { readonly network?: string | undefined };

export type RegistryChange =
  { kind: "kept"; entry: PersistedRegistration } | { kind: "removed"; entry: Registration };

export type RegistryOptions = {
  /** Called after each change, in order, for a store to persist it. */
  onChange?: (change: RegistryChange) => void;
  /** Beyond this, the network with the most registrations loses its oldest one. */
  maxEntries?: number;
};

/** Who made a registration. */
type Registrant = {
  network: string;
  /** The widest network around it, by which registrations are counted. */
  wide: string;
  key: string | undefined;
  /** When the client last registered or bridged. */
  lastSeenMs: number;
};

export class Registry implements PeerRegistry {
  readonly #onChange: (change: RegistryChange) => void;
  readonly #maxEntries: number;
  /** Keyed by folded ID, oldest registration first. */
  readonly #entries = new Map<string, Registration>();
  /** Keyed by folded ID. */
  readonly #registrants = new Map<string, Registrant>();
  /** Registrations per widest network. */
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
    return this.#registrants.get(fold(id))?.network === network ? this.find(id) : undefined;
  }

  /** All registrations, oldest first. */
  entries(): Registration[] {
    return [...this.#entries.values()];
  }

  /**
   * Loads persisted registrations, in any order; if there are too many, the oldest are dropped.
   * Does not call `onChange`. If an entry's network is not known, its address is used instead. No
   * client could be heard while the server was down, and its clock may have been set since, so all
   * entries count as seen at `nowMs`.
   */
  restore(entries: Iterable<PersistedRegistration>, nowMs: number): void {
    const sorted = [...entries].sort((a, b) => a.registeredAtMs - b.registeredAtMs);
    for (const { network, ...entry } of sorted.slice(-this.#maxEntries)) {
      const from = registrant(network ?? networkOf(entry.ip), undefined, nowMs);
      this.#keep(fold(entry.id), entry, from);
    }
    const waiting = sorted.filter((entry) => entry.waitingSinceMs !== undefined);
    for (const entry of waiting.sort((a, b) => (a.waitingSinceMs ?? 0) - (b.waitingSinceMs ?? 0))) {
      if (this.#entries.has(fold(entry.id))) this.#waiting.add(fold(entry.id));
    }
  }

  request(
    request: RegistryRequest,
    nowMs: number,
    network: string,
    then: (outcome: RegistryOutcome) => void,
  ): void {
    if (request.type === "REGISTER") {
      const contact = this.register(request.contact, nowMs, network, request.key);
      return then(contact === undefined ? { did: "taken" } : { did: "registered", contact });
    }
    if (request.type === "LOOK") {
      return then({ did: "looked", found: this.#look(fold(request.id), network) });
    }
    const { id, wanted } = request;
    const found = this.bridge(id, nowMs, network, wanted);
    const key = found && this.#registrants.get(fold(found.id))?.key;
    then({ did: "bridged", found, self: this.findOwn(id, network), key });
  }

  /**
   * Registers a client. Registering an ID again replaces it: it becomes the newest, no longer waits
   * and can be handed out again. `network` is the origin of the request: a client that registers
   * thousands of IDs evicts its own, not those of others. `key`: the client's. Returns undefined if
   * the ID belongs to a recently seen client of another network.
   */
  register(
    { id, ip, port }: Contact,
    nowMs: number,
    network: string = networkOf(ip),
    key?: string,
  ): Registration | undefined {
    const folded = fold(id);
    const before = this.#registrants.get(folded);
    if (before && before.network !== network && nowMs - before.lastSeenMs < limits.freshMs) {
      return undefined;
    }
    const entry: Registration = { id, ip, port, registeredAtMs: nowMs, handedOut: false };
    this.#keep(folded, entry, registrant(network, key, nowMs));
    if (this.#entries.size > this.#maxEntries) this.#evictOne();
    this.#onChange({ kind: "kept", entry: { ...entry, network } });
    return entry;
  }

  /**
   * Finds a peer for `id`: the client that has waited longest, else the oldest registration not yet
   * handed out; with `wanted`, only that client. If there is none, `id` starts waiting (if
   * registered). `network` is the origin of the request; requests from a network other than the
   * ID's own are treated as unregistered.
   */
  bridge(id: string, nowMs: number, network: string, wanted?: string): Registration | undefined {
    const asker = fold(id);
    const found =
      wanted === undefined ? this.#pick(asker, network) : this.#named(asker, fold(wanted), network);
    if (found !== undefined) this.#update(found, { waitingSinceMs: undefined, handedOut: true });
    const self = this.findOwn(id, network);
    const registrant = this.#registrants.get(asker);
    if (self && registrant) {
      registrant.lastSeenMs = nowMs;
      // A client that asks again without success keeps its place in the queue.
      const waitingSinceMs = found === undefined ? (self.waitingSinceMs ?? nowMs) : undefined;
      this.#update(asker, { waitingSinceMs, handedOut: false });
    }
    return found === undefined ? undefined : this.#entries.get(found);
  }

  #named(asker: string, wanted: string, network: string): string | undefined {
    return wanted !== asker && this.#mayHandOut(wanted, network) ? wanted : undefined;
  }

  #look(id: string, network: string): { contact: Registration; key: string } | undefined {
    const contact = this.#mayHandOut(id, network) ? this.#entries.get(id) : undefined;
    const key = this.#registrants.get(id)?.key;
    return contact && key !== undefined ? { contact, key } : undefined;
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
    const registrant = this.#registrants.get(key);
    return (
      entry !== undefined &&
      registrant !== undefined &&
      mayHandOut(entry.ip, registrant.network, network)
    );
  }

  /** Changes an entry in place; reports the change only if something differs. */
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
    const network = this.#registrants.get(key)?.network;
    this.#onChange({ kind: "kept", entry: { ...entry, network } });
  }

  #keep(key: string, entry: Registration, registrant: Registrant): void {
    const { wide } = registrant;
    this.#drop(key);
    this.#entries.set(key, entry);
    this.#registrants.set(key, registrant);
    this.#counts.set(wide, (this.#counts.get(wide) ?? 0) + 1);
  }

  /**
   * Removes every registration for which `isBanned` returns true, given its ID, the address it was
   * made from, and its key.
   */
  dropBanned(isBanned: IsBanned): void {
    for (const [folded, entry] of this.#entries) {
      const { id, ip } = entry;
      const { network = ip, key } = this.#registrants.get(folded) ?? {};
      const madeFrom = network.replace(/\/\d+$/, "");
      if (!isBanned(id, madeFrom, key) && !isBanned(id, ip, key)) continue;
      this.#drop(folded);
      this.#onChange({ kind: "removed", entry });
    }
  }

  #drop(key: string): void {
    const wide = this.#registrants.get(key)?.wide;
    if (wide === undefined) return;
    this.#entries.delete(key);
    this.#waiting.delete(key);
    this.#registrants.delete(key);
    const left = (this.#counts.get(wide) ?? 1) - 1;
    if (left > 0) this.#counts.set(wide, left);
    else this.#counts.delete(wide);
  }

  /** Evicts the oldest registration of the network that has the most. */
  #evictOne(): void {
    const most = Math.max(...this.#counts.values());
    for (const [key, entry] of this.#entries) {
      if (this.#counts.get(this.#registrants.get(key)?.wide ?? "") !== most) continue;
      this.#drop(key);
      this.#onChange({ kind: "removed", entry });
      return;
    }
  }
}

function registrant(network: string, key: string | undefined, lastSeenMs: number): Registrant {
  return { network, wide: widestNetworkOf(network), key, lastSeenMs };
}

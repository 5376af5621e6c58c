// Decides which log lines are written, so that a flood can neither fill the disk nor hide other
// events: every network has a budget for each kind of line, every kind has one for all networks,
// and there is one for all lines about clients. Suppressed lines are counted. Pure.

import { isLoopback, widestNetworkOf } from "./addresses.ts";
import { BoundedMap } from "./bounded-map.ts";
import { TokenBucket } from "./chat/rates/token-bucket.ts";
import { logging as limits } from "./limits.ts";

/** Lines suppressed since the last report. */
export type LeftOut = {
  /** Undefined: too many kinds to be listed. */
  readonly kind: string | undefined;
  /** Undefined: several networks, or none. */
  readonly network: string | undefined;
  readonly lines: number;
};

export class LogBudget {
  /**
   * Separate budgets for lines about an address and for all others, so that strangers can't crowd
   * out an operator's actions.
   */
  readonly #aboutClients: TokenBucket;
  readonly #others: TokenBucket;
  readonly #kinds = new BoundedMap<string, TokenBucket>(limits.kinds);
  /** Keyed by kind and network. */
  readonly #networks = new BoundedMap<string, TokenBucket>(limits.networks);
  readonly #leftOut = new Map<string, LeftOut>();

  constructor(nowMs: number) {
    this.#aboutClients = new TokenBucket(limits.linesPerSecond, limits.burst, nowMs);
    this.#others = new TokenBucket(limits.linesPerSecond, limits.burst, nowMs);
  }

  /**
   * Whether a line may be written. `kind`: its message. `address`: whom it is about. Loopback has
   * no budget of its own, as with all limits per network.
   */
  take(kind: string, address: string | undefined, nowMs: number): boolean {
    const network = address === undefined ? undefined : networkOfLines(address);
    if (network !== undefined) {
      const fresh = () => new TokenBucket(limits.networkLinesPerSecond, limits.networkBurst, nowMs);
      const budget = getOrSet(this.#networks, keyOf(kind, network), fresh);
      if (!budget.take(1, nowMs)) return this.#leaveOut(kind, network);
    }
    const fresh = () => new TokenBucket(limits.kindLinesPerSecond, limits.kindBurst, nowMs);
    const budget = getOrSet(this.#kinds, kind, fresh);
    const all = address === undefined ? this.#others : this.#aboutClients;
    if (budget.take(1, nowMs) && all.take(1, nowMs)) return true;
    return this.#leaveOut(kind, undefined);
  }

  /**
   * The lines suppressed since the last call: the networks with the most lines, and the rest by
   * kind.
   */
  pollLeftOut(): LeftOut[] {
    const most = [...this.#leftOut.values()].sort((a, b) => b.lines - a.lines);
    this.#leftOut.clear();
    const named = most.filter(({ network }) => network !== undefined);
    const shown = new Set(named.slice(0, limits.reportedNetworks));
    const rest = new Map<string | undefined, number>();
    for (const entry of most) {
      if (shown.has(entry)) continue;
      rest.set(entry.kind, (rest.get(entry.kind) ?? 0) + entry.lines);
    }
    return [...shown, ...[...rest].map(([kind, lines]) => ({ kind, network: undefined, lines }))];
  }

  #leaveOut(kind: string, network: string | undefined): false {
    const { size } = this.#leftOut;
    if (network !== undefined && this.#count(kind, network, size < limits.networks)) return false;
    if (this.#count(kind, undefined, size < limits.networks + limits.kinds)) return false;
    this.#count(undefined, undefined, true);
    return false;
  }

  /** False if there is no entry yet and none may be added. */
  #count(kind: string | undefined, network: string | undefined, mayAdd: boolean): boolean {
    const key = keyOf(kind, network);
    const lines = this.#leftOut.get(key)?.lines ?? 0;
    if (lines === 0 && !mayAdd) return false;
    this.#leftOut.set(key, { kind, network, lines: lines + 1 });
    return true;
  }
}

/**
 * An IPv4 address, or the /48 that is the most an IPv6 customer can have; undefined for loopback.
 */
function networkOfLines(address: string): string | undefined {
  return isLoopback(address) ? undefined : widestNetworkOf(address);
}

function keyOf(kind: string | undefined, network: string | undefined): string {
  return `${network ?? ""} ${kind ?? ""}`;
}

function getOrSet<Value>(map: BoundedMap<string, Value>, key: string, create: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = create();
  map.set(key, value);
  return value;
}

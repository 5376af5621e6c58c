// Finds the sanction against a person in constant time, however many there are, since every
// connection and message needs it. Pure.

import { type Network, readAddress, readNetwork } from "./network.ts";
import { isOver, type Sanction, type Suspect } from "./sanction.ts";

export class SanctionIndex {
  readonly #byName = new Map<string, Sanction[]>();
  readonly #byKey = new Map<string, Sanction[]>();
  readonly #byAccount = new Map<string, Sanction[]>();
  readonly #byNetwork = new Map<string, Sanction[]>();
  /** Prefix lengths in use. */
  readonly #prefixes = { 4: new Set<number>(), 6: new Set<number>() };
  #isEmpty = true;

  constructor(sanctions: Iterable<Sanction>) {
    for (const sanction of sanctions) this.add(sanction);
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  add(sanction: Sanction): void {
    this.#isEmpty = false;
    const { name, network, key, account } = sanction;
    if (name !== undefined) append(this.#byName, name, sanction);
    if (key !== undefined) append(this.#byKey, key, sanction);
    if (account !== undefined) append(this.#byAccount, account, sanction);
    const read = network === undefined ? "" : readNetwork(network);
    if (typeof read === "string") return;
    append(this.#byNetwork, networkKey(read), sanction);
    this.#prefixes[read.family].add(read.prefix);
  }

  /** If there are several, the one that lasts longest. */
  find(suspect: Suspect, nowMs: number): Sanction | undefined {
    if (this.#isEmpty) return undefined;
    let found: Sanction | undefined;
    for (const sanction of this.#candidates(suspect)) {
      if (isOver(sanction, nowMs)) continue;
      if (found === undefined || endMs(sanction) > endMs(found)) found = sanction;
    }
    return found;
  }

  *#candidates({ address, names, keys, accounts }: Suspect): Iterable<Sanction> {
    for (const name of names) yield* this.#byName.get(name) ?? [];
    for (const key of keys) yield* this.#byKey.get(key) ?? [];
    for (const account of accounts) yield* this.#byAccount.get(account) ?? [];
    if (this.#byNetwork.size === 0) return;
    const read = readAddress(address);
    if (read === undefined) return;
    const { family, bits } = read;
    for (const prefix of this.#prefixes[family]) {
      const rest = BigInt((family === 4 ? 32 : 128) - prefix);
      const network = { family, bits: (bits >> rest) << rest, prefix };
      yield* this.#byNetwork.get(networkKey(network)) ?? [];
    }
  }
}

function endMs({ untilMs }: Sanction): number {
  return untilMs ?? Infinity;
}

function networkKey({ family, bits, prefix }: Network): string {
  return `${family}/${prefix}/${bits.toString(36)}`;
}

function append(map: Map<string, Sanction[]>, key: string, sanction: Sanction): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [sanction]);
  else list.push(sanction);
}

// The keys that peers have registered with their IDs, for those who ask for them (docs/dialects.md,
// "Between two parleys"). In memory only: a peer registers its key again when it registers again. A
// registry in a database stores them itself (store/postgres/registrations.ts).

import { widestNetworkOf } from "../addresses.ts";
import { fold } from "../chat/names/grammar.ts";
import { registry as limits } from "../limits.ts";
import type { Contact } from "./codec.ts";
import { mayHandOut } from "./reach.ts";

type Listed = { readonly contact: Contact; readonly key: string; readonly network: string };

export class PeerKeys {
  /** By folded ID, the oldest first. */
  readonly #listed = new Map<string, Listed>();
  /** Keys of each widest network. */
  readonly #counts = new Map<string, number>();
  readonly #maxEntries: number;

  /** Beyond this, the network with the most keys loses its oldest, as in the registry. */
  constructor(maxEntries: number = limits.maxEntries) {
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#listed.size;
  }

  /** An ID was registered. Without a key it has none from now on. */
  registered(contact: Contact, key: string | undefined, network: string): void {
    const folded = fold(contact.id);
    this.#drop(folded);
    if (key === undefined) return;
    const { id, ip, port } = contact;
    this.#listed.set(folded, { contact: { id, ip, port }, key, network });
    const wide = widestNetworkOf(network);
    this.#counts.set(wide, (this.#counts.get(wide) ?? 0) + 1);
    if (this.#listed.size > this.#maxEntries) this.#evictOne();
  }

  /** The key of a registration that is handed out; undefined: it was made without one. */
  of({ id, ip, port }: Contact): string | undefined {
    const listed = this.#listed.get(fold(id));
    const isSame = listed?.contact.ip === ip && listed.contact.port === port;
    return isSame ? listed.key : undefined;
  }

  /** Where an ID is registered and its key, for somebody in that network. */
  look(id: string, network: string): { contact: Contact; key: string } | undefined {
    const listed = this.#listed.get(fold(id));
    if (listed === undefined) return undefined;
    return mayHandOut(listed.contact.ip, listed.network, network) ? listed : undefined;
  }

  #evictOne(): void {
    const most = Math.max(...this.#counts.values());
    for (const [folded, { network }] of this.#listed) {
      if (this.#counts.get(widestNetworkOf(network)) === most) return this.#drop(folded);
    }
  }

  #drop(folded: string): void {
    const listed = this.#listed.get(folded);
    if (listed === undefined) return;
    this.#listed.delete(folded);
    const wide = widestNetworkOf(listed.network);
    const left = (this.#counts.get(wide) ?? 1) - 1;
    if (left > 0) this.#counts.set(wide, left);
    else this.#counts.delete(wide);
  }
}

// From where those came who have lost their connection and may come back: who comes from there under the same name is taken for them,
// also without their secret. A program that was killed and started again has no other proof. Pure.

import { history as limits } from "../../limits.ts";
import { networkOf } from "../../addresses.ts";

export class AwayNetworks {
  readonly #networks = new Map<string, string>();

  /** The one with this record has lost its connection. */
  note(recordId: string, address: string): void {
    this.#networks.delete(recordId);
    this.#networks.set(recordId, networkOf(address));
    if (this.#networks.size <= limits.awayNetworks) return;
    for (const oldest of this.#networks.keys()) {
      this.#networks.delete(oldest);
      return;
    }
  }

  /** Whether it is known that this is somebody else's place. Nothing is known of who was away before the server began. */
  isElsewhere(recordId: string, address: string): boolean {
    const known = this.#networks.get(recordId);
    return known !== undefined && known !== networkOf(address);
  }
}

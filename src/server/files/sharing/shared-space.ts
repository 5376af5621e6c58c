// How much of the quota and how many places at the top of the folder are in use, in total and per
// owner of a share, and whether more fits. Pure.

import { sharing as limits } from "../../../limits.ts";
import { ShareCounts } from "../../../share-counts.ts";
import { asKept, ownerOfKept, type ShareOwner } from "../../../share-owner.ts";
import { sizeText } from "../../../size-text.ts";
import { type Amount, chargeOf, type Owner } from "./rows.ts";

export class SharedSpace {
  readonly quotaBytes: number;
  readonly #ownerBytes: number;
  readonly #owners: ShareCounts;
  #usedBytes = 0;
  /** Entries at the top of the folder, and uploads in progress, which will be at least one each. */
  readonly #placeOwners = new ShareCounts(
    limits.maxItems / limits.ownerParts,
    limits.maxItems / limits.networkParts,
  );
  #places = 0;

  constructor(quotaBytes: number) {
    this.quotaBytes = quotaBytes;
    this.#ownerBytes = Math.floor(quotaBytes / limits.ownerParts);
    this.#owners = new ShareCounts(this.#ownerBytes, quotaBytes / limits.networkParts);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Why this amount does not fit for that owner; undefined: it fits. */
  refusal(payer: ShareOwner, amount: Pick<Amount, "bytes" | "entries">): string | undefined {
    const more = chargeOf(amount);
    const leftBytes = Math.max(0, this.quotaBytes - this.#usedBytes);
    if (more > leftBytes) {
      const quota = `The shared folder takes ${sizeText(this.quotaBytes)} of what people put there`;
      return `${quota}, and has room for ${sizeText(leftBytes)} more: this takes ${sizeText(more)}`;
    }
    const full = this.#owners.full(asKept(payer), more);
    if (full === undefined) return undefined;
    const times = payer.kept.find(({ key }) => key === full.key)?.times ?? 1;
    const most = Math.min(times * this.#ownerBytes, this.quotaBytes / limits.networkParts);
    const has = `${full.label} has ${sizeText(full.count)} of at most ${sizeText(most)} in the shared folder`;
    return `${has}: there is no room for ${sizeText(more)} more`;
  }

  /** Why `more` items at the top of the folder would be too many; undefined if they are not. */
  placesRefusal(payer: ShareOwner, more = 1): string | undefined {
    if (this.#places + more > limits.maxItems) {
      return `The shared folder has room for ${limits.maxItems} files and folders of people: remove some first`;
    }
    const full = this.#placeOwners.full(asKept(payer), more);
    if (full === undefined) return undefined;
    const has = `${full.label} has ${full.count} files and folders in the shared folder`;
    return `${has}: there is no room for ${more} more`;
  }

  take(row: Owner & Amount): void {
    this.#places++;
    this.#placeOwners.add(ownerOfKept(row.shares));
    this.#usedBytes += chargeOf(row);
    this.#owners.add(ownerOfKept(row.shares), chargeOf(row));
  }

  release(row: Owner & Amount): void {
    this.#places--;
    this.#placeOwners.remove(ownerOfKept(row.shares));
    this.#usedBytes -= chargeOf(row);
    this.#owners.remove(ownerOfKept(row.shares), chargeOf(row));
  }
}

// Messages of several mailboxes in order of arrival. Any of them may be deleted meanwhile; deleted
// entries are removed once they outnumber the others. Pure.

import type { MailEntry } from "../chat/turn/store.ts";

export type StoredMail = {
  session: string;
  readonly mail: number;
  readonly network: string;
  readonly from: string;
  readonly clockMs: number;
  readonly entry: MailEntry;
  /** The message as JSON. */
  readonly packed: Uint8Array;
  /** Written only by `MailQueue`. */
  isDeleted: boolean;
};

/** Fewer deleted entries than this are not worth removing. */
const maxDeleted = 32;

export class MailQueue {
  #messages: StoredMail[] = [];
  #deleted = 0;
  /** All entries before this index are deleted. */
  #first = 0;

  push(stored: StoredMail): void {
    this.#messages.push(stored);
  }

  get oldest(): StoredMail | undefined {
    while (this.#messages[this.#first]?.isDeleted === true) this.#first++;
    return this.#messages[this.#first];
  }

  /** Tells a queue that one of its messages was deleted. */
  deleted(stored: StoredMail): void {
    stored.isDeleted = true;
    this.#deleted++;
    if (this.#deleted <= maxDeleted || 2 * this.#deleted <= this.#messages.length) return;
    this.#messages = this.#messages.filter(({ isDeleted }) => !isDeleted);
    this.#deleted = 0;
    this.#first = 0;
  }
}

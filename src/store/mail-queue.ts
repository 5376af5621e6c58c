// Messages of several mailboxes in order of arrival. Any of them may be deleted meanwhile; their
// entries are cleared out once they outnumber the others. Pure.

export type StoredMail = {
  readonly session: string;
  readonly mail: number;
  readonly network: string;
  readonly from: string;
  readonly clockMs: number;
  /** The message as JSON. */
  readonly packed: Uint8Array;
  /** Written by the queues. */
  isDeleted: boolean;
};

/** Deleted entries that are not worth clearing out. */
const maxDeleted = 32;

export class MailQueue {
  #messages: StoredMail[] = [];
  #deleted = 0;
  /** Everything before it is deleted. */
  #first = 0;

  push(stored: StoredMail): void {
    this.#messages.push(stored);
  }

  get oldest(): StoredMail | undefined {
    while (this.#messages[this.#first]?.isDeleted === true) this.#first++;
    return this.#messages[this.#first];
  }

  /** Tells a queue that one of its messages has been deleted. */
  deleted(stored: StoredMail): void {
    stored.isDeleted = true;
    this.#deleted++;
    if (this.#deleted <= maxDeleted || 2 * this.#deleted <= this.#messages.length) return;
    this.#messages = this.#messages.filter(({ isDeleted }) => !isDeleted);
    this.#deleted = 0;
    this.#first = 0;
  }
}

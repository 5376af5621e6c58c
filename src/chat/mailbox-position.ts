// How far a session with a mailbox has read it: private messages arrive live, or wait until those
// before them have been replayed. Pure.

export class MailboxPosition {
  #last = 0;
  #replayedTo: number | undefined;

  /** Number of the mailbox's last message; 0 without a mailbox. */
  get last(): number {
    return this.#last;
  }

  /** Last number replayed; undefined once private messages arrive live. */
  get replayedTo(): number | undefined {
    return this.#replayedTo;
  }

  /** Continues from the session's record or its previous connection. */
  restore(last: number): void {
    this.#last = Math.max(this.#last, last);
  }

  /**
   * Message `mail` was stored. Returns whether it can be delivered now; if not, a replay will
   * include it. `isReady`: the session has had its welcome.
   */
  arrived(mail: number, isReady: boolean): boolean {
    const before = this.#last;
    this.#last = Math.max(before, mail);
    if (this.#replayedTo !== undefined) return false;
    // Another server has stored those in between.
    const isLate = isReady && mail > before + 1;
    if (!isReady || isLate) this.#replayedTo = isLate ? before : mail - 1;
    return isReady && !isLate;
  }

  /** Another server has stored messages up to `mail`. True if there are new ones to be replayed. */
  arrivedElsewhere(mail: number): boolean {
    const before = this.#last;
    if (mail <= before) return false;
    this.#last = mail;
    this.#replayedTo ??= before;
    return true;
  }

  /** Whatever follows `seen` is to be replayed. */
  replayAfter(seen: number): void {
    if (seen < this.#last) this.#replayedTo = Math.min(this.#replayedTo ?? seen, seen);
  }

  /** Everything up to `mail` has been replayed. */
  replayed(mail: number): void {
    this.#replayedTo = mail >= this.#last ? undefined : mail;
  }
}

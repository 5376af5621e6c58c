// How far a session has read its mailbox: private messages arrive live, or wait until earlier ones
// have been replayed. Pure.

/** A client that is heard from this long after a message was sent has received it; milliseconds. */
const receiptMs = 30_000;

export class MailboxPosition {
  #last = 0;
  /** Before that, an owner who logs in may already be told of new messages. */
  #isRestored = false;
  #replayedTo: number | undefined;
  /** The client has everything up to here: it has said so, or it was replayed. */
  #replayed = 0;
  /** The last message that the client has certainly received. */
  #received = 0;
  /** Up to where everything had been sent at `atMs`. */
  #sent: { mail: number; atMs: number } | undefined;

  /** Number of the mailbox's last message; 0 without a mailbox. */
  get last(): number {
    return this.#last;
  }

  /** Last number replayed; undefined once private messages arrive live. */
  get replayedTo(): number | undefined {
    return this.#replayedTo;
  }

  /** Last number sent. */
  get sent(): number {
    return this.#replayedTo ?? this.#last;
  }

  /** Up to here everything has arrived, even if the connection is lost now. */
  get received(): number {
    return this.#received;
  }

  /**
   * To be called from time to time while no output waits. `heardMs`: when the client last sent
   * something; many of them acknowledge nothing.
   */
  notice(heardMs: number, nowMs: number): void {
    if (this.#sent !== undefined && heardMs - this.#sent.atMs >= receiptMs) {
      this.#received = this.#sent.mail;
      this.#sent = undefined;
    }
    if (this.sent > this.#received) this.#sent ??= { mail: this.sent, atMs: nowMs };
  }

  /** Continues from the session's record or its previous connection. */
  restore(last: number): void {
    this.#isRestored = true;
    if (this.#last > last) this.#replayedTo = Math.min(this.#replayedTo ?? last, last);
    this.#last = Math.max(this.#last, last);
  }

  /**
   * Message `mail` was stored. Returns whether it can be delivered now; if not, a replay will
   * include it. `isReady`: the session has received its welcome.
   */
  arrived(mail: number, isReady: boolean): boolean {
    const before = this.#last;
    this.#last = Math.max(before, mail);
    // The client may have it before this server knows that its commit has succeeded.
    if (this.#replayedTo !== undefined || mail <= this.#replayed) return false;
    // A session that is ended while it logs in has read nothing yet. Another server may have stored
    // messages in between.
    const isLive = isReady && this.#isRestored && mail <= before + 1;
    if (!isLive) this.#replayedTo = this.#isRestored ? Math.min(before, mail - 1) : mail - 1;
    return isLive;
  }

  /** Another server stored messages up to `mail`. True if there are new ones to replay. */
  arrivedElsewhere(mail: number): boolean {
    const before = this.#last;
    if (mail <= before) return false;
    this.#last = mail;
    if (this.#isRestored) this.#replayedTo ??= before;
    return true;
  }

  /** The client has everything up to `seen`, whatever has arrived since: the rest is replayed. */
  replayAfter(seen: number): void {
    this.#replayed = Math.min(seen, this.#last);
    this.#replayedTo = seen < this.#last ? seen : undefined;
    // Until now everything counted as sent.
    if (this.#sent !== undefined && this.#sent.mail > this.sent) this.#sent = undefined;
  }

  /** Everything up to `mail` has been replayed. */
  replayed(mail: number): void {
    this.#replayed = mail;
    this.#replayedTo = mail >= this.#last ? undefined : mail;
  }
}

// How far a session has read: epoch, room sequence number and mail number. Drops what it has seen, finds gaps, knows when a
// replay is complete. Knows no lines and no time.

/** What a `welcome` says about the log. */
export type LogState = { epoch: string; seq: number; mail: number; recovered: boolean };

/** What an arriving number means. `missing` are the numbers before it that never came. */
export type Arrival =
  | { fresh: false }
  | { fresh: true; replayed: boolean; missing: { from: number; to: number } | undefined };

export type Return = "recovered" | "trimmed" | "restarted";

const stale: Arrival = { fresh: false };

export class LogPosition {
  #epoch: string | undefined;
  #seq = 0;
  #mail = 0;
  // In a log of a new epoch any number may come first.
  #loose = false;
  // Numbers up to these are a replay.
  #replaySeq = 0;
  #replayMail = 0;
  #caughtUp = 0;

  constructor(since?: { epoch: string; seq: number; mail: number }) {
    if (since === undefined) return;
    this.#epoch = since.epoch;
    this.#seq = since.seq;
    this.#mail = since.mail;
  }

  /** What to tell the server, to get what comes after it. */
  get point(): { epoch: string; seq: number; mail: number } | undefined {
    return this.#epoch === undefined
      ? undefined
      : { epoch: this.#epoch, seq: this.#seq, mail: this.#mail };
  }

  /** Everything that the last `welcome` promised has arrived. */
  get complete(): boolean {
    return this.#seq >= this.#replaySeq && this.#mail >= this.#replayMail;
  }

  /** Messages of the replay that have arrived. */
  get caughtUp(): number {
    return this.#caughtUp;
  }

  /** A connection begins. Without an earlier point nothing of the past is wanted. */
  welcome(log: LogState): Return {
    const known = this.#epoch;
    this.#epoch = log.epoch;
    this.#caughtUp = 0;
    this.#replaySeq = log.seq;
    this.#replayMail = log.mail;
    this.#loose = !log.recovered;
    if (known === undefined) {
      this.#loose = false;
      this.#seq = log.seq;
      this.#mail = log.mail;
      return "recovered";
    }
    if (known !== log.epoch) {
      // Another log: all of it was said meanwhile. What the server still has of it may follow, from any number.
      this.#seq = 0;
      this.#mail = 0;
      this.#loose = true;
      return "restarted";
    }
    // A log that is shorter than what was read from it: go on from where the server is, or its next messages would be dropped.
    this.#seq = Math.min(this.#seq, log.seq);
    this.#mail = Math.min(this.#mail, log.mail);
    return log.recovered ? "recovered" : "trimmed";
  }

  /** Another room, whose log goes on after `seq`. */
  entered(log: { epoch: string; seq: number }): void {
    this.#epoch = log.epoch;
    this.#seq = log.seq;
    this.#replaySeq = log.seq;
    this.#loose = false;
  }

  message(seq: number): Arrival {
    if (seq <= this.#seq) return stale;
    const expected = this.#seq + 1;
    const missing = seq > expected && !this.#loose ? { from: expected, to: seq - 1 } : undefined;
    this.#seq = seq;
    this.#loose = false;
    const replayed = seq <= this.#replaySeq;
    if (replayed) this.#caughtUp++;
    return { fresh: true, replayed, missing };
  }

  // Mail has no gap to find: the server keeps less of it than of a room, and says so with `recovered`.
  mail(mail: number): Arrival {
    if (mail <= this.#mail) return stale;
    this.#mail = mail;
    const replayed = mail <= this.#replayMail;
    if (replayed) this.#caughtUp++;
    return { fresh: true, replayed, missing: undefined };
  }
}

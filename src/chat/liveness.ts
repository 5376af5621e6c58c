// Signs of life of one connection. Pure; timers.ts decides what follows from them.

/** What `stalledMs` needs to know about a session's waiting output. */
type WaitingOutput = { readonly blocked: boolean; readonly takenBytes: number };

/** Times are those of the hub, which never go back; 0: never. */
export class Liveness {
  #heardMs: number;
  #pingedMs = 0;
  #recordedMs = 0;
  #inputEndedMs = 0;
  #endingSinceMs = 0;
  /** What the link had accepted at the last check, and since when it has not accepted more. */
  #takenBytes = 0;
  #stalledSinceMs = 0;

  constructor(openedMs: number) {
    this.#heardMs = openedMs;
  }

  /** When the client last sent something. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** When an unanswered ping was sent. */
  get pingedMs(): number {
    return this.#pingedMs;
  }

  /** When its record was last queued for the store. */
  get recordedMs(): number {
    return this.#recordedMs;
  }

  /** When the client sent FIN. */
  get inputEndedMs(): number {
    return this.#inputEndedMs;
  }

  /** Since when the connection has only been draining. */
  get endingSinceMs(): number {
    return this.#endingSinceMs;
  }

  heard(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#pingedMs = 0;
  }

  pinged(nowMs: number): void {
    this.#pingedMs = nowMs;
  }

  recorded(nowMs: number): void {
    this.#recordedMs = nowMs;
  }

  inputEnded(nowMs: number): void {
    this.#inputEndedMs = nowMs;
  }

  /** Only the first call counts. */
  ending(nowMs: number): void {
    if (this.#endingSinceMs === 0) this.#endingSinceMs = nowMs;
  }

  /** How long the peer has not accepted any waiting output, in milliseconds. */
  stalledMs({ blocked, takenBytes }: WaitingOutput, nowMs: number): number {
    if (!blocked) this.#stalledSinceMs = 0;
    else if (this.#stalledSinceMs === 0 || takenBytes !== this.#takenBytes) {
      this.#stalledSinceMs = nowMs;
      this.#takenBytes = takenBytes;
    }
    return this.#stalledSinceMs === 0 ? 0 : nowMs - this.#stalledSinceMs;
  }
}

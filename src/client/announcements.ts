// Announcements of the server that a client shows on request: room topics and the message of the
// day. Pure.

export class Announcements {
  /** Topics of the rooms that the session is in, by room name. */
  readonly #topics = new Map<string, string>();
  #motd: string | undefined;
  readonly #isResumed: boolean;

  /** `isResumed`: an earlier incarnation of the session has shown the message of the day. */
  constructor(isResumed: boolean) {
    this.#isResumed = isResumed;
  }

  /** Empty if there is none. */
  get motd(): string {
    return this.#motd ?? "";
  }

  /** False if there is nothing new to show: the server repeats it after a lost connection. */
  setMotd(text: string): boolean {
    const isKnown = this.#motd === text || (this.#motd === undefined && this.#isResumed);
    this.#motd = text;
    return text !== "" && !isKnown;
  }

  /** Empty if the room has no topic or is unknown. */
  topicOf(room: string): string {
    return this.#topics.get(room) ?? "";
  }

  /** False if the topic is unchanged: the server repeats it after a lost connection. */
  setTopic(room: string, topic: string): boolean {
    if (this.topicOf(room) === topic) return false;
    this.#topics.set(room, topic);
    return true;
  }

  /** The session has left that room. */
  forget(room: string): void {
    this.#topics.delete(room);
  }
}

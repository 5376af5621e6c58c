// What the server has told about rooms and itself: topics, and the message of the day. Pure.

export class Announcements {
  /** Of the rooms that the session is in, by name. */
  readonly #topics = new Map<string, string>();
  #motd = "";

  /** Empty: there is none. */
  get motd(): string {
    return this.#motd;
  }

  setMotd(text: string): void {
    this.#motd = text;
  }

  /** Empty: it has none, or is not known. */
  topicOf(room: string): string {
    return this.#topics.get(room) ?? "";
  }

  /** False: that is known; after a lost connection the server tells it again. */
  setTopic(room: string, topic: string): boolean {
    if (this.topicOf(room) === topic) return false;
    this.#topics.set(room, topic);
    return true;
  }

  /** The session is no longer in that room. */
  forget(room: string): void {
    this.#topics.delete(room);
  }
}

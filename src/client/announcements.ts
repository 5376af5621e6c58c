// Announcements of the server that a client shows on request: room topics and the message of the
// day. Pure.

export class Announcements {
  /** Topics of the rooms that the session is in, by room name. */
  readonly #topics = new Map<string, string>();
  #motd = "";

  /** Empty if there is none. */
  get motd(): string {
    return this.#motd;
  }

  setMotd(text: string): void {
    this.#motd = text;
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

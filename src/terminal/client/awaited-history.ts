// Holds back what happens in a newly entered room until its history arrives, so that everything
// appears in order. Pure; knows no session and no screen.

import { fold } from "../../chat/names/grammar.ts";
import type { PastMessage, SessionEvent } from "../../client/events.ts";
import { terminal as limits } from "../../limits.ts";
import { type ChatMessage, type DeletedMessage, withoutText } from "./open-rooms.ts";

/** What happens in a room besides messages. A private chat's partner may share no room. */
export type PresenceNews = Extract<
  SessionEvent,
  { type: "joined" | "left" | "renamed" | "gap" | "away" }
>;

export type HeldEvent = ChatMessage | PresenceNews;

type Waiting = { room: string; held: HeldEvent[] };

export class AwaitedHistory {
  /** Keyed by the `ref` of the history request. */
  readonly #waiting = new Map<number, Waiting>();

  expect(ref: number, room: string): void {
    this.#waiting.set(ref, { room: fold(room), held: [] });
  }

  /** Holds an event back if its room still awaits its history. Returns whether it did. */
  hold(event: HeldEvent): boolean {
    if (event.room === undefined) return false;
    const room = fold(event.room);
    for (const waiting of this.#waiting.values()) {
      if (waiting.room !== room || waiting.held.length >= limits.heldMessages) continue;
      waiting.held.push(event);
      return true;
    }
    return false;
  }

  /** An operator has deleted the text of a message, which may be held back. */
  handleDeleted({ room, seq }: DeletedMessage): void {
    for (const waiting of this.#waiting.values()) {
      if (waiting.room !== fold(room)) continue;
      waiting.held = waiting.held.map((event) =>
        event.type === "message" && event.seq === seq ? withoutText(event) : event,
      );
    }
  }

  /**
   * A request was answered with these messages, or failed. Returns what was held back and is not
   * among them; undefined if it was not a history request.
   */
  release(ref: number, past: readonly PastMessage[] = []): readonly HeldEvent[] | undefined {
    const waiting = this.#waiting.get(ref);
    this.#waiting.delete(ref);
    const last = past.at(-1)?.seq ?? 0;
    return waiting?.held.filter((event) => event.type !== "message" || event.seq > last);
  }
}

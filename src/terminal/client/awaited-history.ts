// Holds back messages of a newly entered room until its history arrives, so that everything appears
// in order. Pure; knows no session and no screen.

import { fold } from "../../chat/names/grammar.ts";
import type { PastMessage } from "../../client/events.ts";
import { terminal as limits } from "../../limits.ts";
import type { ChatMessage } from "./open-rooms.ts";

type Waiting = { room: string; held: ChatMessage[] };

export class AwaitedHistory {
  /** Keyed by the `ref` of the history request. */
  readonly #waiting = new Map<number, Waiting>();

  expect(ref: number, room: string): void {
    this.#waiting.set(ref, { room: fold(room), held: [] });
  }

  /** Holds a message back if its room still awaits its history. Returns whether it did. */
  hold(message: ChatMessage): boolean {
    const room = fold(message.room);
    for (const waiting of this.#waiting.values()) {
      if (waiting.room !== room || waiting.held.length >= limits.heldMessages) continue;
      waiting.held.push(message);
      return true;
    }
    return false;
  }

  /**
   * A request was answered with these messages, or failed. Returns the held-back messages that are
   * not among them; undefined if it was not a history request.
   */
  release(ref: number, past: readonly PastMessage[] = []): readonly ChatMessage[] | undefined {
    const waiting = this.#waiting.get(ref);
    this.#waiting.delete(ref);
    const last = past.at(-1)?.seq ?? 0;
    return waiting?.held.filter(({ seq }) => seq > last);
  }
}

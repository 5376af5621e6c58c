// Pages of history and searches that a native client requests: what they contain is the log, and
// nothing in between is left out.

import type { PastMessage, SessionResponse } from "../../../src/client/events.ts";
import type { ClientSession } from "../../../src/client/session.ts";
import type { Surroundings } from "./surroundings.ts";
import { fail } from "./truth.ts";

/** In the long messages only. */
const word = "xxx";

type Asked = {
  readonly ref: number;
  readonly room: string;
  /** Messages from this number on are not wanted. */
  readonly before: number;
  readonly limit: number;
};

export class PastRequests {
  readonly #world: Surroundings;
  #asked: Asked | undefined;

  constructor(
    world: Surroundings,
    readonly owner: string,
  ) {
    this.#world = world;
  }

  /** `heard`: the number of the last message. */
  request(session: ClientSession, room: string, heard: number): void {
    const { random } = this.#world;
    const before = random() < 0.5 ? heard + 1 : 1 + Math.floor(random() * heard);
    const limit = 1 + Math.floor(random() * 40);
    const type = random() < 0.5 ? "search" : "history";
    const what = { room, before, limit };
    const ref = session.request(
      type === "search" ? { type, text: word, ...what } : { type, ...what },
    );
    if (ref !== undefined) this.#asked = { ref, ...what };
  }

  hear(ref: number, response: SessionResponse): void {
    const asked = this.#asked;
    if (asked === undefined || ref !== asked.ref) return;
    this.#asked = undefined;
    if (response.type === "history") this.#checkPage(asked, response.messages);
    else if (response.type === "found") this.#checkFound(asked, response);
  }

  #checkPage(asked: Asked, messages: readonly PastMessage[]): void {
    const { room, before, limit } = asked;
    this.#checkTexts(room, messages);
    const kept = this.#world.firstKept(room);
    const first = Math.max(kept, before - limit);
    const missing = this.#missing(first, before, messages);
    const isMore = messages.length > limit;
    if (missing === undefined && !isMore) return;
    this.#fail(asked, messages, isMore ? "too many" : `without ${missing}`);
  }

  #checkFound(asked: Asked, { messages, next }: Extract<SessionResponse, { type: "found" }>): void {
    const { room, before, limit } = asked;
    const { truth } = this.#world;
    this.#checkTexts(room, messages);
    const log = truth.rooms.get(room) ?? [];
    const from = Math.max(this.#world.firstKept(room), next ?? 1);
    const erased = new Set(truth.erasedIn(room));
    const missing = this.#missing(from, before, messages, (seq) => {
      return log[seq - 1]?.includes(word) === true && !erased.has(seq);
    });
    const wrong = messages.find(({ text, seq }) => !text.includes(word) || seq >= before);
    if (messages.length > limit) this.#fail(asked, messages, "too many");
    if (wrong !== undefined) this.#fail(asked, messages, `with ${wrong.seq}`);
    if (missing !== undefined) this.#fail(asked, messages, `without ${missing}, next ${next}`);
  }

  #checkTexts(room: string, messages: readonly PastMessage[]): void {
    const { truth, clock } = this.#world;
    for (const { seq, text, deleted = false } of messages) {
      if (deleted) truth.heardDeleted(this.owner, room, seq);
      else truth.heard(this.owner, room, { seq, text, nowMs: clock.nowMs });
    }
  }

  #missing(
    from: number,
    before: number,
    messages: readonly PastMessage[],
    isWanted = (_seq: number): boolean => true,
  ): number | undefined {
    const seqs = new Set(messages.map(({ seq }) => seq));
    for (let seq = from; seq < before; seq++) if (isWanted(seq) && !seqs.has(seq)) return seq;
    return undefined;
  }

  #fail(asked: Asked, messages: readonly PastMessage[], how: string): never {
    const seqs = messages.map(({ seq }) => seq).join(" ");
    return fail(`${this.owner} asks for ${JSON.stringify(asked)} and gets ${seqs}: ${how}`);
  }
}

// Searches a room's history, newest first, a bounded part of it per request. A client that wants to
// go further back asks again from where the answer ended.

import { history, search as limits } from "../../limits.ts";
import type { Command, Ref, Said } from "../events.ts";
import { fittingPage } from "./history-page.ts";
import type { HubState } from "../hub-state.ts";
import { lobby } from "../names/grammar.ts";
import { joinedRoom, reject, rejectNotInRoom } from "../rejections.ts";
import type { Room } from "../rooms/room.ts";
import { matches, searchWords } from "./search-words.ts";
import type { Session } from "../session.ts";
import { StoreQueries } from "../turn/store-queries.ts";

type Search = Extract<Command, { type: "search" }>;

export function search(hub: HubState, session: Session, command: Search): void {
  const { room: asked = lobby, text, before = Infinity, limit, ref } = command;
  const room = joinedRoom(hub, session, asked, ref);
  if (room === undefined) return;
  const isLong = text.length > limits.maxTextChars;
  const words = isLong ? [] : searchWords(text);
  if (words.length === 0) {
    const message = isLong
      ? `A search has at most ${limits.maxTextChars} characters, not ${text.length}`
      : "A search needs at least one word";
    return reject(hub, session, "text-invalid", message, { ref, subject: text });
  }
  // Messages that are committed but not yet delivered do not count as history yet.
  const end = Math.min(before, room.seq + 1);
  new Scan(hub, session, room, words, Math.min(limit, limits.pageMessages), ref).start(end);
}

class Scan {
  readonly #queries: StoreQueries;
  /** Newest first. */
  readonly #found: Said[] = [];
  #messages = 0;
  #chars = 0;
  /** Everything from this number on has been searched; undefined: the whole room. */
  #next: number | undefined;

  constructor(
    private readonly hub: HubState,
    private readonly session: Session,
    private readonly room: Room,
    private readonly words: readonly string[],
    private readonly limit: number,
    private readonly ref: Ref | undefined,
  ) {
    this.#queries = new StoreQueries(hub, session);
  }

  start(end: number): void {
    this.#read(end);
    this.#queries.whenAnswered((error) => {
      const { hub, session, room, ref } = this;
      if (error !== undefined) {
        hub.log.warn(error.message);
        return reject(hub, session, error.code, error.message, { ref });
      }
      // They may have been removed from it meanwhile.
      if (!session.rooms.has(room.name)) return rejectNotInRoom(hub, session, room.name, ref);
      // Some may have been deleted while later pages were read.
      const found = hub.store.erasures.without(this.#found.toReversed());
      const left = found.filter(({ deleted }) => deleted !== true);
      const messages = fittingPage(left, "newest");
      const isCut = messages.length < left.length;
      const next = isCut ? messages[0]?.seq : this.#next;
      const scannedChars = this.#chars + this.#messages * limits.messageChars;
      hub.send(session, { type: "found", room: room.name, messages, next, scannedChars, ref });
    });
  }

  #read(end: number): void {
    const { name: room } = this.room;
    const { pageMessages: limit } = history;
    this.#queries.ask({ type: "read-room", room, before: end, limit }, (page) =>
      this.#handlePage(page),
    );
  }

  #handlePage(page: readonly Said[]): void {
    for (const said of page.toReversed()) {
      this.#messages++;
      this.#chars += said.text.length;
      if (said.deleted === true || !matches(said.text, this.words)) continue;
      this.#found.push(said);
      if (this.#found.length < this.limit) continue;
      this.#next = said.seq;
      return;
    }
    const isAll = page.length < history.pageMessages;
    this.#next = isAll ? undefined : page[0]?.seq;
    const isEnough = this.#messages >= limits.scannedMessages || this.#chars >= limits.scannedChars;
    if (this.#next !== undefined && !isEnough) this.#read(this.#next);
  }
}

// The names, rooms and files known to the client, for Tab completion. Bounded; knows no screen.

import { fold } from "../../chat/names/grammar.ts";
import { harmless } from "../../text.ts";
import type { SessionEvent, SessionResponse } from "../../client/events.ts";
import { terminal as limits } from "../../limits.ts";
import type { Words } from "./completion.ts";

/** Names by their folded form. */
type Names = Map<string, string>;

export class CompletionSource {
  /** By folded room name. */
  readonly #members = new Map<string, Names>();
  readonly #correspondents: Names = new Map();
  /** The folded names of the user's rooms. After a /who, members of others are known, too. */
  readonly #own = new Set<string>();
  #rooms: readonly string[] = [];
  #files: readonly string[] = [];

  /** What Tab can complete while `room` is the current room; excludes `self`. */
  words(self: string, room: string | undefined): Words {
    const others = (names: Iterable<[string, string]>) => {
      const unique: Names = new Map(names);
      unique.delete(fold(self));
      return [...unique.values()];
    };
    const everyone = [...this.#members.values(), this.#correspondents].flatMap((m) => [...m]);
    const here = room === undefined ? undefined : this.#members.get(fold(room));
    return {
      member: others(here ?? []),
      name: others(everyone),
      room: this.#rooms,
      file: this.#files,
    };
  }

  /** The rooms, among those the user is in, that somebody is known to be in. */
  roomsOf(name: string): string[] {
    return [...this.#own].filter((room) => this.#members.get(room)?.has(fold(name)) === true);
  }

  handleEvent(event: SessionEvent): void {
    switch (event.type) {
      case "online":
        this.#members.clear();
        this.#own.clear();
        return void event.rooms.forEach((room) => this.#own.add(fold(room)));
      case "entered":
        this.#own.add(fold(event.room));
        return void this.#members.delete(fold(event.room));
      case "parted":
        this.#own.delete(fold(event.room));
        return void this.#members.delete(fold(event.room));
      case "joined":
        return this.#add(event.room, event.name);
      case "left":
        return void this.#members.get(fold(event.room))?.delete(fold(event.name));
      case "renamed":
        return this.#rename(event.room, event.from, event.to);
      case "message":
        return this.#add(event.room, event.from);
      case "private":
        return put(this.#correspondents, event.from);
      default:
    }
  }

  /** Lists arrive page by page; the first page replaces the previous list. */
  handleResponse(response: SessionResponse, isFirstPage: boolean): void {
    if (response.type === "names") {
      for (const name of response.names) this.#add(response.room, name);
    } else if (response.type === "rooms") {
      const rooms = response.rooms.map(({ room }) => harmless(room));
      this.#rooms = isFirstPage ? rooms : [...this.#rooms, ...rooms];
    } else if (response.type === "files") {
      const files = response.files.map(({ name }) => name);
      this.#files = isFirstPage ? files : [...this.#files, ...files];
    }
  }

  #rename(room: string | undefined, from: string, to: string): void {
    const names = room === undefined ? this.#correspondents : this.#members.get(fold(room));
    names?.delete(fold(from));
    if (names !== undefined) put(names, to);
  }

  #add(room: string, name: string): void {
    let members = this.#members.get(fold(room));
    if (members === undefined) this.#members.set(fold(room), (members = new Map()));
    put(members, name);
  }
}

function put(names: Names, name: string): void {
  if (names.size < limits.maxNames) names.set(fold(name), harmless(name));
}

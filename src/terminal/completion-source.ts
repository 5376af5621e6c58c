// Names, rooms and files that a client has heard of, for Tab to complete. Bounded; knows no screen.

import { fold } from "../chat/names/grammar.ts";
import { harmless } from "../text.ts";
import type { SessionEvent } from "../client/events.ts";
import { terminal as limits } from "../limits.ts";
import type { Words } from "./completion.ts";

export class KnownWords {
  readonly #names = new Map<string, string>();
  #rooms: readonly string[] = [];
  #files: readonly string[] = [];

  /** What can be completed by somebody of this name. */
  words(self: string): Words {
    const name = [...this.#names.values()].filter((other) => other !== self);
    return { name, room: this.#rooms, file: this.#files };
  }

  hear(event: SessionEvent): void {
    switch (event.type) {
      case "online":
      case "entered":
        return this.#names.clear();
      case "joined":
        return this.#add(event.name);
      case "left":
        return void this.#names.delete(fold(event.name));
      case "renamed":
        this.#names.delete(fold(event.from));
        return this.#add(event.to);
      case "private":
      case "message":
        return this.#add(event.from);
      case "answer":
        if (event.answer.type === "names") for (const name of event.answer.names) this.#add(name);
        if (event.answer.type === "rooms") this.#rooms = event.answer.rooms.map((r) => r.room);
        if (event.answer.type === "files") this.#files = event.answer.files.map((f) => f.name);
        return;
      default:
    }
  }

  #add(name: string): void {
    if (this.#names.size < limits.maxNames) this.#names.set(fold(name), harmless(name));
  }
}

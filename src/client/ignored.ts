// The ignore list: events caused by people on it are not reported. Pure.

import { fold } from "../chat/names/grammar.ts";
import { client as limits } from "../limits.ts";
import type { PastMessage, SessionEvent } from "./events.ts";

/**
 * A stored list after one change. Other programs of the same person may have changed it too, so it
 * is never replaced by what one of them knows.
 */
export function withIgnored(
  names: readonly string[],
  name: string,
  isIgnored: boolean,
): readonly string[] {
  const others = names.filter((one) => fold(one) !== fold(name));
  return isIgnored ? [...others, name].slice(-limits.maxIgnored) : others;
}

export class Ignored {
  /** Names as written, by folded name. */
  readonly #names = new Map<string, string>();
  /** Those among them that ignored people have taken, and the user has not given. Folded. */
  readonly #followed = new Set<string>();
  /** The last rename of an ignored person, which is reported once for each shared room. */
  #lastRename = { from: "", to: "" };

  constructor(names: readonly string[] = []) {
    for (const name of names) this.add(name);
  }

  get names(): readonly string[] {
    return [...this.#names.values()];
  }

  /** False if there are too many. */
  add(name: string): boolean {
    if (!this.has(name) && this.#names.size >= limits.maxIgnored) return false;
    this.#followed.delete(fold(name));
    this.#names.set(fold(name), name);
    return true;
  }

  /** False if nobody of that name was ignored. */
  remove(name: string): boolean {
    this.#followed.delete(fold(name));
    return this.#names.delete(fold(name));
  }

  has(name: string): boolean {
    return this.#names.has(fold(name));
  }

  /** Whether an ignored person caused the event. Renaming does not help if the rename was seen. */
  hides(event: SessionEvent): boolean {
    switch (event.type) {
      case "message":
        return !event.mine && this.has(event.from);
      case "private":
        return this.has(event.from);
      case "offer":
        return event.about.type === "offered" && this.has(event.about.from);
      case "joined":
      case "left":
      case "away":
        return this.has(event.name);
      case "call":
        return this.has(event.from);
      case "renamed":
        return this.#follow(event.from, event.to);
      case "chat":
        return event.state === "invited" && this.has(event.with);
      default:
        return false;
    }
  }

  /** Leaves the name that an ignored person gives up, unless the user has given it: it is free. */
  #follow(from: string, to: string): boolean {
    const last = this.#lastRename;
    if (!this.has(from)) return from === last.from && to === last.to;
    this.#lastRename = { from, to };
    if (this.#followed.has(fold(from))) this.remove(from);
    if (!this.has(to) && this.add(to)) this.#followed.add(fold(to));
    return true;
  }

  /** The messages of a history that are not from ignored people. */
  heard(messages: readonly PastMessage[]): readonly PastMessage[] {
    return this.#names.size === 0 ? messages : messages.filter(({ from }) => !this.has(from));
  }
}

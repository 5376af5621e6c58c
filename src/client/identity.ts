// Who and where a session is, as the server last said: name, room, partner of a private chat. Pure.

import type { ServerLine } from "./wire.ts";

export class Self {
  #name: string | undefined;
  #room: string;
  #partner: string | undefined;

  constructor(name: string | undefined, room: string) {
    this.#name = name;
    this.#room = room;
  }

  get name(): string | undefined {
    return this.#name;
  }

  /** As the server spells it. */
  get room(): string {
    return this.#room;
  }

  get partner(): string | undefined {
    return this.#partner;
  }

  /** The connection is gone, and with it a private chat. */
  lost(): void {
    this.#partner = undefined;
  }

  heard(line: ServerLine): void {
    switch (line.type) {
      case "welcome":
        this.#name = line.name ?? this.#name;
        if (line.room !== "") this.#room = line.room;
        return;
      case "entered":
        this.#room = line.room;
        return;
      case "answer":
        if (line.answer.type === "name") this.#name = line.answer.name;
        return;
      case "renamed":
        if (line.from === this.#name) this.#name = line.to;
        if (line.from === this.#partner) this.#partner = line.to;
        return;
      case "chat":
        if (line.state === "started") this.#partner = line.with;
        else if (line.state === "left" || line.state === "lost") this.#partner = undefined;
        return;
      default:
    }
  }
}

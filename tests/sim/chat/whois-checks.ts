// Answers to WHOIS: in the rooms that an IRC user is in, they name those who are in them, with
// their ranks.

import { viewOf } from "../../chat/inspect.ts";
import { fold } from "../../../src/chat/names/grammar.ts";
import type { ServerProcess } from "./server-process.ts";
import { fail } from "./truth.ts";

export class WhoisChecks {
  #nick = "";
  #tries = 0;
  /** The answer has not ended yet. */
  isAsking = false;
  /** As shown: with the signs of ranks. */
  #rooms: string[] = [];

  /** `maxTries`: as often an answer may differ, since something happens meanwhile. */
  constructor(
    readonly owner: string,
    readonly maxTries: number,
  ) {}

  asked(nick: string): void {
    if (fold(nick) !== fold(this.#nick)) this.#tries = 0;
    this.#nick = nick;
    this.#rooms = [];
    this.isAsking = true;
  }

  shown(channels: string): void {
    this.#rooms.push(...channels.split(" "));
  }

  /**
   * The end of the answer, with nothing in transit or unsettled. `rooms`: those that the user is
   * in. Returns whether to ask again.
   */
  ended(server: ServerProcess, rooms: readonly string[]): boolean {
    const folded = fold(this.#nick);
    const wrong = rooms.flatMap((room) => {
      const shown = this.#rooms.find((one) => one.endsWith(`#${room}`));
      const members = viewOf(server.hub, room)?.members ?? [];
      const member = members.find(({ name }) => fold(name) === folded);
      const ranks = `${member?.isOperator === true ? "@" : ""}${member?.isVoiced === true ? "+" : ""}`;
      const right = member === undefined ? undefined : `${ranks}#${room}`;
      return shown === right ? [] : [`${shown} instead of ${right}`];
    });
    if (wrong.length === 0) {
      this.#tries = 0;
      return false;
    }
    if (++this.#tries < this.maxTries) return true;
    return fail(`WHOIS shows ${this.owner} ${wrong.join(", ")} for ${this.#nick}`);
  }
}

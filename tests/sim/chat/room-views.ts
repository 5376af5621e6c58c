// Ranks, modes and topics of channels as an IRC client shows them: lists on entering, then the
// changes that it hears of. With nothing in transit or unsettled, they are those of its server.

import { letterOf } from "../../../src/chat/rooms/room-change.ts";
import { fail } from "./truth.ts";
import type { ServerProcess } from "./server-process.ts";
import { viewOf } from "../../chat/inspect.ts";

/** How long a view may differ from the server's: longer than a lease. */
const wrongMs = 20_000;

type View = {
  /** By nick: `@`, `+`, both or neither. Undefined: the list has not arrived yet. */
  ranks: Map<string, Set<string>> | undefined;
  /** Letters. Undefined: the answer to MODE has not arrived yet. */
  modes: Set<string> | undefined;
  topic: string;
};

export class RoomViews {
  readonly #views = new Map<string, View>();
  readonly #wrong = new Map<string, { readonly how: string; readonly sinceMs: number }>();

  constructor(readonly owner: string) {}

  forget(): void {
    this.#views.clear();
    this.#wrong.clear();
  }

  entered(room: string): void {
    this.#views.set(room, { ranks: undefined, modes: undefined, topic: "" });
    this.#wrong.delete(room);
  }

  parted(room: string): void {
    this.#views.delete(room);
  }

  /** One of the rooms in which it shows that nick as an operator; in the plaza nobody rules. */
  ruledBy(nick: string, dice: number): string | undefined {
    const rooms = [...this.#views].filter(([room, { ranks }]) => {
      return room !== "plaza" && ranks?.get(nick)?.has("@") === true;
    });
    return rooms[Math.floor(dice * rooms.length)]?.[0];
  }

  get rooms(): readonly string[] {
    return [...this.#views.keys()];
  }

  /** Whether it shows that nick as an operator. */
  rules(room: string, nick: string): boolean {
    return this.#views.get(room)?.ranks?.get(nick)?.has("@") === true;
  }

  /** `names` with the prefixes of NAMES. */
  listed(room: string, names: readonly string[]): void {
    const view = this.#views.get(room);
    if (view === undefined) return;
    view.ranks = new Map(
      names.map((name) => {
        const nick = name.replace(/^[@+]*/, "");
        return [nick, new Set(name.slice(0, name.length - nick.length))];
      }),
    );
  }

  joined(room: string, nick: string): void {
    this.#views.get(room)?.ranks?.set(nick, new Set());
  }

  left(room: string, nick: string): void {
    this.#views.get(room)?.ranks?.delete(nick);
  }

  leftAll(nick: string): void {
    for (const room of this.#views.keys()) this.left(room, nick);
  }

  renamed(from: string, to: string): void {
    for (const { ranks } of this.#views.values()) {
      const rank = ranks?.get(from);
      if (rank === undefined || ranks?.delete(from) !== true) continue;
      ranks.set(to, rank);
    }
  }

  topic(room: string, topic: string): void {
    const view = this.#views.get(room);
    if (view !== undefined) view.topic = topic;
  }

  /** The answer to MODE. */
  modes(room: string, letters: string): void {
    const view = this.#views.get(room);
    if (view !== undefined) view.modes = new Set(letters.replace(/^\+/, ""));
  }

  changed(room: string, letters: string, args: readonly string[]): void {
    const view = this.#views.get(room);
    if (view === undefined) return;
    const left = [...args];
    let isOn = true;
    for (const letter of letters) {
      if (letter === "+" || letter === "-") isOn = letter === "+";
      else if (letter === "o" || letter === "v") {
        set(view.ranks?.get(left.shift() ?? ""), letter === "o" ? "@" : "+", isOn);
      } else if (letter === "b") left.shift();
      else {
        if (letter === "k" || (letter === "l" && isOn)) left.shift();
        set(view.modes, letter, isOn);
      }
    }
  }

  /** Nothing is in transit or unsettled. */
  check(server: ServerProcess, nowMs: number): void {
    for (const [room, view] of this.#views) {
      const truth = truthOf(server, room);
      const shown = textOf(view, truth);
      const right = truth === undefined ? "" : textOf(truth, view);
      const how = `shows ${shown} in ${room}, which is ${right}`;
      const before = this.#wrong.get(room);
      if (shown === right) this.#wrong.delete(room);
      else if (before?.how !== how) this.#wrong.set(room, { how, sinceMs: nowMs });
      else if (nowMs - before.sinceMs >= wrongMs) fail(`${this.owner} ${how}`);
    }
  }
}

function set(of: Set<string> | undefined, letter: string, isOn: boolean): void {
  if (isOn) of?.add(letter);
  else of?.delete(letter);
}

function truthOf({ hub }: ServerProcess, room: string): View | undefined {
  const view = viewOf(hub, room);
  if (view === undefined) return undefined;
  const { state, members } = view;
  const modes = new Set(state.flags.map((flag) => letterOf(flag)));
  if (state.hasKey) modes.add("k");
  if (state.limit !== undefined) modes.add("l");
  const ranks = new Map(
    members.map(({ name, isOperator, isVoiced }) => {
      const rank = [isOperator ? "@" : "", isVoiced ? "+" : ""].filter((one) => one !== "");
      return [name, new Set(rank)];
    }),
  );
  return { ranks, modes, topic: state.topic };
}

/** `other`: what it lacks is left out. */
function textOf({ ranks, modes, topic }: View, other: View | undefined): string {
  const all = Array.from(ranks ?? [], ([nick, rank]) => `${[...rank].sort().join("")}${nick}`);
  const who = other?.ranks === undefined ? "" : all.sort().join(" ");
  const how = other?.modes === undefined ? "" : [...(modes ?? [])].sort().join("");
  return `[${who}] +${how} "${topic}"`;
}

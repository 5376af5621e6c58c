// The operator of all servers, who orders at any of them: bans and mutes with a term, kicks,
// private rooms and their guests, topics, ranks, further operators, and texts and accounts that are
// deleted. All servers know what is stored, and keep to it.

import { consoleActor } from "../../../src/chat/admin/actor.ts";
import { fold } from "../../../src/chat/names/grammar.ts";
import type { ServerProcess } from "../chat/server-process.ts";
import type { Surroundings } from "../chat/surroundings.ts";
import { fail } from "../chat/truth.ts";
import type { MemberProcess } from "./member-process.ts";
import type { Tables } from "./tables.ts";
import { memberNames, viewOf } from "../../chat/inspect.ts";

/** How long a server may keep somebody: longer than a lease, and than a look on a slow link. */
const wrongMs = 30_000;

type Ban = { readonly kind: string; readonly name?: string; readonly untilMs?: number };

export class Operator {
  readonly #world: Surroundings;
  readonly #members: readonly MemberProcess[];
  readonly #tables: Tables;
  readonly #isReachable: (server: ServerProcess) => boolean;
  /** By server and folded name: since when somebody who is banned has been there. */
  #wrongSinceMs: ReadonlyMap<string, number> = new Map();

  constructor(
    world: Surroundings,
    members: readonly MemberProcess[],
    tables: Tables,
    isReachable: (server: ServerProcess) => boolean,
    /** Those whom it bans and mutes. */
    readonly people: readonly string[],
    /** Who has a registered name. */
    readonly owner: string,
  ) {
    this.#world = world;
    this.#members = members;
    this.#tables = tables;
    this.#isReachable = isReachable;
  }

  doSomething(): void {
    const { random } = this.#world;
    const any = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
    const who = any(this.people);
    const term = `--for ${1 + Math.floor(random() * 40)}s`;
    const orders = [
      `kick ${who}`,
      `ban ${who} ${term}`,
      `mute ${who} ${term}`,
      `${any(["unban", "unmute"])} ${who}`,
      `${any(["private", "public"])} studio`,
      `${any(["allow", "disallow"])} studio ${who}`,
      `remove hall ${who}`,
      `mode hall ${any(["+v", "-v", "+o", "-o"])} ${who}`,
      `topic hall ${any(["one", "two", ""])}`,
      `${any(["op", "deop"])} ${this.owner}`,
      this.#deletion(any(["lobby", "den"])),
    ];
    this.order(random() < 0.02 ? `forget ${this.owner}` : any(orders));
  }

  /** At any server. */
  order(line: string): void {
    const index = Math.floor(this.#world.random() * this.#members.length);
    this.#order(this.#members[index]!, line);
  }

  /** Lifts all bans: those that were made by a clock that was far ahead are still in force. */
  pardonAll(): void {
    for (const [key] of this.#tables.rights.entries()) {
      const [kind, id] = key.split("/");
      if (kind === "sanction") this.order(`unban #${id}`);
    }
  }

  /** Of one of the last messages of that room. */
  #deletion(room: string): string {
    const last = this.#tables.rooms.get(room)?.last ?? 0;
    const seq = Math.max(1, last - Math.floor(this.#world.random() * 20));
    return `delete ${room} ${seq}`;
  }

  /** Whether somebody is still there who is banned. */
  check(): void {
    const { nowMs } = this.#world.clock;
    const wrong = this.#members.flatMap(({ server, name, machine }) => {
      if (server === undefined || server.life.isPaused || !this.#isReachable(server)) return [];
      // Bans end at each server by its clock.
      const banned = this.#banned(machine.latestMs);
      const there = memberNames(server.hub).map((one) => fold(one));
      return there.filter((one) => banned.has(one)).map((one) => `${name} has ${one}`);
    });
    const before = this.#wrongSinceMs;
    this.#wrongSinceMs = new Map(wrong.map((what) => [what, before.get(what) ?? nowMs]));
    for (const [what, sinceMs] of this.#wrongSinceMs) {
      if (nowMs - sinceMs >= wrongMs) fail(`${what}, who is banned`);
    }
  }

  /** What the servers do not agree upon, once nothing is in their way. */
  disagreement(): string | undefined {
    for (const question of ["bans", "mutes"]) {
      const answers = this.#members.map((member) => this.#order(member, question));
      if (new Set(answers).size > 1) return `they answer ${question} with ${answers.join(" and ")}`;
    }
    for (const room of ["lobby", "hall", "studio", "den"]) {
      const shown = this.#members.flatMap(({ server }) => {
        const state = server && viewOf(server.hub, room)?.state;
        return state === undefined ? [] : [JSON.stringify({ ...state, openedMs: 0 })];
      });
      if (new Set(shown).size > 1) return `they show ${room} as ${shown.join(" and ")}`;
    }
    return undefined;
  }

  #banned(nowMs: number): ReadonlySet<string> {
    const rows = [...this.#tables.rights.entries()].filter(([key]) => key.startsWith("sanction/"));
    const bans = rows.map(([, value]): Ban => JSON.parse(value));
    const live = bans.filter(({ kind, untilMs = Infinity }) => kind === "ban" && untilMs > nowMs);
    return new Set(live.flatMap(({ name }) => name ?? []));
  }

  #order({ server, name }: MemberProcess, line: string): string {
    let answered = "";
    server?.run((hub) => {
      hub.handleAdmin(consoleActor, line, server.nowMs, (answer) => {
        answered = JSON.stringify(answer);
        this.#world.trace(name, "!", `${line}: ${answered}`);
      });
    });
    return answered;
  }
}

// What an IRC client with message IDs shows of rooms: the messages as they are said, one after the
// other, and the pages of CHATHISTORY that it requests, to and fro. Together they are the log.

import { seqOf } from "../../../src/dialects/irc/message-ids.ts";
import { deletedText } from "../../../src/protocol/messages.ts";
import type { IrcMessage } from "./irc-message.ts";
import type { Surroundings } from "./surroundings.ts";
import { fail } from "./truth.ts";

/** `msgid` of the server that the simulated dialect has. */
const log = "log";
const ways = ["BEFORE", "AFTER", "AROUND", "BETWEEN"] as const;
/** How long an answer may take: longer than a database is away. */
const answerMs = 120_000;

type Said = { readonly seq: number; readonly text: string; readonly timeMs: number };

type Asked = {
  readonly room: string;
  readonly way: "LATEST" | (typeof ways)[number];
  /** Numbers of the messages that the request names. */
  readonly points: readonly number[];
  readonly byTime: boolean;
  readonly limit: number;
  /** The last message that had been heard. */
  readonly heard: number | undefined;
  readonly atMs: number;
};

export class PastReader {
  readonly #world: Surroundings;
  /** By room: the last message that was heard since it was entered. */
  readonly #heard = new Map<string, number | undefined>();
  /** By room and number: when the messages were said that it knows. */
  readonly #times = new Map<string, Map<number, number>>();
  #asked: Asked | undefined;
  /** The page that arrives, by its batch. */
  #page: { readonly batch: string; readonly said: Said[] } | undefined;
  /** The message of which more lines may follow. */
  #open: (Said & { readonly room: string; readonly batch: string }) | undefined;

  constructor(
    world: Surroundings,
    readonly owner: string,
  ) {
    this.#world = world;
  }

  get isAsking(): boolean {
    return this.#asked !== undefined;
  }

  forget(): void {
    this.#heard.clear();
    this.#times.clear();
    this.#asked = this.#page = this.#open = undefined;
  }

  entered(room: string): void {
    this.#heard.set(room, undefined);
  }

  parted(room: string): void {
    this.#heard.delete(room);
  }

  /** Any line that has arrived. */
  hear(message: IrcMessage): void {
    const { verb, params, tags } = message;
    const [target = "", text = ""] = params;
    const open = this.#open;
    const batch = tags.get("batch") ?? "";
    if (verb === "PRIVMSG" && target.startsWith("#") && !tags.has("msgid")) {
      // The first line of a message has its ID.
      if (open?.batch !== batch) fail(`${this.owner} hears ${text} without an ID`);
      this.#open = { ...open, text: open.text + text };
      return;
    }
    this.#close();
    if (verb === "PRIVMSG" && target.startsWith("#")) this.#begin(message, target.slice(1), text);
    else if (verb === "BATCH" && params[1] === "chathistory" && params[2]?.startsWith("#")) {
      this.#page = { batch: target.slice(1), said: [] };
    } else if (verb === "BATCH" && target === `-${this.#page?.batch}`) this.#finish();
    else if (verb === "FAIL" && target === "CHATHISTORY") this.#asked = undefined;
  }

  /** The next request; undefined: the last one is not answered yet, or it is in no room. */
  request(): string | undefined {
    const { random, clock } = this.#world;
    if (this.#asked !== undefined) return undefined;
    const rooms = [...this.#heard.keys()];
    const room = rooms[Math.floor(random() * rooms.length)];
    if (room === undefined) return undefined;
    const known = [...(this.#times.get(room)?.keys() ?? [])];
    const point = (): number => known[Math.floor(random() * known.length)]!;
    const isLatest = known.length === 0 || random() < 0.2;
    const way = isLatest ? "LATEST" : ways[Math.floor(random() * ways.length)]!;
    const points = way === "LATEST" ? [] : way === "BETWEEN" ? [point(), point()] : [point()];
    const limit = 1 + Math.floor(random() * (random() < 0.2 ? 500 : 30));
    return this.#ask({
      room,
      way,
      points,
      byTime: way !== "BETWEEN" && random() < 0.3,
      limit,
      heard: this.#heard.get(room),
      atMs: clock.nowMs,
    });
  }

  /** Nothing is in transit or unsettled. */
  check(nowMs: number): void {
    const asked = this.#asked;
    if (asked !== undefined && nowMs - asked.atMs > answerMs) {
      fail(`${this.owner} gets no answer about ${asked.room}`);
    }
  }

  #ask(asked: Asked): string {
    this.#asked = asked;
    const { room, way, points, byTime, limit } = asked;
    const selectors = points.map((seq) => {
      const time = new Date(this.#timeOf(room, seq) ?? 0).toISOString();
      return byTime ? `timestamp=${time}` : `msgid=${log}-${seq}-${room}`;
    });
    const all = way === "LATEST" ? ["*"] : selectors;
    return `CHATHISTORY ${way} #${room} ${all.join(" ")} ${limit}`;
  }

  #timeOf(room: string, seq: number): number | undefined {
    return this.#times.get(room)?.get(seq);
  }

  #begin({ tags }: IrcMessage, room: string, text: string): void {
    const id = tags.get("msgid") ?? "";
    const seq = seqOf(log, room, id) ?? fail(`${this.owner} hears ${text} of ${room} as ${id}`);
    const timeMs = Date.parse(tags.get("time") ?? "");
    const batch = tags.get("batch") ?? "";
    this.#open = { room, seq, text, timeMs, batch };
    if (batch !== "") return;
    const last = this.#heard.get(room);
    // Its server may have left out what is not kept any more.
    const isTrimmed = seq > (last ?? seq) && seq <= this.#world.firstKept(room);
    if (last !== undefined && seq !== last + 1 && !isTrimmed) {
      fail(`${this.owner} hears ${seq} of ${room} after ${last}`);
    }
    if (this.#heard.has(room)) this.#heard.set(room, seq);
  }

  /** No more lines of the message follow. */
  #close(): void {
    const said = this.#open;
    if (said === undefined) return;
    this.#open = undefined;
    const { room, seq, text, timeMs, batch } = said;
    const { truth, clock } = this.#world;
    if (text === deletedText) truth.heardDeleted(this.owner, room, seq);
    else truth.heard(this.owner, room, { seq, text, nowMs: clock.nowMs });
    const times = this.#times.get(room) ?? new Map<number, number>();
    this.#times.set(room, times);
    const before = times.get(seq);
    if (before !== undefined && before !== timeMs) {
      fail(`${this.owner} hears that ${seq} of ${room} was said at ${timeMs}, not ${before}`);
    }
    times.set(seq, timeMs);
    if (batch === this.#page?.batch) this.#page.said.push(said);
  }

  #finish(): void {
    const asked = this.#asked ?? fail(`${this.owner} gets a page that it has not asked for`);
    const said = this.#page?.said ?? [];
    this.#asked = this.#page = undefined;
    const problem = this.#problem(asked, said);
    if (problem === undefined) return this.#note(asked, said);
    const seqs = said.map(({ seq }) => seq).join(" ");
    fail(`${this.owner} asks for ${JSON.stringify(asked)} and gets ${seqs}: ${problem}`);
  }

  /** What it has heard and the page follow each other without a gap. */
  #note({ way, room, heard }: Asked, said: readonly Said[]): void {
    const last = said.at(-1)?.seq;
    if (way !== "LATEST" || heard !== undefined || last === undefined) return;
    // What is said next is the first that it hears.
    if (this.#heard.has(room) && this.#heard.get(room) === undefined) this.#heard.set(room, last);
  }

  #problem(asked: Asked, said: readonly Said[]): string | undefined {
    const { room, way, points, byTime, limit, heard = 0 } = asked;
    if (said.length > limit) return "too many";
    if (said.some(({ seq }, i) => i > 0 && seq !== said[i - 1]!.seq + 1)) return "not one by one";
    const kept = this.#world.firstKept(room);
    const first = said[0]?.seq;
    const last = said.at(-1)?.seq;
    // One part of them follows the other in time.
    const [low = 0, high = 0] = points.toSorted((a, b) => a - b);
    const isFull = said.length === limit;
    const goesToBegin = isFull || (first ?? Infinity) <= kept;
    const goesToEnd = isFull || (last ?? 0) >= heard;
    if (byTime && !this.#world.isOrderedByTime) return undefined;
    switch (way) {
      case "LATEST":
        if (last === undefined) return heard >= kept ? "nothing" : undefined;
        if (last < heard) return `not the last one, ${heard}`;
        return goesToBegin ? undefined : `not from ${kept} on`;
      case "BEFORE":
        if (last === undefined) return this.#isBetween(room, kept - 1, low, byTime, low);
        if (last >= low) return "not before";
        return this.#isBetween(room, last, low, byTime, low) ?? (goesToBegin ? undefined : "few");
      case "AFTER":
        if (first === undefined) return this.#isBetween(room, low, heard + 1, byTime, low);
        if (first <= low) return "not after";
        return this.#isBetween(room, low, first, byTime, low) ?? (goesToEnd ? undefined : "few");
      case "AROUND":
        if (low < kept) return undefined;
        if (!byTime && (first === undefined || first > low || last! < low)) return "not around";
        return goesToBegin || goesToEnd ? undefined : "few";
      case "BETWEEN": {
        if (first !== undefined && (first <= low || last! >= high)) return "not between";
        const expected = Math.min(limit, Math.max(0, high - low - 1));
        return low + 1 < kept || said.length === expected ? undefined : `not ${expected}`;
      }
    }
  }

  /**
   * Complains about messages that are kept between two others, except by time: those of the same
   * time as `point`.
   */
  #isBetween(
    room: string,
    from: number,
    to: number,
    byTime: boolean,
    point: number,
  ): string | undefined {
    const kept = this.#world.firstKept(room);
    const timeMs = this.#timeOf(room, point);
    for (let seq = Math.max(from + 1, kept); seq < to; seq++) {
      const isSame = byTime && (this.#timeOf(room, seq) ?? timeMs) === timeMs;
      if (!isSame) return `without ${seq}`;
    }
    return undefined;
  }
}

// What an IRC client with a registered nick reads of its private conversations: each page of
// CHATHISTORY is a part of what was exchanged with one person, in order and without gaps, and
// TARGETS names whom and when.

import { accountMailbox } from "../../../src/chat/accounts/account-store.ts";
import { fold } from "../../../src/chat/names/grammar.ts";
import { passingOf } from "../../../src/dialects/irc/message-ids.ts";
import type { IrcMessage } from "./irc-message.ts";
import { type Letter, letterKey } from "./letters.ts";
import type { Surroundings } from "./surroundings.ts";
import { fail } from "./truth.ts";

/** As in the other simulated messages (past-reader.ts). */
const log = "log";
const ways = ["LATEST", "BEFORE", "AFTER", "AROUND", "BETWEEN"] as const;
const answerMs = 120_000;

type Point = { readonly timeMs: number; readonly id: number };

type Asked = {
  readonly way: (typeof ways)[number] | "TARGETS";
  readonly with: string;
  readonly points: readonly Point[];
  readonly byTime: boolean;
  readonly limit: number;
  readonly atMs: number;
};

type Page = { readonly batch: string; readonly found: Point[]; readonly targets: string[] };

export class PrivateReader {
  readonly #world: Surroundings;
  readonly #mailbox: string;
  /** Messages that it has been shown, by the folded name of the other person. */
  readonly #known = new Map<string, Point[]>();
  #asked: Asked | undefined;
  #page: Page | undefined;

  constructor(
    world: Surroundings,
    readonly owner: string,
    /** Who has a registered nick, too: nobody else can ever have it. */
    readonly friend: string,
  ) {
    this.#world = world;
    this.#mailbox = accountMailbox(`account-of-${owner}`);
  }

  get isAsking(): boolean {
    return this.#asked !== undefined;
  }

  forget(): void {
    this.#known.clear();
    this.#asked = this.#page = undefined;
  }

  request(): string {
    const { random, clock } = this.#world;
    const limit = 1 + Math.floor(random() * (random() < 0.3 ? 100 : 8));
    const names = [...this.#known.keys()];
    const isFriend = names.length === 0 || random() < 0.6;
    const name = isFriend ? this.friend : names[Math.floor(random() * names.length)]!;
    const known = this.#known.get(fold(name)) ?? [];
    const point = (): Point => known[Math.floor(random() * known.length)]!;
    const isTargets = random() < 0.2;
    const way = known.length === 0 ? "LATEST" : ways[Math.floor(random() * ways.length)]!;
    const points = way === "LATEST" ? [] : way === "BETWEEN" ? [point(), point()] : [point()];
    const byTime = random() < 0.3;
    const about = { with: name, points, byTime, limit, atMs: clock.nowMs };
    this.#asked = { ...about, way: isTargets ? "TARGETS" : way };
    if (isTargets) {
      return `CHATHISTORY TARGETS timestamp=1970-01-02T00:00:00.000Z timestamp=2100-01-01T00:00:00.000Z ${limit}`;
    }
    const selectors = points.map(({ timeMs, id }) =>
      byTime
        ? `timestamp=${new Date(timeMs).toISOString()}`
        : `msgid=${log}-x${id}-${timeMs.toString(36)}`,
    );
    const all = way === "LATEST" ? ["*"] : selectors;
    return `CHATHISTORY ${way} ${name} ${all.join(" ")} ${limit}`;
  }

  /** Any line that has arrived; `nick`: its own. */
  hear({ verb, from, params, tags }: IrcMessage, nick: string): void {
    const [target = "", second = "", third = ""] = params;
    const batch = tags.get("batch");
    const page = this.#page;
    if (verb === "BATCH" && target.startsWith("+")) {
      const isOwn = second === "chathistory" && !third.startsWith("#");
      if (!isOwn && second !== "draft/chathistory-targets") return;
      this.#page = { batch: target.slice(1), found: [], targets: [] };
    } else if (verb === "BATCH" && page !== undefined && target === `-${page.batch}`) {
      this.#finish(page, nick);
    } else if (verb === "FAIL" && target === "CHATHISTORY") this.#asked = undefined;
    else if (verb === "CHATHISTORY" && page?.batch === batch) page?.targets.push(second);
    else if (verb === "PRIVMSG" && !target.startsWith("#")) {
      const point = passingOf(log, tags.get("msgid") ?? "");
      // Only the first line of a message has its ID.
      if (point === undefined) return;
      const isMe = fold(from) === fold(nick) || fold(from) === fold(this.owner);
      this.#note(fold(isMe ? target : from), point);
      if (page !== undefined && page.batch === batch) page.found.push(point);
    }
  }

  /** Nothing is in transit or unsettled. */
  check(nowMs: number): void {
    const asked = this.#asked;
    if (asked !== undefined && nowMs - asked.atMs > answerMs) {
      fail(`${this.owner} gets no answer about the conversation with ${asked.with}`);
    }
  }

  #note(name: string, point: Point): void {
    const known = this.#known.get(name) ?? [];
    this.#known.set(name, [...known.slice(-40), point]);
  }

  #finish({ found, targets }: Page, nick: string): void {
    const asked = this.#asked ?? fail(`${this.owner} gets a page that it has not asked for`);
    this.#asked = this.#page = undefined;
    const problem =
      asked.way === "TARGETS"
        ? this.#targetsProblem(asked, targets, nick)
        : this.#pageProblem(asked, found);
    if (problem === undefined) return;
    const got = asked.way === "TARGETS" ? targets.join(" ") : found.map(letterKey).join(" ");
    fail(`${this.owner} asks for ${JSON.stringify(asked)} and gets ${got}: ${problem}`);
  }

  #targetsProblem(
    { limit, atMs }: Asked,
    targets: readonly string[],
    nick: string,
  ): string | undefined {
    if (targets.length > limit) return "too many";
    const isThere = targets.some((name) => fold(name).startsWith(fold(this.friend)));
    const letters = this.#lettersWith(this.#friendsMailbox, this.friend, atMs);
    // Only under the registered name, whoever has logged in by SASL.
    const isOwn = fold(nick) === fold(this.owner);
    const mustBe = isOwn && letters.length > 0 && targets.length < limit;
    return mustBe && !isThere ? `without ${this.friend}` : undefined;
  }

  #pageProblem(asked: Asked, found: readonly Point[]): string | undefined {
    const { limit, atMs } = asked;
    if (found.length > limit) return "too many";
    const disorder = found.find((point, i) => i > 0 && compare(found[i - 1]!, point) >= 0);
    if (disorder !== undefined) return `${letterKey(disorder)} at the wrong place`;
    const stray = found.find((point) => !isWanted(point, asked));
    if (stray !== undefined) return `with ${letterKey(stray)}`;
    const person = this.#personOf(asked, found);
    if (person === undefined) return found.length > 0 ? "not of one person" : undefined;
    const known = new Set(found.map(letterKey));
    // Of what was stored later, nothing needs be there.
    const others = this.#lettersWith(person, asked.with, atMs);
    const missing = others.filter((letter) => !known.has(letterKey(letter)));
    const gap = missing.find((letter) => isDue(letter, asked, found));
    return gap === undefined ? undefined : `without ${letterKey(gap)}`;
  }

  get #friendsMailbox(): string {
    return accountMailbox(`account-of-${this.friend}`);
  }

  /** With whom all those messages were exchanged. */
  #personOf(asked: Asked, found: readonly Point[]): string | undefined {
    const isFriend = fold(asked.with) === fold(this.friend);
    // Nobody has the name, or somebody who has not written.
    if (!isFriend && found.length === 0) return undefined;
    const all = this.#world.letters.of(this.#mailbox);
    const people = isFriend ? [this.#friendsMailbox] : new Set(all.map(({ person }) => person));
    const name = fold(asked.with);
    return [...people].find((person) =>
      found.every((point) =>
        all.some((letter) => {
          const isTheirs = person !== "" || fold(letter.name) === name;
          return letter.person === person && isTheirs && compare(letter, point) === 0;
        }),
      ),
    );
  }

  /** What was stored before, and still is. */
  #lettersWith(person: string, name: string, beforeMs: number): readonly Letter[] {
    const kept = this.#world.keptMail(this.#mailbox);
    return this.#world.letters
      .of(this.#mailbox)
      .filter(({ person: other }) => other === person)
      .filter((letter) => person !== "" || fold(letter.name) === fold(name))
      .filter((letter) => letter.atMs < beforeMs && kept.has(letterKey(letter)));
  }
}

/** Whether a page may have that message. */
function isWanted(point: Point, { way, points, byTime }: Asked): boolean {
  const [low, high = low] = points.toSorted(compare);
  const order = byTime ? compareTimes : compare;
  const isAfter = low === undefined || order(point, low) > 0;
  if (way === "BEFORE") return low === undefined || order(point, low) < 0;
  if (way === "AFTER") return isAfter;
  return way !== "BETWEEN" || (isAfter && high !== undefined && order(point, high) < 0);
}

/** Whether a message that is not in the page must be in it. */
function isDue(letter: Point, asked: Asked, found: readonly Point[]): boolean {
  const { way, points, byTime, limit } = asked;
  const [point] = points;
  const [first, last] = [found[0], found.at(-1)];
  const isFull = found.length === limit;
  const isWithin = isWanted(letter, asked);
  const isOlder = first === undefined || compare(letter, first) < 0;
  const isNewer = last === undefined || compare(letter, last) > 0;
  if (first !== undefined && !isOlder && !isNewer) return true;
  switch (way) {
    case "TARGETS":
      return false;
    case "LATEST":
      return isNewer || !isFull;
    case "BEFORE":
      return isWithin && (isNewer || !isFull);
    case "AFTER":
      return isWithin && (isOlder || !isFull);
    case "AROUND":
      return !byTime && point !== undefined && compare(letter, point) === 0;
    case "BETWEEN":
      return isWithin && !isFull;
  }
}

function compareTimes(a: Point, b: Point): number {
  return a.timeMs - b.timeMs;
}

function compare(a: Point, b: Point): number {
  return a.timeMs - b.timeMs || a.id - b.id;
}

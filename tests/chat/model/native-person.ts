// A native client: keeps a secret, is in several rooms, counts messages, resends unacknowledged
// ones, resumes its position; and checks every line it receives against the protocol and the
// model's log.

import type { Session } from "../../../src/chat/session.ts";
import { native } from "../rig.ts";
import { ModelLink } from "./link.ts";
import { type Token, tokenText, type World } from "./world.ts";

type Sent = {
  n: number;
  token: Token;
  padding: number;
  /** Rejected for good. */
  refused: boolean;
  /**
   * By an `ack`, or by a `welcome`, which also covers messages whose rejection was lost with a
   * connection.
   */
  acknowledged: boolean;
};
type Line = Record<string, unknown>;

export class NativePerson {
  readonly kind = "native";
  readonly #secret: string;
  readonly names = new Set<string>();
  name: string;
  readonly takesRuns: boolean;
  /** Messages received as part of a run. */
  inRuns = 0;
  link: ModelLink | undefined;
  session: Session | undefined;
  /** The rooms it is in, and asks for when it reconnects. */
  readonly rooms = new Set<string>(["lobby"]);
  /** Every counted message, in order. */
  readonly sent: Sent[] = [];
  acked = 0;
  refusals = 0;
  /** The last number seen in each room, and in the mail. */
  readonly seqs = new Map<string, number>();
  mail: number | undefined;
  /** Known members of each room; absent until the first list has arrived. */
  readonly present = new Map<string, Set<string>>();
  readonly #joining = new Set<string>();
  readonly #parting = new Set<string>();
  /** Rooms whose messages it may receive now. */
  readonly #heard = new Set<string>();
  /** The `seq` that each pending join asked for. */
  readonly #joinedFrom = new Map<string, number | undefined>();
  /** How many of `sent` have been transmitted on this connection. */
  #onWay = 0;
  /** The highest number that was ever sent. */
  #highest = 0;
  #waitUntilMs = 0;
  #repeated = false;
  /** When to request the members of a room again. */
  readonly #askAtMs = new Map<string, number>();
  #rest = "";
  #welcomed = false;
  #knows = false;
  #isOver = false;

  constructor(
    readonly world: World,
    readonly id: string,
  ) {
    this.name = id;
    this.takesRuns = world.chance(0.5);
    this.names.add(id.toLowerCase());
    this.#secret = `${id}-secret-0123456789`;
  }

  get record(): string {
    return `hash of ${this.#secret}`;
  }
  get isLive(): boolean {
    const { session, link } = this;
    if (session === undefined || link?.over !== "") return false;
    return session.phase === "member" || session.phase === "entering";
  }
  get isWelcome(): boolean {
    return this.isLive && this.#welcomed;
  }
  /** Everything is sent and acknowledged, and it knows the members of its rooms. */
  get isQuiet(): boolean {
    const pending = this.#joining.size + this.#parting.size;
    const knowsAll = [...this.rooms].every((room) => this.present.has(room));
    return this.#welcomed && this.acked === this.sent.length && pending === 0 && knowsAll;
  }

  /**
   * Opens a new connection, in addition to the old one if that is still open. `since`: requests
   * missed messages.
   */
  connect(since: boolean): void {
    const { world } = this;
    const peer = { address: "127.0.0.1", port: 1 };
    this.link = new ModelLink();
    this.session = world.connect(this.link, native, peer);
    this.session.output.framed = true;
    this.#rest = "";
    this.#welcomed = this.#isOver = false;
    for (const started of [this.#joining, this.#parting, this.#heard, this.present])
      started.clear();
    this.#askAtMs.clear();
    this.#knows = since && this.mail !== undefined;
    if (!this.#knows) this.seqs.clear();
    const rooms = Array.from(this.rooms, (room) => ({ room, seq: this.seqs.get(room) }));
    const point = this.#knows ? { epoch: "epoch-1", mail: this.mail } : {};
    const who = { name: this.name, secret: this.#secret, runs: this.takesRuns };
    this.#send({ type: "hello", version: 2, ...who, rooms, ...point });
    for (const room of this.rooms) this.#askWho(room);
  }

  /** Sends a message to one of its rooms, or occasionally to another one. */
  say(padding = 0): void {
    const { world } = this;
    const room = world.chance(0.03) ? "elsewhere" : (world.pick([...this.rooms]) ?? "lobby");
    this.#queue(world.token(this.id, "say", [], room), padding);
  }
  tell(to: readonly string[]): void {
    const folded = to.map((name) => name.toLowerCase());
    this.#queue(this.world.token(this.id, "tell", folded), 0);
  }
  join(room: string): void {
    if (!this.#canAsk || this.#joining.has(room)) return;
    // Messages that arrive before the part would be repeated.
    const seq = this.#parting.has(room) ? undefined : this.seqs.get(room);
    this.#joining.add(room);
    this.#joinedFrom.set(room, seq);
    // In a room it is in, messages arriving meanwhile would be repeated.
    if (this.#heard.has(room)) this.#joinedFrom.set(room, undefined);
    const since = this.#joinedFrom.get(room) === undefined ? {} : { epoch: "epoch-1", seq };
    this.#send({ type: "join", room, ref: `join:${room}`, ...since });
  }
  part(room: string): void {
    if (!this.#canAsk || !this.rooms.has(room)) return;
    if (this.#joining.has(room) || this.#parting.has(room)) return;
    this.#parting.add(room);
    this.#send({ type: "part", room, ref: `part:${room}` });
  }
  rename(name: string): void {
    if (!this.#canAsk) return;
    this.names.add(name.toLowerCase());
    this.#send({ type: "rename", name, ref: "rename" });
  }
  ask(line: { type: string } & Record<string, unknown>): void {
    if (this.#canAsk) this.#send(line);
  }
  /** Resends a message. */
  repeat(): void {
    const sent = this.sent[this.world.below(Math.max(1, this.#onWay))];
    if (!this.#canAsk || sent === undefined || sent.n > this.#onWay) return;
    this.#repeated = true;
    this.#transmit(sent);
  }

  /** Reads what arrived, and sends what is waiting. */
  step(): void {
    const { link, world } = this;
    if (link === undefined) return;
    this.#read(link);
    if (!this.#canAsk || world.nowMs < this.#waitUntilMs) return;
    for (const [room, atMs] of this.#askAtMs) if (world.nowMs >= atMs) this.#askWho(room);
    // Clients have a window.
    while (this.#onWay < this.sent.length && this.#onWay - this.acked < 200) {
      this.#transmit(this.sent[this.#onWay++]!);
    }
  }

  get #canAsk(): boolean {
    return this.#welcomed && this.isLive;
  }

  #askWho(room: string): void {
    this.#askAtMs.delete(room);
    this.#send({ type: "who", room, ref: `who:${room}` });
  }

  #queue(token: Token, padding: number): void {
    const n = this.sent.length + 1;
    this.sent.push({ n, token, padding, refused: false, acknowledged: false });
  }

  #transmit({ n, token, padding }: Sent): void {
    const text = tokenText(token.id, padding);
    this.#highest = Math.max(this.#highest, n);
    if (token.kind === "say") this.#send({ type: "say", room: token.room, n, text });
    else this.#send({ type: "tell", n, to: token.to, text });
  }

  #send(line: object): void {
    this.world.trace(this.id, ">", line);
    this.world.message(this.session!, JSON.stringify(line));
  }

  #read(link: ModelLink): void {
    const arrived = link.read();
    if (arrived === "") return;
    const lines = (this.#rest + arrived).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) {
      if (this.link !== link) return;
      this.#hear(JSON.parse(line) as Line);
    }
  }

  #hear(line: Line): void {
    this.world.trace(this.id, "<", line);
    if (this.#isOver) this.#fail(`heard ${JSON.stringify(line)} after the goodbye`);
    if (!this.#welcomed && !["welcome", "error", "bye"].includes(line["type"] as string)) {
      this.#fail(`heard ${JSON.stringify(line)} before the welcome`);
    }
    const room = line["room"] as string;
    switch (line["type"]) {
      case "welcome":
        return this.#welcome(line["session"] as Line);
      case "entered":
        return this.#entered(room, line["seq"] as number, line["recovered"] as boolean);
      case "parted":
        return this.#parted(room);
      case "message":
        return this.#message(room, line["seq"] as number, line["text"] as string);
      case "messages":
        return this.#messages(room, line["seq"] as number, line["texts"] as string[]);
      case "private":
        return this.#private(line["mail"] as number, line["text"] as string);
      case "ack":
        return this.#ack(line["n"] as number, room, line["seq"] as number | undefined);
      case "error":
        return this.#error(line);
      case "ping":
        return this.#send({ type: "pong" });
      case "bye":
        this.#isOver = true;
        return;
      case "name":
        this.name = line["name"] as string;
        return;
      default:
        return this.#presence(line);
    }
  }

  #welcome(session: Line): void {
    if (this.#welcomed) this.#fail("was welcomed twice");
    this.#welcomed = true;
    const n = session["n"] as number;
    const highest = this.sent.length;
    if (n < this.acked) this.#fail(`welcome has n ${n}, ${this.acked} was acknowledged`);
    if (n > highest) this.#fail(`welcome has n ${n} of ${highest}`);
    for (const sent of this.sent.slice(this.acked, n)) {
      // It was sent, or its rejection was lost with a connection.
      if (sent.token.rooms.length > 1) this.#fail(`${sent.token.id} was said twice`);
    }
    this.acked = n;
    this.#onWay = n;
    this.#waitUntilMs = 0;
    const rooms = session["rooms"] as { room: string; seq: number; recovered: boolean }[];
    const named = rooms.map(({ room }) => room);
    if (named.sort().join() !== [...this.rooms].sort().join()) this.#fail(`is in ${named.join()}`);
    for (const { room, seq, recovered } of rooms) {
      this.#heard.add(room);
      const known = this.seqs.get(room);
      if (known !== undefined && !recovered) this.#fail(`${room} not recovered`);
      if (known !== undefined && known > seq) this.#fail(`${room} ends at ${seq}, knows ${known}`);
      if (known === undefined) this.seqs.set(room, seq);
    }
    if (!this.#knows) this.mail = session["mail"] as number;
    else if (session["recovered"] !== true) this.#fail("mail not recovered");
  }

  #entered(room: string, seq: number, recovered: boolean): void {
    if (!this.#joining.delete(room)) this.#fail(`entered ${room} unasked`);
    const from = this.#joinedFrom.get(room);
    if (from !== undefined && !recovered) this.#fail(`${room} not recovered`);
    if (!this.#heard.has(room)) this.seqs.set(room, from ?? seq);
    this.rooms.add(room);
    this.#heard.add(room);
    this.present.delete(room);
    this.#askWho(room);
  }

  #parted(room: string): void {
    if (!this.#parting.delete(room)) this.#fail(`parted from ${room} unasked`);
    this.#heard.delete(room);
    this.present.delete(room);
    this.rooms.delete(room);
  }

  #messages(room: string, seq: number, texts: readonly string[]): void {
    if (!this.takesRuns || texts.length < 2) this.#fail(`heard ${texts.length} in a run`);
    this.inRuns += texts.length;
    texts.forEach((text, i) => this.#message(room, seq + i, text));
  }

  #message(room: string, seq: number, text: string): void {
    if (!this.#heard.has(room)) this.#fail(`heard ${seq} of ${room}, where it is not`);
    const known = this.seqs.get(room);
    if (seq !== known! + 1) this.#fail(`heard ${seq} of ${room} after ${known}`);
    this.seqs.set(room, seq);
    const told = this.world.room(room)[seq - 1];
    if (told !== text) this.#fail(`heard ${text} as ${seq} of ${room}, which is ${told}`);
  }

  #private(mail: number, text: string): void {
    if (mail !== this.mail! + 1) this.#fail(`mail ${mail} after ${this.mail}`);
    this.mail = mail;
    const told = this.world.mailOf(this.record)[mail - 1];
    if (told !== text) this.#fail(`mail ${mail} is ${text}, not ${told}`);
    const token = this.world.tokenOf(text);
    if (token?.kind === "tell" && !token.to.some((name) => this.names.has(name))) {
      this.#fail(`${text} was for ${token.to.join()}`);
    }
  }

  #ack(n: number, room: string | undefined, seq: number | undefined): void {
    if (n > this.#highest) this.#fail(`ack ${n} of ${this.#highest}`);
    while (this.acked < n) {
      const { token, refused } = this.sent[this.acked]!;
      if (token.kind === "say" && !refused && token.rooms[0] !== token.room) {
        this.#fail(`ack ${n}, but ${token.id} is not in ${token.room}`);
      }
      this.sent[this.acked++]!.acknowledged = true;
    }
    this.#onWay = Math.max(this.#onWay, n);
    const sent = this.sent[n - 1]!;
    const own = tokenText(sent.token.id, sent.padding);
    if (seq !== undefined && this.world.room(room!)[seq - 1] !== own) {
      this.#fail(`ack ${n} says ${seq} of ${room}, which is not ${own}`);
    }
  }

  #error(line: Line): void {
    const { world } = this;
    const code = line["code"] as string;
    const n = line["n"] as number | undefined;
    const retryAfterMs = (line["retryAfterMs"] as number | undefined) ?? 0;
    const [asked, room = ""] = String(line["ref"] ?? "").split(":");
    if (asked === "who") this.#askAtMs.set(room, world.nowMs + retryAfterMs);
    if (asked === "join") this.#joining.delete(room);
    if (asked === "part") this.#parting.delete(room);
    if (code === "name-taken" && !this.#welcomed) {
      // Somebody took the name in the meantime.
      this.name = `${this.id}.${this.names.size}`;
      this.names.add(this.name.toLowerCase());
    }
    if (n === undefined) return;
    if (code === "rate" || code === "storage") {
      this.refusals++;
      if (n > this.#onWay) return;
      if (n <= this.acked) {
        if (code === "storage") this.#fail(`${n} was acknowledged, and refused then`);
        return;
      }
      this.#onWay = n - 1;
      this.#waitUntilMs = world.nowMs + retryAfterMs;
    } else if (code === "protocol") {
      // Only a client that repeats messages can lose count.
      if (!this.#repeated) this.#fail(JSON.stringify(line));
      this.#onWay = this.acked;
    } else this.sent[n - 1]!.refused = true;
  }

  #presence(line: Line): void {
    const { type, room, name, from, to } = line as Record<string, string>;
    if (type === "names") {
      if (line["ref"] === `who:${room}`)
        this.present.set(room!, new Set(line["names"] as string[]));
      return;
    }
    if (type === "renamed" && line["chat"] === true) return;
    if (type !== "joined" && type !== "left" && type !== "renamed") return;
    if (!this.#heard.has(room!)) this.#fail(`heard of ${room}, where it is not`);
    const present = this.present.get(room!);
    if (present === undefined) return;
    if (type === "joined") present.add(name!);
    else if (type === "left") present.delete(name!);
    else {
      present.delete(from!);
      present.add(to!);
    }
  }

  #fail(what: string): never {
    throw new Error(`${this.id}: ${what}`);
  }
}

// A person at a native client: keeps a secret, counts messages, resends what was not acknowledged, comes back to where it was;
// and holds every line that arrives to the protocol and to the twin's log.

import type { Session } from "../../../src/chat/session.ts";
import { native } from "../rig.ts";
import { ModelLink } from "./link.ts";
import { type Token, tokenText, type World } from "./world.ts";

type Sent = {
  n: number;
  token: Token;
  padding: number;
  /** It will never be said, for the server said so. */
  refused: boolean;
  /** By an `ack`; a `welcome` may count what was refused on a connection that is lost. */
  acknowledged: boolean;
};
type Line = Record<string, unknown>;

export class NativePerson {
  readonly kind = "native";
  readonly #secret: string;
  readonly names = new Set<string>();
  name: string;
  readonly takesRuns: boolean;
  /** Messages that came in one line with others. */
  inRuns = 0;
  link: ModelLink | undefined;
  session: Session | undefined;
  room = "lobby";
  /** Every message that counts, in the order of its number. */
  readonly sent: Sent[] = [];
  acked = 0;
  refusals = 0;
  /** Numbers after which the room's messages and the mail go on. */
  seq: number | undefined;
  mail = 0;
  /** Who is in the room, as told; undefined while the first list is not there. */
  present: Set<string> | undefined;
  chats: string[] = [];
  /** It may be in a private chat that it has not heard of. */
  mayChat = false;
  #seqs = new Map<string, number>();
  /** How many of `sent` are on their way on this connection. */
  #onWay = 0;
  /** The highest number that was ever sent. */
  #highest = 0;
  #waitUntilMs = 0;
  #repeated = false;
  /** When to ask again who is here. */
  #askAtMs = Infinity;
  #rest = "";
  #welcomed = false;
  #hasPoint = false;
  #moving = false;

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
    return this.session?.phase === "member" && this.link?.over === "";
  }
  /** All is said and acknowledged. */
  get isQuiet(): boolean {
    return this.acked === this.sent.length && this.present !== undefined;
  }

  /** A new connection, beside the old one if that is still there. `since`: it wants what it has missed. */
  connect(since: boolean): void {
    const { world } = this;
    const peer = { address: "127.0.0.1", port: 1 };
    this.link = new ModelLink();
    this.session = world.hub.connect(this.link, native, peer, world.nowMs);
    this.session.framed = true;
    this.#rest = "";
    this.#welcomed = false;
    this.#moving = false;
    this.present = undefined;
    const knows = since && this.#hasPoint && this.seq !== undefined;
    if (!knows) this.seq = undefined;
    const point = { epoch: "epoch-1", seq: this.seq, mail: this.mail };
    const who = { name: this.name, secret: this.#secret, room: this.room, runs: this.takesRuns };
    this.#send({ type: "hello", version: 1, ...who, ...(knows ? point : {}) });
    this.#send({ type: "who", ref: "present" });
  }

  say(padding = 0): void {
    const token = this.world.token(this.id, "say", []);
    this.#queue(token, padding);
  }
  tell(to: readonly string[]): void {
    const token = this.world.token(
      this.id,
      "tell",
      to.map((name) => name.toLowerCase()),
    );
    this.#queue(token, 0);
  }
  enter(room: string): void {
    if (!this.#welcomed || this.#moving) return;
    this.#moving = true;
    const seq = this.#seqs.get(room);
    const since = seq === undefined ? {} : { epoch: "epoch-1", seq };
    this.#send({ type: "enter", room, ref: room, ...since });
  }
  rename(name: string): void {
    if (!this.#welcomed) return;
    this.names.add(name.toLowerCase());
    this.#send({ type: "rename", name, ref: "rename" });
  }
  ask(line: { type: string } & Record<string, unknown>): void {
    if (!this.#welcomed) return;
    if (line.type === "invite" || line.type === "accept") this.mayChat = true;
    this.#send(line);
  }
  /** Sends again what has been sent already, as after a doubt. */
  repeat(): void {
    const sent = this.sent[this.world.below(Math.max(1, this.#onWay))];
    if (!this.#welcomed || sent === undefined || sent.n > this.#onWay) return;
    this.#repeated = true;
    this.#transmit(sent);
  }

  /** Sends what waits, and reads what has arrived. */
  step(): void {
    if (this.link === undefined) return;
    this.#read(this.link);
    if (!this.#welcomed || !this.isLive || this.world.nowMs < this.#waitUntilMs) return;
    // Some clients have a window.
    if (this.world.nowMs >= this.#askAtMs) {
      this.#askAtMs = Infinity;
      this.#send({ type: "who", ref: "present" });
    }
    while (this.#onWay < this.sent.length && this.#onWay - this.acked < 200) {
      this.#transmit(this.sent[this.#onWay++]!);
    }
  }

  #queue(token: Token, padding: number): void {
    const n = this.sent.length + 1;
    this.sent.push({ n, token, padding, refused: false, acknowledged: false });
  }

  #transmit({ n, token, padding }: Sent): void {
    const text = tokenText(token.id, padding);
    this.#highest = Math.max(this.#highest, n);
    if (token.kind === "say") this.#send({ type: "say", n, text });
    else this.#send({ type: "tell", n, to: token.to, text });
  }

  #send(line: object): void {
    this.world.trace(this.id, ">", JSON.stringify(line));
    this.world.hub.receive(this.session!, JSON.stringify(line), this.world.nowMs);
  }

  #read(link: ModelLink): void {
    const lines = (this.#rest + link.read()).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) {
      if (this.link !== link) return;
      this.#hear(JSON.parse(line) as Line);
    }
  }

  #hear(line: Line): void {
    this.world.trace(this.id, "<", JSON.stringify(line));
    switch (line["type"]) {
      case "welcome":
        return this.#welcome(line);
      case "entered":
        return this.#entered(line);
      case "message":
        return this.#message(line["seq"] as number, line["text"] as string);
      case "messages":
        return this.#messages(line["seq"] as number, line["texts"] as string[]);
      case "private":
        return this.#private(line["mail"] as number, line["text"] as string);
      case "ack":
        return this.#ack(line["n"] as number, line["seq"] as number | undefined);
      case "error":
        return this.#error(line);
      case "ping":
        return this.#send({ type: "pong" });
      case "chat":
        if (line["state"] === "started") this.chats.push(line["with"] as string);
        return;
      case "name":
        this.name = line["name"] as string;
        return;
      default:
        return this.#presence(line);
    }
  }

  #welcome(line: Line): void {
    this.#welcomed = true;
    this.#hasPoint = true;
    const n = line["n"] as number;
    if (n < this.acked) this.#fail(`welcome has n ${n}, ${this.acked} was acknowledged`);
    if (n > this.sent.length) this.#fail(`welcome has n ${n} of ${this.sent.length}`);
    this.acked = n;
    this.#onWay = n;
    this.#waitUntilMs = 0;
    if (this.seq === undefined) {
      this.seq = line["seq"] as number;
      this.mail = line["mail"] as number;
    } else if (line["recovered"] !== true) this.#fail("not recovered");
  }

  #entered(line: Line): void {
    this.#moving = false;
    const room = line["room"] as string;
    const known = this.#seqs.get(room);
    if (known !== undefined && line["recovered"] !== true) this.#fail(`${room} not recovered`);
    this.#seqs.set(this.room, this.seq!);
    this.seq = known ?? (line["seq"] as number);
    this.room = room;
    this.present = undefined;
    this.#send({ type: "who", ref: "present" });
  }

  #messages(seq: number, texts: readonly string[]): void {
    if (!this.takesRuns || texts.length < 2) this.#fail(`heard ${texts.length} in a run`);
    this.inRuns += texts.length;
    texts.forEach((text, i) => this.#message(seq + i, text));
  }

  #message(seq: number, text: string): void {
    if (seq !== this.seq! + 1) this.#fail(`heard ${seq} of ${this.room} after ${this.seq}`);
    this.seq = seq;
    const told = this.world.room(this.room)[seq - 1];
    if (told !== text) this.#fail(`heard ${text} as ${seq} of ${this.room}, which is ${told}`);
  }

  #private(mail: number, text: string): void {
    if (mail !== this.mail + 1) this.#fail(`mail ${mail} after ${this.mail}`);
    this.mail = mail;
    const told = this.world.mailOf(this.record)[mail - 1];
    if (told !== text) this.#fail(`mail ${mail} is ${text}, not ${told}`);
    const token = this.world.tokenOf(text);
    if (token?.kind === "tell" && !token.to.some((name) => this.names.has(name))) {
      this.#fail(`${text} was for ${token.to.join()}`);
    }
  }

  #ack(n: number, seq: number | undefined): void {
    if (n > this.#highest) this.#fail(`ack ${n} of ${this.#highest}`);
    while (this.acked < n) this.sent[this.acked++]!.acknowledged = true;
    this.#onWay = Math.max(this.#onWay, n);
    const sent = this.sent[n - 1]!;
    const own = tokenText(sent.token.id, sent.padding);
    const rooms = [...this.world.rooms.values()];
    if (seq !== undefined && !rooms.some((log) => log[seq - 1] === own)) {
      this.#fail(`ack ${n} says seq ${seq}, where ${own} is in no room`);
    }
  }

  #error(line: Line): void {
    const { world } = this;
    const code = line["code"] as string;
    const n = line["n"] as number | undefined;
    if (line["ref"] === "present") {
      this.#askAtMs = world.nowMs + ((line["retryAfterMs"] as number | undefined) ?? 0);
    }
    if (line["ref"] === this.#movingTo(line)) this.#moving = false;
    if (code === "name-taken" && !this.#welcomed) {
      // Somebody took it while this one was away.
      this.name = `${this.id}.${this.names.size}`;
      this.names.add(this.name.toLowerCase());
    }
    if (n === undefined) return;
    if (code === "rate" || code === "storage") {
      this.refusals++;
      if (n > this.#onWay) return;
      if (n <= this.acked) return;
      this.#onWay = n - 1;
      this.#waitUntilMs = world.nowMs + (line["retryAfterMs"] as number);
    } else if (code === "protocol") {
      // Only a client that says things twice can lose count.
      if (!this.#repeated) this.#fail(JSON.stringify(line));
      this.#onWay = this.acked;
    } else this.sent[n - 1]!.refused = true;
  }

  /** An error with the name of a room as its ref is the answer to `enter`. */
  #movingTo(line: Line): unknown {
    return this.#moving && line["ref"] !== undefined && line["ref"] !== "present"
      ? line["ref"]
      : Symbol("none");
  }

  #presence(line: Line): void {
    const { type, name, from, to } = line as Record<string, string>;
    if (type === "names" && line["ref"] === "present") {
      this.present = new Set(line["names"] as string[]);
    } else if (this.present === undefined) return;
    else if (type === "joined") this.present.add(name!);
    else if (type === "left") this.present.delete(name!);
    else if (type === "renamed" && line["chat"] !== true) {
      this.present.delete(from!);
      this.present.add(to!);
    }
  }

  #fail(what: string): never {
    throw new Error(`${this.id}: ${what}`);
  }
}

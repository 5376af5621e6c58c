// A client of one of the old systems, framed or not: talks, and records what it receives from the
// room and privately.

import type { Session } from "../../../src/chat/session.ts";
import { chatRoom } from "../../../src/dialects/chat-room.ts";
import type { Dialect } from "../../../src/chat/dialect.ts";
import { lineChat } from "../../../src/dialects/line-chat.ts";
import { openChat } from "../../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../../src/dialects/select-chat.ts";
import { ModelLink } from "./link.ts";
import { tokenText, type World } from "./world.ts";

type Words = {
  dialect: Dialect;
  quit?: string;
  mayBeUnframed: boolean;
  login: (name: string) => string;
  say: (text: string) => string;
  tell?: (to: string, text: string) => string;
  /**
   * Finds tokens: group 1 is set for one's own private message, 2 for somebody else's, 3 is the
   * token's number.
   */
  heard: RegExp;
};

const words: readonly Words[] = [
  {
    dialect: openChat,
    quit: "{quit}",
    mayBeUnframed: true,
    login: (name) => name,
    say: (text) => text,
    tell: (to, text) => `~${to} ${text}`,
    heard: /(from you to \S+: \(PRIVATE\) {2})?(\(PRIVATE\) {2}(?:ALL - )?)?<(\d+)>/g,
  },
  {
    dialect: chatRoom,
    mayBeUnframed: true,
    login: (name) => `:nick:${name}`,
    say: (text) => `:nick:${text}`,
    heard: /(\(private, to [^)]*\) )?(\(private\) (?:ALL - )?)?<(\d+)>/g,
  },
  {
    dialect: selectChat,
    quit: "exit",
    mayBeUnframed: true,
    login: (name) => name,
    say: (text) => `ALL - ${text}`,
    tell: (to, text) => `${to} - ${text}`,
    heard: /(never)?( : (?!ALL )\S+ - (?:ALL - )?)?<(\d+)>/g,
  },
  {
    dialect: lineChat,
    mayBeUnframed: false,
    login: (name) => name,
    say: (text) => text,
    heard: /(never)?( \(private\): (?:ALL - )?)?<(\d+)>/g,
  },
];

export class PlainPerson {
  readonly kind = "plain";
  readonly link = new ModelLink();
  readonly session: Session;
  readonly names = new Set<string>();
  name: string;
  /**
   * It hears the room starting at a number between these two; the second is undefined until it has
   * logged in.
   */
  readonly #fromAtLeast: number;
  #fromAtMost: number | undefined;
  readonly heard: number[] = [];
  readonly alone: number[] = [];
  readonly #words: Words;
  #text = "";

  constructor(
    readonly world: World,
    readonly id: string,
  ) {
    this.#words = world.pick(words)!;
    this.name = id;
    this.names.add(id.toLowerCase());
    this.#fromAtLeast = world.room("lobby").length;
    const peer = { address: "127.0.0.1", port: 2 };
    this.session = world.connect(this.link, this.#words.dialect, peer);
    const { output } = this.session;
    output.framed = !(this.#words.mayBeUnframed && world.chance(0.5));
    if (!output.isPaced) output.pump(world.nowMs);
  }

  get isLive(): boolean {
    return this.session.phase === "member" && this.link.over === "";
  }
  /** Everything it sent was accepted, and everything for it was sent. */
  get isQuiet(): boolean {
    return this.session.queue.length === 0 && this.session.output.lagBytes === 0;
  }
  /** Its login was refused. */
  get isRefused(): boolean {
    return this.session.phase === "new";
  }

  login(): void {
    this.send(this.#words.login(this.name));
  }

  send(message: string): void {
    this.world.trace(this.id, ">", message);
    this.world.message(this.session, message);
  }

  say(padding = 0): void {
    const { id } = this.world.token(this.id, "say", []);
    this.send(this.#words.say(tokenText(id, padding)));
  }

  tell(to: string): void {
    // In a private chat, everything typed in select-chat goes to the partner.
    const chats =
      this.#words.dialect === selectChat && this.session.privateChat.partner !== undefined;
    if (this.#words.tell === undefined || chats) return this.say();
    const { id } = this.world.token(this.id, "tell", [to.toLowerCase()]);
    this.send(this.#words.tell(to, tokenText(id)));
  }

  rename(name: string): void {
    if (this.#words.dialect !== openChat) return;
    this.names.add(name.toLowerCase());
    this.send(`CHANGENAME ${this.session.name} ${name}`);
  }

  quit(): void {
    if (this.#words.quit === undefined) this.world.endInput(this.session);
    else this.send(this.#words.quit);
  }

  /** Reads what arrived and checks it against the model. */
  step(): void {
    if (this.isLive && !this.session.awaitsWelcome) {
      this.#fromAtMost ??= this.world.room("lobby").length;
    }
    const arrived = this.link.read();
    if (arrived === "") return;
    this.world.trace(this.id, "<", arrived);
    this.#text += arrived;
    let end = 0;
    for (const match of this.#text.matchAll(this.#words.heard)) {
      end = match.index + match[0].length;
      const [, own, alone, id] = match;
      if (own !== undefined) continue;
      if (alone !== undefined) this.#hearAlone(Number(id));
      else this.#hear(Number(id));
    }
    // A token, and what precedes it, may have arrived in part.
    this.#text = this.#text.slice(end).slice(-200);
  }

  /** Everything said since it connected. */
  get couldHear(): number[] {
    return this.#audible(this.world.room("lobby").slice(this.#fromAtLeast));
  }

  /**
   * Whether it has heard the room without a gap since its login; `all`: up to the end of the log.
   */
  hasHeard(all: boolean): boolean {
    const { world, heard } = this;
    const log = world.room("lobby");
    const last = this.#fromAtMost ?? log.length;
    for (let from = this.#fromAtLeast; from <= last; from++) {
      const due = this.#audible(log.slice(from));
      const isWhole = !all || due.length === heard.length;
      if (isWhole && heard.every((id, i) => due[i] === id)) return true;
    }
    return false;
  }

  #audible(texts: readonly string[]): number[] {
    const echo = this.session.dialect.echo.said;
    const tokens = texts.flatMap((text) => this.world.tokenOf(text) ?? []);
    return tokens.filter(({ owner }) => echo || owner !== this.id).map(({ id }) => id);
  }

  #hear(id: number): void {
    this.heard.push(id);
    const { rooms } = this.world.tokens[id]!;
    if (rooms[0] !== "lobby") throw new Error(`${this.id} heard ${id} of ${rooms[0]}`);
  }

  #hearAlone(id: number): void {
    const token = this.world.tokens[id]!;
    if (this.alone.includes(id)) throw new Error(`${this.id} heard ${id} twice`);
    this.alone.push(id);
    token.alone.push(this.id);
    if (token.kind === "tell" && !token.to.some((name) => this.names.has(name))) {
      throw new Error(`${this.id} heard ${id}, which was for ${token.to.join()}`);
    }
  }
}

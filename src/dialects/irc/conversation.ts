// One IRC client: decodes its lines into commands and renders events for it. All it knows about the
// server arrives as events. Pure.

import type { Command, PersonalEvent, Received } from "../../chat/events.ts";
import type { Conversation } from "../../chat/dialect.ts";
import { irc as limits } from "../../limits.ts";
import { beginning } from "../../text.ts";
import { variantOf } from "./capabilities.ts";
import { escapeTag, type IrcLine, parseLine, tooLongLine } from "./line.ts";
import { infoLines, otherServer } from "./info.ts";
import { isupportLines } from "./isupport.ts";
import { eventLines } from "./event-lines.ts";
import { nameOf } from "./names.ts";
import { Label, PendingRequests, type Request } from "./pending.ts";
import { nickRefusal } from "./refusals.ts";
import { type Outcome, Registration } from "./registration.ts";
import { requests } from "./requests.ts";
import { type IrcServer, type Line, Self } from "./self.ts";
import { type TagWishes, tagsText, wishesOf } from "./tags.ts";

const plainStart = "PRIVMSG #";
/** Formatting, CTCP, and invalid UTF-8. */
const unusual = /[\u0000-\u001f\ufffd]/;

export class IrcConversation implements Conversation {
  readonly #self: Self;
  readonly #registration: Registration;
  readonly #pending = new PendingRequests();
  #batches = 0;

  constructor(server: IrcServer, isSecure: boolean, isPrivate: boolean) {
    this.#self = new Self(server, { isSecure, isPrivate });
    this.#registration = new Registration(this.#self);
  }

  greeting(): readonly string[] {
    return [];
  }

  receive(text: string): Received | undefined {
    return this.#plainSay(text) ?? this.#receive(text);
  }

  /** Fast path for the most frequent line, `PRIVMSG #room :text` without unusual characters. */
  #plainSay(text: string): Command | undefined {
    const self = this.#self;
    if (!text.startsWith(plainStart) || !self.isLoggedIn || self.has("echo-message")) {
      return undefined;
    }
    const end = text.indexOf(" :", plainStart.length);
    const isShort = 3 * (text.length + self.source.length + 4) <= limits.maxLineBytes;
    if (end < 0 || end + 2 === text.length || !isShort || unusual.test(text)) return undefined;
    const room = text.slice(plainStart.length, end);
    if (/[ ,]/.test(room)) return undefined;
    return { type: "say", room, text: text.slice(end + 2) };
  }

  #receive(text: string): Received | undefined {
    const line = parseLine(text);
    if (line === undefined) return undefined;
    if (line === tooLongLine)
      return this.#replies([this.#self.numeric("417", "Input line was too long")]);
    const asked: Asked = { lines: [], commands: [] };
    const label = this.#labelOf(line);
    const out = this.#outcome(line, label, asked);
    if (text.includes("\ufffd")) {
      out.line(this.#self.fail(line.command, "INVALID_UTF8", "Message rejected: it is not UTF-8"));
    } else this.#read(line, out);
    const received = this.#gather(asked, label);
    if (line.command !== "PING" || received?.type !== "reply") return received;
    return { ...received, isPong: true };
  }

  overflow(): Command {
    const { body } = this.#self.numeric("417", "Input line was too long");
    return { type: "reply", text: `${body}\r\nERROR :Input line was too long\r\n` };
  }

  render(event: PersonalEvent): string | undefined {
    const text = this.#render(event);
    return text === "" ? undefined : text;
  }

  #render(event: PersonalEvent): string {
    const self = this.#self;
    if (event.type === "welcome") return this.#text(this.#welcome(event));
    if (event.type === "refused") {
      const nick = self.nick;
      this.#registration.handleRefusal();
      return this.#text([nickRefusal(self, event, nick)]);
    }
    // The matching `entry` event says more.
    if (event.type === "entered") return "";
    const ref = "ref" in event ? event.ref : undefined;
    const request = this.#pending.get(ref);
    const rendered = eventLines(self, event, request, () => this.#nextBatch());
    // A new nick, for example, is told from the old one.
    self.handleEvent(event, request?.verb);
    const isOpen = event.type === "error" && event.isPartial === true;
    if (request === undefined) return this.#text(rendered);
    if (!isOpen) this.#pending.close(ref);
    return this.#text(this.#labelled(rendered, request.label, isOpen));
  }

  #read(line: IrcLine, out: Outcome): void {
    const self = this.#self;
    const registration = this.#registration;
    switch (line.command) {
      case "CAP":
        return registration.cap(line, out);
      case "AUTHENTICATE":
        return registration.authenticate(line, out);
      case "PASS":
        return registration.pass(line, out);
      case "USER":
        return registration.user(line, out);
      case "NICK":
        return this.#nick(line, out);
      case "PING":
        return this.#ping(line, out);
      case "PONG":
        return out.run({ type: "alive" });
      case "ERROR":
        return;
      case "QUIT":
        return this.#quit(line, out);
    }
    if (!self.isLoggedIn && !registration.isAsked) {
      return out.line(self.numeric("451", "You have not registered"));
    }
    const elsewhere = otherServer(self, line);
    if (elsewhere !== undefined) {
      const shown = beginning(elsewhere, limits.maxEchoChars);
      return out.line(self.numeric("402", shown, "No such server"));
    }
    const handler = Object.hasOwn(requests, line.command) ? requests[line.command] : undefined;
    if (handler !== undefined) return handler(self, line, out);
    const info = infoLines(self, line);
    if (info === undefined) {
      const shown = beginning(line.command, limits.maxEchoChars);
      return out.line(self.numeric("421", shown, "Unknown command"));
    }
    for (const one of info) out.line(one);
  }

  #nick({ params }: IrcLine, out: Outcome): void {
    const self = this.#self;
    const [nick] = params;
    if (nick === undefined || nick === "") {
      return out.line(self.numeric("431", "No nickname given"));
    }
    if (!self.isLoggedIn && !this.#registration.isAsked) return this.#registration.nick(nick, out);
    const name = nameOf(nick);
    if (name === self.name) return;
    out.ask((ref) => ({ type: "rename", name, ref }), { target: nick });
  }

  #ping({ params }: IrcLine, out: Outcome): void {
    const self = this.#self;
    const { name } = self.server;
    const [token] = params;
    if (token === undefined || token === "") {
      return out.line(self.numeric("409", "No origin specified"));
    }
    out.line({ body: `:${name} PONG ${name} :${token}` });
  }

  #quit({ params }: IrcLine, out: Outcome): void {
    const [typed] = params;
    const text = typed === undefined || typed === "" ? undefined : typed;
    out.line({ body: `ERROR :Closing Link: ${text ?? "you quit"}` });
    out.run({ type: "quit", text });
  }

  #welcome(event: Extract<PersonalEvent, { type: "welcome" }>): Line[] {
    const self = this.#self;
    const { server } = self;
    self.handleEvent(event, undefined);
    return [
      self.numeric("001", `Welcome to ${server.network}, ${self.source}`),
      self.numeric("002", `Your host is ${server.name}, running parley ${server.version}`),
      self.numeric("003", `This server speaks IRC to rooms that it shares with other protocols`),
      self.words("004", server.name, `parley-${server.version}`, "Bio", "biklmnostv", "bklov"),
      ...isupportLines(self),
    ];
  }

  #labelOf({ tags }: IrcLine): Label | undefined {
    const text = this.#self.has("labeled-response") ? tags.get("label") : undefined;
    return text === undefined || text === "" ? undefined : new Label(text.slice(0, 64));
  }

  #outcome(line: IrcLine, label: Label | undefined, asked: Asked): Outcome {
    return {
      isLabelled: label !== undefined,
      line: (one) => void asked.lines.push(one),
      run: (command) => void asked.commands.push(command),
      ask: (command, { target, args = [] }) => {
        const request: Request = { verb: line.command, target, args, label };
        const ref = this.#pending.add(request);
        asked.commands.push(command(ref));
      },
    };
  }

  /** Collects the replies and then the commands for the hub. */
  #gather({ lines, commands }: Asked, label: Label | undefined): Received | undefined {
    const all = [...commands];
    const isAnswered = label !== undefined && label.open === 0;
    if (label !== undefined && label.open > 1) label.batch = this.#nextBatch();
    if (lines.length > 0 || isAnswered) {
      if (label !== undefined && label.open > 0) label.batch ??= this.#nextBatch();
      const labelled = this.#labelled(lines, label, false);
      // ERROR must precede the end of the connection, and a CAP answer must precede the first use
      // of the capability.
      all.unshift({ type: "reply", text: this.#text(labelled) });
    } else if (label?.batch !== undefined) {
      all.unshift({ type: "reply", text: this.#text([this.#opening(label)]) });
      label.isOpened = true;
    }
    const [first, ...more] = all;
    if (first === undefined) return undefined;
    return more.length === 0 ? first : { type: "sequence", commands: all };
  }

  #replies(lines: readonly Line[]): Received {
    return { type: "reply", text: this.#text(lines) };
  }

  #nextBatch(): string {
    this.#batches = (this.#batches + 1) % 1_000_000;
    return this.#batches.toString(36);
  }

  #opening({ text, batch = "" }: Label): Line {
    return { body: `:${this.#self.server.name} BATCH +${batch} labeled-response`, label: text };
  }

  /** The answer to a labelled line: a single line, or a batch. */
  #labelled(lines: readonly Line[], label: Label | undefined, isMoreToCome: boolean): Line[] {
    if (label === undefined) return [...lines];
    const { name } = this.#self.server;
    const isLast = label.open === 0 && !isMoreToCome;
    if (label.batch === undefined && isLast) {
      const [first, ...more] = lines;
      if (first === undefined) return [{ body: `:${name} ACK`, label: label.text }];
      // An answer that is itself a batch carries the label.
      if (more.length === 0 || / BATCH \+/.test(first.body)) {
        return [{ ...first, label: label.text }, ...more];
      }
    }
    const all: Line[] = [];
    if (!label.isOpened) {
      label.batch ??= this.#nextBatch();
      label.isOpened = true;
      all.push(this.#opening(label));
    }
    const { batch } = label;
    for (const line of lines) all.push(line.batch === undefined ? { ...line, batch } : line);
    if (isLast) all.push({ body: `:${name} BATCH -${batch}` });
    return all;
  }

  get #wishes(): TagWishes {
    return wishesOf(variantOf(this.#self.caps));
  }

  #text(lines: readonly Line[]): string {
    const wishes = this.#wishes;
    const isBatching = this.#self.has("batch");
    let text = "";
    for (const { body, tagged = {}, batch, label } of lines) {
      const more = [
        ...(label === undefined ? [] : [`label=${escapeTag(label)}`]),
        ...(batch === undefined || !isBatching ? [] : [`batch=${batch}`]),
      ];
      text += `${tagsText(wishes, tagged, more)}${body}\r\n`;
    }
    return text;
  }
}

type Asked = { lines: Line[]; commands: Command[] };

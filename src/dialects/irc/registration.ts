// Connection registration: CAP, PASS, NICK, USER and SASL, until everything the login needs has
// arrived. Capabilities can still be changed later. Pure.

import type { Command } from "../../chat/events.ts";
import { irc as limits, people } from "../../limits.ts";
import { beginning } from "../../text.ts";
import { capabilities, type Capability, isCapability, variantOf } from "./capabilities.ts";
import type { IrcLine } from "./line.ts";
import { nameOf } from "./names.ts";
import type { Request } from "./pending.ts";
import type { Line, Self } from "./self.ts";
import { withoutFormatting } from "./text.ts";

/** Receives the results of a line. */
export type Outcome = {
  /** The answer will carry a label. */
  readonly isLabelled: boolean;
  line(line: Line): void;
  /** Runs a command whose answer carries this request's number. */
  ask(command: (ref: number) => Command, request: Pick<Request, "target"> & Partial<Request>): void;
  /** Runs a command that is not answered. */
  run(command: Command): void;
};

export class Registration {
  readonly #self: Self;
  #isNegotiating = false;
  #pass: string | undefined;
  #nick = "";
  #user: { user: string; realName: string } | undefined;
  /** A login has been sent to the hub. */
  isAsked = false;
  /** The SASL data received so far; undefined if no exchange is in progress. */
  #sasl: string | undefined;

  constructor(self: Self) {
    this.#self = self;
  }

  /** The login was refused; the client may try another nick. */
  handleRefusal(): void {
    this.isAsked = false;
    this.#nick = "";
    this.#self.nick = "*";
  }

  cap({ params }: IrcLine, out: Outcome): void {
    const self = this.#self;
    const [sub = "", ...rest] = params;
    switch (sub.toUpperCase()) {
      case "LS": {
        if (!self.isLoggedIn) this.#isNegotiating = true;
        const version = Number(rest[0] ?? 0);
        if (version >= 302) {
          self.isModern = true;
          self.caps.add("cap-notify");
        }
        return this.#list(out, "LS", this.#offered());
      }
      case "LIST":
        return this.#list(out, "LIST", [...self.caps]);
      case "REQ":
        if (!self.isLoggedIn) this.#isNegotiating = true;
        return this.#request((rest[0] ?? "").trim(), out);
      case "END":
        this.#isNegotiating = false;
        if (!self.isLoggedIn && this.#sasl !== undefined) this.#abortSasl(out);
        return this.tryLogin(out);
      default:
        out.line(self.numeric("410", sub === "" ? "*" : sub, "Invalid CAP command"));
    }
  }

  #offered(): string[] {
    const self = this.#self;
    return capabilities.flatMap((name) => {
      if (name === "sasl") {
        if (!self.isPrivate) return [];
        return self.isModern ? ["sasl=PLAIN"] : ["sasl"];
      }
      if (name !== "sts") return [name];
      const sts = self.isModern ? self.server.sts() : undefined;
      if (sts === undefined) return [];
      return [self.isSecure ? `sts=duration=${sts.seconds}` : `sts=port=${sts.port}`];
    });
  }

  #list(out: Outcome, sub: string, names: readonly string[]): void {
    const { server, nick } = this.#self;
    out.line({ body: `:${server.name} CAP ${nick} ${sub} :${names.join(" ")}` });
  }

  #request(asked: string, out: Outcome): void {
    const { caps, server, nick, isModern, isPrivate } = this.#self;
    const changes = asked.split(/ +/).filter((word) => word !== "");
    const known = changes.every((word) => {
      const name = word.replace(/^-/, "");
      if (!isCapability(name) || name === "sts") return false;
      if (name === "sasl" && !isPrivate) return false;
      // Clients that negotiated version 302 get change notifications in any case.
      return !(word === "-cap-notify" && isModern);
    });
    const answer = known ? "ACK" : "NAK";
    out.line({
      body: `:${server.name} CAP ${nick} ${answer} :${beginning(asked, limits.maxEchoChars)}`,
    });
    if (!known) return;
    for (const word of changes) {
      const name = word.replace(/^-/, "") as Capability;
      if (word.startsWith("-")) caps.delete(name);
      else caps.add(name);
    }
    out.run({ type: "reply", variant: variantOf(caps) });
  }

  pass({ params }: IrcLine, out: Outcome): void {
    const self = this.#self;
    const [pass] = params;
    if (self.isLoggedIn) return out.line(self.numeric("462", "You may not reregister"));
    if (pass === undefined) return out.line(self.numeric("461", "PASS", "Not enough parameters"));
    this.#pass = pass;
  }

  user({ params }: IrcLine, out: Outcome): void {
    const self = this.#self;
    if (self.isLoggedIn) return out.line(self.numeric("462", "You may not reregister"));
    const [user = "", , , typed = ""] = params;
    const realName = withoutFormatting(typed);
    if (params.length < 4 || user === "" || realName === "") {
      return out.line(self.numeric("461", "USER", "Not enough parameters"));
    }
    const clean = Array.from(user.replace(/[^\p{L}\p{N}_.-]/gu, ""));
    this.#user = {
      user: `~${clean.slice(0, people.maxUserChars - 1).join("") || "user"}`,
      realName,
    };
    this.tryLogin(out);
  }

  nick(nick: string, out: Outcome): void {
    this.#nick = nameOf(nick);
    this.#self.nick = this.#nick;
    this.tryLogin(out);
  }

  /** Logs in once everything required has arrived. */
  tryLogin(out: Outcome): void {
    const user = this.#user;
    if (this.isAsked || this.#isNegotiating || this.#nick === "" || user === undefined) return;
    this.isAsked = true;
    const name = this.#nick;
    const pass = this.#pass;
    // One password serves as whichever is asked for: the server password, a pass, or the password
    // of the name.
    const proof = pass === undefined ? {} : { serverPassword: pass, password: pass };
    out.run({ type: "login", name, rooms: [], ...user, ...proof });
  }

  authenticate({ params }: IrcLine, out: Outcome): void {
    const self = this.#self;
    const [text] = params;
    if (text === undefined) {
      return out.line(self.numeric("461", "AUTHENTICATE", "Not enough parameters"));
    }
    if (!self.has("sasl")) {
      return out.line(self.numeric("904", "SASL authentication failed: ask for the capability"));
    }
    // Also if there is nothing to abort: HexChat aborts again after each 904.
    if (text === "*") return this.#abortSasl(out);
    if (this.#sasl === undefined) return this.#startSasl(text, out);
    if (text.length > limits.saslChunkChars) {
      this.#sasl = undefined;
      return out.line(self.numeric("905", "SASL message too long"));
    }
    if (text !== "+") this.#sasl += text;
    if (this.#sasl.length > limits.maxSaslChars) {
      this.#sasl = undefined;
      return out.line(self.numeric("904", "SASL authentication failed: the response is too long"));
    }
    if (text.length === limits.saslChunkChars) return;
    const sent = this.#sasl;
    this.#sasl = undefined;
    this.#finishSasl(sent, out);
  }

  #startSasl(mechanism: string, out: Outcome): void {
    const self = this.#self;
    if (mechanism.toUpperCase() !== "PLAIN") {
      out.line(self.numeric("908", "PLAIN", "are available SASL mechanisms"));
      return out.line(self.numeric("904", "SASL authentication failed: no such mechanism"));
    }
    this.#sasl = "";
    out.line({ body: "AUTHENTICATE +" });
  }

  #abortSasl(out: Outcome): void {
    this.#sasl = undefined;
    out.line(this.#self.numeric("906", "SASL authentication aborted"));
  }

  /** `authzid NUL authcid NUL password` in base64 (RFC 4616). */
  #finishSasl(sent: string, out: Outcome): void {
    const self = this.#self;
    const isBase64 = /^[A-Za-z0-9+/]*={0,2}$/.test(sent);
    const parts = isBase64 ? Buffer.from(sent, "base64").toString("utf8").split("\0") : [];
    const [authzid = "", account = "", password = ""] = parts;
    const isForOther = authzid !== "" && authzid !== account;
    if (parts.length !== 3 || account === "" || password === "" || isForOther) {
      return out.line(self.numeric("904", "SASL authentication failed"));
    }
    out.ask((ref) => ({ type: "authenticate", account, password, ref }), { target: account });
  }
}

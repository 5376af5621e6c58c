// One IRC client as seen by its conversation, and the lines built from that state. Pure.

import type { PersonalEvent } from "../../chat/events.ts";
import type { Persona } from "../../chat/people/persona.ts";
import type { Capability } from "./capabilities.ts";
import { paramsText } from "./line.ts";
import { nickOf } from "./names.ts";
import type { LineServer } from "./room-lines.ts";
import { sourceOf } from "./room-lines.ts";
import type { Tagged } from "./tags.ts";

/** What the dialect announces about its server. */
export type IrcServer = LineServer & {
  readonly version: string;
  readonly network: string;
  /** The TLS port whose certificate clients trust, for STS; undefined if there is none. */
  readonly sts: () => { port: number; seconds: number } | undefined;
};

/** A line before its tags are added. */
export type Line = {
  readonly body: string;
  readonly tagged?: Tagged | undefined;
  /** The batch that the line belongs to. */
  readonly batch?: string | undefined;
  readonly label?: string | undefined;
};

/** Written here, from what the hub says, and by registration.ts until the client is logged in. */
export class Self {
  /** The client's nick, or `*` before it has one. */
  nick = "*";
  name = "";
  persona: Persona | undefined;
  isLoggedIn = false;
  /** The connection is private, so passwords may be sent. */
  readonly isPrivate: boolean;
  readonly isSecure: boolean;
  readonly caps = new Set<Capability>();
  /** The client has negotiated CAP version 302. */
  isModern = false;
  isBot = false;
  isHidden = false;
  isOperator = false;
  /** The folded names of the rooms the client is in. */
  readonly rooms = new Set<string>();

  constructor(
    readonly server: IrcServer,
    { isPrivate, isSecure }: { isPrivate: boolean; isSecure: boolean },
  ) {
    this.isPrivate = isPrivate;
    this.isSecure = isSecure;
  }

  /** `verb`: the request that the event answers, if any. */
  handleEvent(event: PersonalEvent, verb: string | undefined): void {
    switch (event.type) {
      case "welcome":
        this.isLoggedIn = true;
        this.nick = this.name = event.name;
        this.persona = event.persona;
        return;
      case "name":
        this.nick = this.name = event.name;
        return;
      case "persona":
        this.persona = event.persona;
        return;
      case "entry":
        this.rooms.add(event.state.room);
        this.persona = event.persona;
        return;
      case "parted":
        this.rooms.delete(event.room);
        return;
      case "described":
        this.isBot = event.isBot;
        this.isHidden = event.isHidden;
        this.persona = event.persona;
        return;
      case "authenticated":
        // Only OPER makes a client an operator.
        if (verb === "OPER") this.isOperator = event.isOperator;
    }
  }

  has(cap: Capability): boolean {
    return this.caps.has(cap);
  }

  get source(): string {
    return sourceOf(this.name === "" ? this.nick : this.name, this.persona);
  }

  /** A numeric reply whose last parameter is trailing text. */
  numeric(code: string, ...params: string[]): Line {
    const nick = nickOf(this.nick);
    return { body: `:${this.server.name} ${code} ${[nick, paramsText(params, true)].join(" ")}` };
  }

  /** A numeric reply whose last parameter is a single word. */
  words(code: string, ...params: string[]): Line {
    const nick = nickOf(this.nick);
    return { body: `:${this.server.name} ${code} ${[nick, paramsText(params)].join(" ")}` };
  }

  notice(text: string): Line {
    return { body: `:${this.server.name} NOTICE ${nickOf(this.nick)} :${text}` };
  }

  /** A FAIL message (IRCv3 standard-replies). */
  fail(command: string, code: string, ...params: string[]): Line {
    return { body: `:${this.server.name} FAIL ${command} ${code} ${paramsText(params, true)}` };
  }
}

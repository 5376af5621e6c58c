// One IRC client as its conversation knows it, and the lines that are made of that. Pure.

import type { Persona } from "../../chat/persona.ts";
import type { Capability } from "./capabilities.ts";
import { paramsText } from "./line.ts";
import { nickOf } from "./names.ts";
import type { LineServer } from "./room-lines.ts";
import { sourceOf } from "./room-lines.ts";
import type { Tagged } from "./tags.ts";

/** What the dialect says about its server. */
export type IrcServer = LineServer & {
  readonly version: string;
  readonly network: string;
  /** Where TLS with a certificate that clients trust is; undefined: nowhere. */
  readonly sts: () => { port: number; seconds: number } | undefined;
};

/** A line before its tags are added. */
export type Line = {
  readonly body: string;
  readonly tagged?: Tagged | undefined;
  /** The batch it belongs to. */
  readonly batch?: string | undefined;
  readonly label?: string | undefined;
};

export class Self {
  /** As the client calls itself, or `*`. */
  nick = "*";
  name = "";
  persona: Persona | undefined;
  isLoggedIn = false;
  /** Passwords may be sent: nobody in between can read them. */
  readonly isPrivate: boolean;
  readonly isSecure: boolean;
  readonly caps = new Set<Capability>();
  /** It has negotiated version 302. */
  isModern = false;
  isAway = false;
  isBot = false;
  isHidden = false;
  isOperator = false;
  /** Folded rooms that it is in. */
  readonly rooms = new Set<string>();

  constructor(
    readonly server: IrcServer,
    { isPrivate, isSecure }: { isPrivate: boolean; isSecure: boolean },
  ) {
    this.isPrivate = isPrivate;
    this.isSecure = isSecure;
  }

  has(cap: Capability): boolean {
    return this.caps.has(cap);
  }

  get source(): string {
    return sourceOf(this.name === "" ? this.nick : this.name, this.persona);
  }

  /** A numeric reply; the last parameter is a text. */
  numeric(code: string, ...params: string[]): Line {
    const nick = nickOf(this.nick);
    return { body: `:${this.server.name} ${code} ${[nick, paramsText(params, true)].join(" ")}` };
  }

  /** One whose last parameter is a word. */
  words(code: string, ...params: string[]): Line {
    const nick = nickOf(this.nick);
    return { body: `:${this.server.name} ${code} ${[nick, paramsText(params)].join(" ")}` };
  }

  notice(text: string): Line {
    return { body: `:${this.server.name} NOTICE ${nickOf(this.nick)} :${text}` };
  }

  /** A failure in the form of standard-replies. */
  fail(command: string, code: string, ...params: string[]): Line {
    return { body: `:${this.server.name} FAIL ${command} ${code} ${paramsText(params, true)}` };
  }
}

// People's devices and a server between them that can claim, repeat and change whatever it likes.

import { generateKeyPairSync, sign } from "node:crypto";
import { fold } from "../../src/chat/names/grammar.ts";
import { DeviceLinks } from "../../src/client/device-links.ts";
import type { NativeSession, SessionEvent, SessionRequest } from "../../src/client/events.ts";
import { PrivateMessages, type SentPrivate } from "../../src/client/private-messages.ts";
import type { Sealed } from "../../src/protocol/messages.ts";
import { DeviceKeys } from "../../src/tls/device-keys.ts";
import { authenticate, newLinkSecret } from "../../src/tls/link-secret.ts";
import { sealerOf } from "../../src/tls/message-sealer.ts";
import { findKnownKeys, knownKeysLine, type KnownKeys } from "../../src/trust/known-keys.ts";
import { verifySignature } from "../../src/tls/verify-signature.ts";
import { type Vouch, vouchText } from "../../src/trust/device-vouch.ts";
import { findOwnDevices, type OwnDeviceNews, ownDeviceLine } from "../../src/trust/own-devices.ts";
import { SeenMessages } from "../../src/trust/seen-messages.ts";

export type Private = Extract<SessionEvent, { type: "private" }>;
export type Copied = Extract<SessionEvent, { type: "copied" }>;
type Account = {
  name: string;
  registered: boolean;
  keys: readonly string[];
  vouches?: readonly Vouch[];
};
export type Told = {
  from: string;
  to: readonly string[];
  text: string;
  sealed: Sealed | undefined;
  copies: Sealed["boxes"] | undefined;
};

export function keyPair() {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { d, x } = privateKey.export({ format: "jwk" });
  const key = x ?? "";
  const signText = (text: string): string =>
    sign(null, Buffer.from(text), privateKey).toString("base64url");
  return {
    key,
    sealer: sealerOf(new DeviceKeys(Buffer.from(d ?? "", "base64url"))),
    sign: signText,
    vouch(name: string, other: string): Vouch {
      return { key: other, by: key, signature: signText(vouchText(name, other)) };
    },
  };
}

/** What the server claims about users, and the messages it was given to relay. */
export class Server {
  readonly accounts = new Map<string, Account>();
  readonly told: Told[] = [];
  /** It refuses all requests for keys. */
  isBusy = false;

  register(name: string, ...keys: readonly string[]): void {
    this.accounts.set(fold(name), { name, registered: true, keys });
  }

  /** Everything the server could read. */
  get sight(): string {
    return JSON.stringify(this.told);
  }
}

let lastMail = 0;

/** One device of a user, with a client. */
export class Client {
  readonly device = keyPair();
  readonly people = new Map<string, KnownKeys>();
  /** The file with people's keys. */
  #peopleFile = "";
  readonly notes: string[] = [];
  readonly shown: Private[] = [];
  readonly sent: SentPrivate[] = [];
  readonly copied: Copied[] = [];
  /** The file with the user's other devices. */
  ownFile = "";
  seen = new SeenMessages();
  online = true;
  /** Whether there is room in the file with people's keys for those who come by themselves. */
  takesStrangers = true;
  nowMs = 1_790_000_000_000;
  messages: PrivateMessages;
  #ref = 0;
  #id = 0;
  /** Answers that are held back. */
  readonly held: (() => void)[] = [];
  holds = false;

  constructor(
    readonly server: Server,
    readonly name: string,
    readonly isRegistered = true,
  ) {
    if (isRegistered) server.register(name, this.device.key);
    this.messages = this.start();
  }

  /** Starts or restarts the program: with its files, and nothing else. */
  start(): PrivateMessages {
    const { name } = this;
    const isOnline = () => this.online;
    const session: Pick<NativeSession, "name" | "online" | "request" | "tell"> = {
      name,
      get online() {
        return isOnline();
      },
      request: (request) => this.#request(request),
      tell: (to, text, { sealed, copies } = {}) => {
        const plain = sealed === undefined ? text : "";
        this.server.told.push({ from: name, to, text: plain, sealed, copies });
        return this.server.told.length;
      },
    };
    const takesStrangers = () => this.takesStrangers;
    const device = {
      ...this.device,
      people: {
        find: (who: string) => this.people.get(fold(who)),
        get takesStrangers() {
          return takesStrangers();
        },
        remember: (who: string, known: KnownKeys | undefined) => this.#keep(who, known),
      },
      seen: {
        check: (key: string, id: string, timeMs: number) => this.seen.check(key, id, timeMs),
        add: (...seen: Parameters<SeenMessages["add"]>) => this.seen.add(...seen),
        latestMs: (key: string) => this.seen.latestMs(key),
      },
      now: () => this.nowMs++,
      newId: () => Buffer.alloc(16, `${name}${++this.#id}`).toString("base64url"),
      wordsOf: (keys: readonly string[]) => `words of ${keys.length}`,
      verify: verifySignature,
      own: {
        find: (who: string) => findOwnDevices(this.ownFile, "host:1", who, this.nowMs),
        add: (who: string, news: OwnDeviceNews) => this.#remember(who, news),
        authenticate,
      },
    };
    this.messages = new PrivateMessages(session, device, {
      deliver: (event) => this.shown.push(event),
      copied: (event) => this.copied.push(event),
      sent: (_, message) => this.sent.push(message),
      note: (text) => this.notes.push(text),
      applyOutputs: () => {},
    });
    this.goOnline();
    return this.messages;
  }

  goOnline(): void {
    this.online = true;
    const online = { rooms: [], returned: false, server: "", registered: this.isRegistered };
    this.messages.handleEvent({ type: "online", name: this.name, ...online });
  }

  #request(request: SessionRequest): number | undefined {
    if (!this.online || request.type !== "keys") return undefined;
    const ref = ++this.#ref;
    const answer = () => {
      const account = this.server.accounts.get(fold(request.name));
      const error = { type: "error", ref, subject: undefined } as const;
      this.messages.handleEvent(
        this.server.isBusy
          ? { ...error, code: "rate", message: "Too fast" }
          : account === undefined
            ? { ...error, code: "unknown-user", message: "nobody", subject: request.name }
            : { type: "response", ref, response: { type: "keys", ...account } },
      );
    };
    if (this.holds) this.held.push(answer);
    else queueMicrotask(answer);
    return ref;
  }

  #keep(who: string, known: KnownKeys | undefined): void {
    this.#peopleFile += knownKeysLine(this.#peopleFile, "host:1", who, known);
    const found = findKnownKeys(this.#peopleFile, "host:1", who);
    if (found.kind === "known") this.people.set(fold(who), found.known);
    else this.people.delete(fold(who));
  }

  #remember(who: string, news: OwnDeviceNews): void {
    this.ownFile += ownDeviceLine(this.ownFile, "host:1", who, news);
  }

  /** What connects this device to others of its user. */
  linking(): DeviceLinks {
    const { key, sign: signText } = this.device;
    const remember = (who: string, news: OwnDeviceNews): void => this.#remember(who, news);
    const now = (): number => this.nowMs;
    return new DeviceLinks({ key, sign: signText, authenticate, newLinkSecret, remember, now });
  }

  /** The server delivers the copy in this message, changed as it likes. */
  async hearCopy(told: Told | undefined, changes: Partial<Copied> = {}): Promise<void> {
    if (told?.copies === undefined || told.sealed === undefined) throw new Error("no copy");
    const { to, copies: boxes } = told;
    const sealed = { key: told.sealed.key, boxes };
    const event = { type: "copied", mail: ++lastMail, timeMs: 0, to, text: "", sealed } as const;
    this.messages.handleEvent({ ...event, replayed: false, ...changes });
    await this.messages.settled();
  }

  async tell(to: string, text: string): Promise<void> {
    this.messages.tell([to], text);
    await this.messages.settled();
  }

  /** The server delivers this message, changed as it likes. */
  async hear(told: Told | undefined, changes: Partial<Private> = {}): Promise<Private> {
    if (told === undefined) throw new Error("nothing was sent");
    const { from, to, sealed } = told;
    const text = sealed === undefined ? told.text : "(sealed)";
    const event: Private = {
      type: "private",
      mail: ++lastMail,
      timeMs: 0,
      from,
      to,
      chat: false,
      text,
      sealed,
      replayed: false,
      ...changes,
    };
    this.messages.handleEvent(event);
    await this.messages.settled();
    const shown = this.shown.at(-1);
    if (shown === undefined) throw new Error("nothing was shown");
    return shown;
  }
}

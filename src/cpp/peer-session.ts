// S0's client without its sockets: typed lines, answers of the registry and what peers send go in, effects come out.
// Deterministic; knows no socket, timer or terminal. The adapter calls one input at a time and then obeys `take()`.

import { fold } from "../chat/names/grammar.ts";
import { quoted } from "../text.ts";
import {
  type Contact,
  cppId,
  type CppMessage,
  encodeBridge,
  encodeRegister,
  hostPort,
  quitText,
  registeredStatus,
} from "./codec.ts";
import { peer as limits } from "../limits.ts";
import { PeerCalls } from "./peer-calls.ts";
import { type ExitReason, type Interruption, type PeerEffect, PeerEffects } from "./peer-effect.ts";

/** What became of a request to the registry. */
export type Answer = { message: CppMessage } | { failed: string };

const invalidCommand = "Invalid command. Use /id, /register, /bridge, /chat, or /quit.";

export class PeerSession {
  readonly #self: Contact;
  readonly #effects = new PeerEffects();
  readonly #calls: PeerCalls;
  #nextLink = 1;
  /** Lines that can't be obeyed yet: a request is under way, or it is the other side's turn. */
  #typed: string[] = [];
  #typedEnded = false;
  #busy: "register" | "bridge" | "dial" | undefined;
  #waiting = false;
  #peer: Contact | undefined;
  #dialling: { link: number; contact: Contact; thenChat: boolean } | undefined;
  /** Folded IDs whom the registry gave to this `/bridge` in vain; undefined when one was asked for by name. */
  #vain: Set<string> | undefined;
  /** Why the last request came to nothing. */
  #failure: ExitReason | undefined;
  #exited = false;

  constructor(self: Contact, options: { duplex?: boolean } = {}) {
    this.#self = self;
    this.#calls = new PeerCalls(self, {
      duplex: options.duplex ?? false,
      effects: this.#effects,
      over: (why) => this.#exit(why),
    });
    const { id, ip, port } = self;
    this.#effects.show(`${id} running on ${hostPort(self)}`, { event: "running", id, ip, port });
  }

  /** What is to be done since the last call, in order. */
  take(): PeerEffect[] {
    return this.#effects.take();
  }

  /** Whether typed lines would be dropped now: too many wait for their turn already. */
  get isFull(): boolean {
    return this.#typed.length >= limits.maxTypedAhead;
  }

  /** A line without its end. In a chat `/quit` acts at once; all else waits for its turn. */
  typed(line: string): void {
    if (this.#exited) return;
    const quits = line.trim() === quitText;
    if (quits && this.#calls.chat) return this.#calls.leave("done");
    if (quits && this.#busy) this.#effects.push({ do: "hurry" });
    if (!this.isFull) this.#typed.push(line);
    else
      this.#effects.fail(
        "input",
        `Line dropped: ${limits.maxTypedAhead} lines wait for their turn.`,
      );
    this.#obey();
  }

  /** Nothing more will be typed: leaves as soon as it would be this side's turn to type. */
  typedEnd(): void {
    this.#typedEnded = true;
    this.#obey();
  }

  /** Ctrl-C, or being asked to stop. */
  interrupt(why: Interruption = "interrupted"): void {
    if (this.#calls.chat && !this.#exited) this.#calls.leave(why);
    else this.#exit(why);
  }

  /** What the registry answered to the last `ask`. */
  answered(answer: Answer): void {
    const request = this.#busy;
    if (this.#exited || (request !== "register" && request !== "bridge")) return;
    this.#busy = undefined;
    if (request === "register") this.#registered(answer);
    else this.#bridged(answer);
    this.#obey();
  }

  /** Someone has connected. Answers the number of the link, or nothing when the connection is to be ended. */
  accepted(): number | undefined {
    if (this.#exited) return undefined;
    const link = this.#nextLink++;
    this.#calls.accept(link);
    return link;
  }

  /** A connection that was to be dialled stands. */
  dialled(link: number): void {
    const dialling = this.#dialling;
    if (dialling?.link !== link || this.#exited) return this.#calls.close(link);
    this.#dialling = this.#busy = this.#failure = undefined;
    if (this.#calls.chat) return this.#calls.close(link);
    this.#calls.dialled(link, dialling.contact);
    this.#effects.show(undefined, { event: "connected", peer: dialling.contact });
    if (dialling.thenChat) this.#calls.begin();
    this.#obey();
  }

  dialFailed(link: number, reason: string): void {
    const dialling = this.#dialling;
    if (this.#exited || dialling?.link !== link) return;
    this.#dialling = this.#busy = undefined;
    if (!this.#calls.chat) this.#unreached(dialling, reason);
    this.#obey();
  }

  /** Registrations stay when their clients leave, so `/bridge` tries the next one. */
  #unreached({ contact, thenChat }: { contact: Contact; thenChat: boolean }, reason: string): void {
    this.#failure = "unreachable";
    if (thenChat) return this.#effects.fail("chat", `Chat request failed: ${reason}`);
    this.#vain?.add(fold(contact.id));
    const leaving = this.#typed.some((line) => line.trim() === quitText);
    const again = this.#vain && this.#vain.size < limits.maxBridgeTries && !leaving;
    const next = again ? "; asking for the next one" : "";
    this.#effects.fail("bridge", `Bridge request failed: ${reason}${next}`);
    if (again) this.#askForPeer();
  }

  #askForPeer(wanted?: string): void {
    this.#busy = "bridge";
    this.#effects.push({ do: "ask", message: encodeBridge(this.#self.id, wanted) });
  }

  received(link: number, bytes: Uint8Array): void {
    this.#calls.received(link, bytes);
    this.#obey();
  }

  /** Whether bytes are held back that may be the start of a QUIT: call `expired` if nothing follows soon. */
  holding(link: number): boolean {
    return this.#calls.holding(link);
  }

  expired(link: number): void {
    this.#calls.expired(link);
    this.#obey();
  }

  /** The other side has ended a connection, or it broke. */
  ended(link: number): void {
    this.#calls.ended(link);
    this.#obey();
  }

  #obey(): void {
    if (this.#calls.chat) this.#waiting = false;
    while (this.#typed.length > 0 && !this.#exited) {
      const { chat } = this.#calls;
      if (chat ? !chat.canWrite : this.#busy !== undefined) return;
      const line = this.#typed.shift() ?? "";
      if (!chat) this.#command(line.trim());
      else if (line.trim() === quitText) this.#calls.leave("done");
      else chat.write(line);
    }
    if (this.#typedEnded && !this.#exited) this.#leaveUnlessHeard();
  }

  /** Nobody types any more: stay only for what others may still say. */
  #leaveUnlessHeard(): void {
    const { chat } = this.#calls;
    if (chat?.canWrite) this.#calls.leave("done");
    else if (!chat && !this.#busy && !this.#waiting) this.#exit(this.#failure ?? "done");
  }

  #command(line: string): void {
    const [word = "", ...rest] = line.split(/\s+/);
    const wanted = word === "/bridge" && rest.length === 1 ? cppId(rest[0] ?? "") : undefined;
    if (rest.length > 0 && wanted === undefined) return this.#effects.fail("input", invalidCommand);
    switch (word) {
      case "/id":
        return this.#effects.show(this.#self.id, { event: "id", id: this.#self.id });
      case "/register":
        this.#busy = "register";
        return this.#effects.push({ do: "ask", message: encodeRegister(this.#self) });
      case "/bridge":
        this.#vain = wanted === undefined ? new Set() : undefined;
        return this.#askForPeer(wanted);
      case "/chat":
        if (this.#calls.hasLine) return this.#calls.begin();
        return this.#peer ? this.#dial(this.#peer, true) : this.#nobodyToCall();
      case quitText:
        return this.#exit("done");
      default:
        return this.#effects.fail("input", invalidCommand);
    }
  }

  /** S0 says nothing here. */
  #nobodyToCall(): void {
    const reason = this.#waiting
      ? "Nobody to call: whoever the registry gives you to calls you"
      : "Nobody to call: /bridge finds somebody, /bridge NAME one by name";
    this.#effects.show(undefined, { event: "failed", what: "chat", reason });
  }

  #registered(answer: Answer): void {
    const denied = this.#deniedBy(answer);
    const failure = failureOf(answer, "REGACK") ?? denied;
    this.#failure = failure === undefined ? undefined : denied ? "refused" : reasonOf(answer);
    if (failure) return this.#effects.fail("register", `Register failed: ${failure}`);
    const { id, ip, port } = this.#self;
    this.#effects.show(undefined, { event: "registered", id, ip, port });
  }

  /** Why a REGACK does not mean that we are registered. */
  #deniedBy(answer: Answer): string | undefined {
    if (!("message" in answer) || answer.message.type !== "REGACK") return undefined;
    const { id, status } = answer.message;
    if (fold(id) !== fold(this.#self.id)) {
      return `the registry answered for ${id}, not for ${this.#self.id}`;
    }
    if (status.toLowerCase() === registeredStatus) return undefined;
    return `the registry answered Status: ${quoted(status)} where '${registeredStatus}' belongs`;
  }

  #bridged(answer: Answer): void {
    const failure = failureOf(answer, "BRIDGEACK");
    this.#failure = failure === undefined ? undefined : reasonOf(answer);
    if (failure) return this.#effects.fail("bridge", `Bridge request failed: ${failure}`);
    if (this.#calls.chat || !("message" in answer) || answer.message.type !== "BRIDGEACK") return;
    const { contact } = answer.message;
    const { id } = this.#self;
    if (!contact || fold(contact.id) === fold(id)) {
      this.#waiting = true;
      return this.#effects.show(`${id} IN WAIT MODE`, { event: "waiting", id });
    }
    this.#waiting = false;
    if (this.#vain?.has(fold(contact.id))) {
      this.#failure = "unreachable";
      return this.#effects.fail("bridge", "Bridge request failed: the registry knows nobody else");
    }
    this.#peer = contact;
    this.#effects.show(undefined, { event: "bridged", peer: contact });
    this.#calls.hangUpLine();
    this.#dial(contact, false);
  }

  #dial(contact: Contact, thenChat: boolean): void {
    this.#busy = "dial";
    this.#dialling = { link: this.#nextLink++, contact, thenChat };
    this.#effects.push({ do: "dial", link: this.#dialling.link, contact });
  }

  #exit(why: ExitReason): void {
    if (this.#exited) return;
    this.#exited = true;
    this.#typed = [];
    this.#effects.show("Exiting program", { event: "exit" });
    this.#calls.closeAll();
    this.#effects.push({ do: "exit", why });
  }
}

function failureOf(answer: Answer, wanted: "REGACK" | "BRIDGEACK"): string | undefined {
  if ("failed" in answer) return answer.failed;
  if (answer.message.type === wanted) return undefined;
  return `the registry answered ${answer.message.type} where ${wanted} belongs`;
}

/** What a request that failed by this answer is to scripts. */
function reasonOf(answer: Answer): ExitReason {
  return "failed" in answer ? "unreachable" : "malformed";
}

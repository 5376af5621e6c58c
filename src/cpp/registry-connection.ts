// Requests to the CPP registry: one goes in, its answer and log lines come out. Each has a
// connection of its own, or comes inside a session of the native protocol. Pure: the server reads,
// writes and closes. Does not depend on the port, since the main port serves CPP too.

import type { Refusal } from "../chat/refusal.ts";
import {
  type Contact,
  type CppMessage,
  encodeBridgeAck,
  encodeRefusal,
  encodeRegack,
  hostPort,
  takenStatus,
  withHeader,
} from "./codec.ts";
import { CppParser } from "./parser.ts";
import type { PeerRegistry, RegistryOutcome, RegistryRequest } from "./peer-registry.ts";

export type RegistryAnswer = {
  /** The bytes to write. */
  reply: string | undefined;
  /** Close the connection once the reply has been sent. */
  end: boolean;
  /** Lines that the original server prints, unterminated. */
  log: string[];
  /** What was done for `id`; absent if there was no request. */
  did?: "registered" | "registration refused" | "bridged" | "request refused";
  id?: string;
};

/** A registration as `/info` prints it: `Bob 127.0.0.1:7777`. */
export function contactLine(contact: Contact): string {
  return `${contact.id} ${hostPort(contact)}`;
}

type AskedMessage = Extract<CppMessage, { type: "REGISTER" | "BRIDGE" }>;

/** Reads a request; undefined: it is none. */
export function requestOf(text: string): AskedMessage | undefined {
  const parser = new CppParser();
  parser.handleData(new TextEncoder().encode(text));
  const result = parser.pollMessage();
  return result.type === "message" && isRequest(result.message) ? result.message : undefined;
}

/**
 * Asks the registry. `network`: `networkOf` the client's address. Calls `then` once, either
 * synchronously or later.
 */
export function requestAnswer(
  registry: PeerRegistry,
  message: AskedMessage,
  { nowMs, network }: { nowMs: number; network: string },
  then: (answer: RegistryAnswer) => void,
): void {
  const asked = requestIn(message);
  const tellsKey = message.type === "BRIDGE" && message.keys === "with-contact";
  registry.request(asked, nowMs, network, (outcome) => {
    const answer = answerTo(asked, outcome);
    if (tellsKey && outcome.did === "bridged") {
      answer.reply = withKey(answer.reply ?? "", outcome.key);
    }
    then(answer);
  });
}

export class RegistryConnection {
  readonly #registry: PeerRegistry;
  readonly #network: string;
  /** Why the client may not use the registry under this ID; undefined if it may. */
  readonly #refusalOf: (id: string) => Refusal | undefined;
  readonly #parser = new CppParser();
  #answered = false;
  /** The registry has not answered yet. */
  #isAsking = false;

  /** `network`: `networkOf` the client's address. */
  constructor(
    registry: PeerRegistry,
    network: string,
    refusalOf: (id: string) => Refusal | undefined = () => undefined,
  ) {
    this.#registry = registry;
    this.#network = network;
    this.#refusalOf = refusalOf;
  }

  /**
   * Handles the next bytes. A connection carries one request; anything after it is ignored. `later`
   * is called with the answer of a registry that does not answer synchronously.
   */
  handleData(
    bytes: Uint8Array,
    nowMs: number,
    later: (answer: RegistryAnswer) => void = () => {},
  ): RegistryAnswer {
    if (this.#isAsking) return nothingYet;
    if (this.#answered) return { reply: undefined, end: true, log: [] };
    this.#parser.handleData(bytes);
    const result = this.#parser.pollMessage();
    if (result.type === "need-more") return nothingYet;
    this.#answered = true;
    if (result.type === "malformed") return refusal;
    const { message } = result;
    if (!isRequest(message)) return refusal;
    const { type, id } = message;
    const refused = this.#refusalOf(id);
    if (refused !== undefined) {
      const log = [`${type}: ${id} refused: ${refused.message}`];
      return { reply: encodeRefusal(refused), end: true, log, did: "request refused", id };
    }
    return this.#ask(message, nowMs, later);
  }

  /** Returns the answer if it comes synchronously; otherwise `later` receives it. */
  #ask(
    message: AskedMessage,
    nowMs: number,
    later: (answer: RegistryAnswer) => void,
  ): RegistryAnswer {
    let atOnce: RegistryAnswer | undefined;
    let isReturned = false;
    this.#isAsking = true;
    requestAnswer(this.#registry, message, { nowMs, network: this.#network }, (answer) => {
      this.#isAsking = false;
      if (isReturned) later(answer);
      else atOnce = answer;
    });
    isReturned = true;
    return atOnce ?? nothingYet;
  }

  /** The client has closed its side: an incomplete request will never be complete. */
  handleEnd(): RegistryAnswer {
    if (this.#isAsking) return nothingYet;
    const cutShort = !this.#answered && this.#parser.isMidMessage;
    this.#answered = true;
    return cutShort ? refusal : { reply: undefined, end: true, log: [] };
  }
}

function isRequest(message: CppMessage): message is AskedMessage {
  return message.type === "REGISTER" || message.type === "BRIDGE";
}

function requestIn(message: AskedMessage): RegistryRequest {
  const { type, id } = message;
  if (type === "REGISTER") {
    const { ip, port, key } = message;
    return { type, contact: { id, ip, port }, key };
  }
  // Tells a key without handing anybody out.
  if (message.keys === "look") return { type: "LOOK", id: message.peer ?? id };
  return { type, id, wanted: message.peer };
}

function lookAnswer(found: { contact: Contact; key: string } | undefined): RegistryAnswer {
  const reply = encodeBridgeAck(found?.contact);
  return { reply: withKey(reply, found?.key), end: true, log: [] };
}

function withKey(reply: string, key: string | undefined): string {
  return key === undefined ? reply : withHeader(reply, "key", key);
}

function answerTo(asked: RegistryRequest, outcome: RegistryOutcome): RegistryAnswer {
  const id = asked.type === "REGISTER" ? asked.contact.id : asked.id;
  switch (outcome.did) {
    case "registered": {
      const { contact } = outcome;
      const log = [`REGISTER: ${contact.id} from ${hostPort(contact)} received`];
      return { did: "registered", id, reply: encodeRegack(contact), end: true, log };
    }
    case "taken": {
      const contact = asked.type === "REGISTER" ? asked.contact : { id, ip: "", port: 0 };
      const log = `REGISTER: ${id} from ${hostPort(contact)} refused: the ID belongs to another network`;
      const reply = encodeRegack(contact, takenStatus);
      return { reply, end: true, log: [log], did: "registration refused", id };
    }
    case "bridged": {
      const { found, self } = outcome;
      const done = { end: true, did: "bridged", id } as const;
      if (found === undefined) return { reply: encodeBridgeAck(), log: [], ...done };
      const asker = self === undefined ? `${id} (not registered)` : contactLine(self);
      const log = [`BRIDGE: ${asker} ${contactLine(found)}`];
      return { reply: encodeBridgeAck(found), log, ...done };
    }
    case "looked":
      return lookAnswer(outcome.found);
    case "nothing": {
      const log = [`${asked.type}: ${id} refused: the database does not answer`];
      const reply = "The server's database does not answer: try again\n";
      return { reply, end: true, log, did: "request refused", id };
    }
  }
}

const nothingYet: RegistryAnswer = { reply: undefined, end: false, log: [] };

const refusal: RegistryAnswer = {
  reply: "Un expected message\n",
  end: true,
  log: ["Malformed incoming message"],
  did: "request refused",
};

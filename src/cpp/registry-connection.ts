// One connection to the CPP registry: a request in, its answer and lines to print out. Pure: the
// server reads, writes and closes. Knows no port, since the main port serves CPP too.

import { type Contact, encodeBridgeAck, encodeRegack, hostPort, takenStatus } from "./codec.ts";
import { CppParser } from "./parser.ts";
import type { Registry } from "./registry.ts";

export type RegistryAnswer = {
  /** The bytes to write. */
  reply: string | undefined;
  /** Close the connection once the reply has been sent. */
  end: boolean;
  /** Lines that the original server prints, unterminated. */
  log: string[];
  /** What was done for `id`; absent if nothing was asked. */
  did?: "registered" | "registration refused" | "bridged" | "request refused";
  id?: string;
};

/** A registration as `/info` prints it: `Bob 127.0.0.1:7777`. */
export function contactLine(contact: Contact): string {
  return `${contact.id} ${hostPort(contact)}`;
}

export class RegistryConnection {
  readonly #registry: Registry;
  readonly #network: string;
  /** Why somebody may not use the registry under this ID; undefined if they may. */
  readonly #refusalOf: (id: string) => string | undefined;
  readonly #parser = new CppParser();
  #answered = false;

  /** `network`: `networkOf` the client's address. */
  constructor(
    registry: Registry,
    network: string,
    refusalOf: (id: string) => string | undefined = () => undefined,
  ) {
    this.#registry = registry;
    this.#network = network;
    this.#refusalOf = refusalOf;
  }

  /** Reads the next bytes. A connection carries one request; anything after it is ignored. */
  handleData(bytes: Uint8Array, nowMs: number): RegistryAnswer {
    if (this.#answered) return { reply: undefined, end: true, log: [] };
    this.#parser.handleData(bytes);
    const result = this.#parser.pollMessage();
    if (result.type === "need-more") return { reply: undefined, end: false, log: [] };
    this.#answered = true;
    if (result.type === "malformed") return refusal;
    const { message } = result;
    if (message.type !== "REGISTER" && message.type !== "BRIDGE") return refusal;
    const { type, id } = message;
    const refused = this.#refusalOf(id);
    if (refused !== undefined) {
      const log = [`${type}: ${id} refused: ${refused}`];
      return { reply: `${refused}\n`, end: true, log, did: "request refused", id };
    }
    if (type === "REGISTER") return this.#register(message, nowMs);
    return this.#bridge(id, message.peer, nowMs);
  }

  /** The client has closed its side: an incomplete request will never be complete. */
  handleEnd(): RegistryAnswer {
    const cutShort = !this.#answered && this.#parser.isMidMessage;
    this.#answered = true;
    return cutShort ? refusal : { reply: undefined, end: true, log: [] };
  }

  #register({ id, ip, port }: Contact, nowMs: number): RegistryAnswer {
    const asked = { id, ip, port };
    const contact = this.#registry.register(asked, nowMs, this.#network);
    if (contact === undefined) {
      const log = `REGISTER: ${id} from ${hostPort(asked)} refused: another network has this ID`;
      const reply = encodeRegack(asked, takenStatus);
      return { reply, end: true, log: [log], did: "registration refused", id };
    }
    return {
      did: "registered",
      id,
      reply: encodeRegack(contact),
      end: true,
      log: [`REGISTER: ${contact.id} from ${hostPort(contact)} received`],
    };
  }

  #bridge(id: string, wanted: string | undefined, nowMs: number): RegistryAnswer {
    const found = this.#registry.bridge(id, nowMs, this.#network, wanted);
    const done = { end: true, did: "bridged", id } as const;
    if (!found) return { reply: encodeBridgeAck(), log: [], ...done };
    const self = this.#registry.findOwn(id, this.#network);
    const asker = self ? contactLine(self) : `${id} (not registered)`;
    return {
      reply: encodeBridgeAck(found),
      log: [`BRIDGE: ${asker} ${contactLine(found)}`],
      ...done,
    };
  }
}

const refusal: RegistryAnswer = {
  reply: "Un expected message\n",
  end: true,
  log: ["Malformed incoming message"],
  did: "request refused",
};

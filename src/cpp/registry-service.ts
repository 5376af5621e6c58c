// One connection of CPP (S0) at the server: a request in, its answer and the lines for the server's terminal out.
// Pure: the transport reads, writes and ends; the clock is handed in. The same for a port of its own and for the main port.

import { type Contact, encodeBridgeAck, encodeRegack, hostPort } from "./codec.ts";
import { CppParser } from "./parser.ts";
import type { Registry } from "./registry.ts";

export type CppAnswer = {
  /** To be written as it stands. */
  reply: string | undefined;
  /** The connection ends, after the reply has left. */
  end: boolean;
  /** Lines for the server's terminal, without their ends. */
  log: string[];
};

/** What a client hears that does not speak CPP. */
const unexpected = "Un expected message\n";
const malformed = "Malformed incoming message";

/** What `/info` prints for a registration: `Bob 127.0.0.1:7777`. */
export function contactLine(contact: Contact): string {
  return `${contact.id} ${hostPort(contact)}`;
}

export class CppService {
  readonly #registry: Registry;
  readonly #nowMs: () => number;
  readonly #from: string | undefined;
  readonly #parser = new CppParser();
  #answered = false;

  /** `from` is who asks, as registrations are counted: an address or a network. */
  constructor(registry: Registry, nowMs: () => number, from?: string) {
    this.#registry = registry;
    this.#nowMs = nowMs;
    this.#from = from;
  }

  /** Takes the next bytes. One request a connection: what comes after the answer is ignored. */
  receive(bytes: Uint8Array): CppAnswer {
    if (this.#answered) return { reply: undefined, end: true, log: [] };
    this.#parser.push(bytes);
    const result = this.#parser.next();
    if (result.kind === "need-more") return { reply: undefined, end: false, log: [] };
    this.#answered = true;
    if (result.kind === "malformed") return refusal;
    const { message } = result;
    if (message.type === "REGISTER") return this.#register(message);
    if (message.type === "BRIDGE") return this.#bridge(message.id, message.peer);
    return refusal;
  }

  /** The other side has ended its output: half a request will never be whole. */
  end(): CppAnswer {
    const cutShort = !this.#answered && this.#parser.midMessage;
    this.#answered = true;
    return cutShort ? refusal : { reply: undefined, end: true, log: [] };
  }

  #register({ id, ip, port }: Contact): CppAnswer {
    const contact = this.#registry.register({ id, ip, port }, this.#nowMs(), this.#from);
    return {
      reply: encodeRegack(contact),
      end: true,
      log: [`REGISTER: ${contact.id} from ${hostPort(contact)} received`],
    };
  }

  #bridge(id: string, wanted: string | undefined): CppAnswer {
    const found = this.#registry.bridge(id, this.#nowMs(), wanted);
    if (!found) return { reply: encodeBridgeAck(), end: true, log: [] };
    const self = this.#registry.find(id);
    const asker = self ? contactLine(self) : `${id} (not registered)`;
    return {
      reply: encodeBridgeAck(found),
      end: true,
      log: [`BRIDGE: ${asker} ${contactLine(found)}`],
    };
  }
}

const refusal: CppAnswer = { reply: unexpected, end: true, log: [malformed] };

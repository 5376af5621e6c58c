// Asks the registry in the way that its server requires: one CPP connection for each request, or,
// if the server is not open to everybody, inside a session of the native protocol, which shows the
// password, the pass or the key of a member.

import { exitCode, exitCodeOf, ParleyError } from "../errors.ts";
import type { Deadline } from "./dial.ts";
import { hostPortText, type ServerAddress } from "./host-port.ts";
import { answerIn, askRegistry, type RegistryReply } from "./registry-request.ts";

/** A session at the server of the registry. */
export interface RegistrySession {
  /**
   * Sends a CPP message. Returns the answer, a CPP message too, and the address it came from.
   * @throws ParleyError the server's refusal, or why there is no answer
   */
  askRegistry(request: string): Promise<{ answer: string; from: string }>;
  close(): void;
}

export class RegistryClient {
  readonly server: ServerAddress;
  readonly #session: RegistrySession;
  #usesSession: boolean;

  constructor(server: ServerAddress, session: RegistrySession) {
    this.server = server;
    this.#session = session;
    const { serverPassword, pass } = server.access ?? {};
    this.#usesSession = (serverPassword ?? pass ?? server.visitor) !== undefined;
  }

  /** Requests go inside a session: the server is a parley. */
  get usesSession(): boolean {
    return this.#usesSession;
  }

  /** Never rejects. */
  async ask(message: string, deadline: Deadline): Promise<RegistryReply> {
    if (!this.#usesSession) {
      const reply = await askRegistry(this.server, message, deadline);
      const isClosed = reply.refusal === "password-required" || reply.refusal === "members-only";
      if (!isClosed) return reply;
      this.#usesSession = true;
    }
    const where = hostPortText(this.server);
    const late = deadline.expired.then(() => failed(`${where} did not answer in time`));
    return await Promise.race([this.#askInSession(message), late]);
  }

  async #askInSession(message: string): Promise<RegistryReply> {
    try {
      const { answer, from } = await this.#session.askRegistry(message);
      return { answer: answerIn(answer), from };
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      return failed(error.message, exitCodeOf(error) === exitCode.refused);
    }
  }
}

function failed(why: string, isRefused = false): RegistryReply {
  return { answer: { failed: why, isRefused }, from: "" };
}

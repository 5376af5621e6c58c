// One request to a CPP registry: connects, sends, and waits for the answer. Bounded in time; knows
// nothing about peers.

import { decodeRefusal } from "../cpp/codec.ts";
import { CppParser } from "../cpp/parser.ts";
import type { Answer } from "../cpp/peer.ts";
import { dial, type Deadline } from "./dial.ts";
import { type ErrorCode, exitCode, exitCodeOf, ParleyError } from "../errors.ts";
import { beginning, harmless, quoted } from "../text.ts";
import { hostPortText, type ServerAddress } from "./host-port.ts";

/**
 * The answer, or why there is none, and the address it came from (empty if not connected).
 * `refusal`: the server's reason for not serving this client.
 */
export type RegistryReply = { answer: Answer; from: string; refusal?: ErrorCode | undefined };

/** How much is shown of what a registry says in plain text. */
const maxSaidChars = 300;

/** Sends one CPP message to a registry. Never rejects. */
export async function askRegistry(
  registry: ServerAddress,
  message: string,
  deadline: Deadline,
): Promise<RegistryReply> {
  const answer = Promise.withResolvers<Answer>();
  const parser = new CppParser();
  let first: Uint8Array | undefined;
  let refusal: ErrorCode | undefined;
  const events = {
    data: (bytes: Uint8Array) => {
      first ??= bytes.slice();
      parser.handleData(bytes);
      const result = parser.pollMessage();
      if (result.type === "message") answer.resolve({ message: result.message });
      if (result.type === "malformed") {
        // It may say in plain text what is wrong.
        const [said = ""] = new TextDecoder().decode(first).split(/\r?\n/, 1);
        const refused = decodeRefusal(said);
        refusal = refused?.code;
        answer.resolve(refused ? refusedBy(refused) : { failed: notCpp(said, result.reason) });
      }
    },
    ended: () => answer.resolve({ failed: "the registry closed the connection without an answer" }),
  };
  const link = await dial(registry, deadline, { events: () => events });
  const where = hostPortText(registry);
  if (typeof link === "string") {
    if (registry.trust?.problem !== undefined) return { answer: { failed: link }, from: "" };
    return { answer: { failed: `cannot connect to ${where}: ${link}` }, from: "" };
  }
  const from = link.remoteAddress;
  link.send(message);
  const late = deadline.expired.then((): Answer => ({ failed: `${where} did not answer in time` }));
  const outcome = await Promise.race([answer.promise, late]);
  link.end();
  return { answer: outcome, from, refusal };
}

/** The answer in a text that has arrived complete. */
export function answerIn(text: string): Answer {
  const parser = new CppParser();
  parser.handleData(new TextEncoder().encode(text));
  const result = parser.pollMessage();
  if (result.type === "message") return { message: result.message };
  return { failed: notCpp(text, result.type === "malformed" ? result.reason : "it is cut off") };
}

function refusedBy({ code, message }: { code: ErrorCode; message: string }): Answer {
  const error = new ParleyError(code, beginning(harmless(message), maxSaidChars));
  return { failed: error.message, isRefused: exitCodeOf(error) === exitCode.refused };
}

function notCpp(said: string, reason: string): string {
  return `the registry's answer is not CPP: ${quoted(said, maxSaidChars)} (${reason})`;
}

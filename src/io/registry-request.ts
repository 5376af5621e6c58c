// One request to a CPP registry: connects, sends, and waits for the answer. Bounded in time; knows
// nothing about peers.

import { CppParser } from "../cpp/parser.ts";
import type { Answer } from "../cpp/peer.ts";
import { dial, type Deadline } from "./dial.ts";
import { quoted } from "../text.ts";
import { hostPortText, type ServerAddress } from "./host-port.ts";

/** The answer, or why there is none, and the address it came from (empty if not connected). */
export type RegistryReply = { answer: Answer; from: string };

/** Sends one CPP message to a registry. Never rejects. */
export async function askRegistry(
  registry: ServerAddress,
  message: string,
  deadline: Deadline,
): Promise<RegistryReply> {
  const answer = Promise.withResolvers<Answer>();
  const parser = new CppParser();
  let first: Uint8Array | undefined;
  const events = {
    data: (bytes: Uint8Array) => {
      first ??= bytes.slice();
      parser.handleData(bytes);
      const result = parser.pollMessage();
      if (result.type === "message") answer.resolve({ message: result.message });
      if (result.type === "malformed") {
        // It may say in plain text what is wrong.
        const [said = ""] = new TextDecoder().decode(first).split(/\r?\n/, 1);
        const heard = `${quoted(said, 300)} (${result.reason})`;
        answer.resolve({ failed: `the registry's answer is not CPP: ${heard}` });
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
  return { answer: outcome, from };
}

// What clients do and hear in private chats by consent.

import type { Client } from "../rig.ts";

/** Private-chat events a client received since the last call, as `state name` or an error code. */
export const heard = (client: Client): string[] =>
  client.lines().flatMap(({ type, state, with: other, code }) => {
    if (type === "chat") return [`${String(state)} ${String(other)}`];
    return type === "error" ? [String(code)] : [];
  });

export const invite = (client: Client, to: string): Client => client.send({ type: "invite", to });

export const answer = (client: Client, type: "accept" | "reject" | "leave"): Client =>
  client.send({ type });

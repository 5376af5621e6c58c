// What is known about a person, as a sentence for `/whois`. Pure.

import type { SessionResponse } from "../../client/events.ts";
import { harmless } from "../../text.ts";
import { countText } from "../output/units.ts";

type Keys = Extract<SessionResponse, { type: "keys" }>;

/** `rooms`: the rooms that both are in. */
export function whoisText({ name, registered, keys }: Keys, rooms: readonly string[]): string {
  const who = harmless(name);
  const place =
    rooms.length === 0 ? "in none of your rooms" : `with you in ${rooms.map(harmless).join(", ")}`;
  const account = registered
    ? `the name is registered, with ${countText(keys.length, "device")}`
    : "the name is not registered: anybody can take it next time";
  const advice = registered && keys.length > 0 ? ` (/verify ${who} compares keys)` : "";
  return `${who} is ${place}; ${account}${advice}`;
}

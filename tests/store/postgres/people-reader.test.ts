// Whoever is watched is looked up in turn, and news of notifications are newer than the answers.

import { expect, test } from "bun:test";
import type { ForeignEvent } from "../../../src/chat/elsewhere/foreign-events.ts";
import type { ForeignPerson } from "../../../src/chat/elsewhere/foreign-person.ts";
import { postgres as limits } from "../../../src/limits.ts";
import { PeopleReader } from "../../../src/store/postgres/people-reader.ts";
import { hubStub } from "./hub-stub.ts";

const persona = { user: "u", host: "h", account: "", realName: "", isBot: false };
const about = { persona, ids: [], isHidden: false, isSecure: true, sinceMs: 1, spokeMs: 1 };

function person(folded: string): ForeignPerson {
  const there = { server: "there", address: "", rooms: [] };
  return { folded, name: folded, key: "k", person: "p", about, ...there };
}

/** `whileReading`: what happens between the question and the answer. */
function reading(
  watched: readonly string[],
  whileReading: (reader: PeopleReader) => void = () => {},
) {
  const online = new Set<string>();
  const heard: ForeignEvent[] = [];
  const find = async (names: readonly string[]): Promise<ForeignPerson[]> => {
    const found = names.filter((name) => online.has(name));
    whileReading(reader);
    return found.map((name) => person(name));
  };
  const store = { serverId: "here", directory: { find } };
  const reader = new PeopleReader(store, (event) => void heard.push(event));
  const hub = hubStub([], { watchedNames: () => watched });
  /** The names that were looked up, with those of them who are online. */
  const look = async () => {
    heard.length = 0;
    await reader.look(hub);
    return heard.flatMap((event) =>
      event.type === "watched" ? [[event.names, event.people.map(({ name }) => name)]] : [],
    );
  };
  return { online, look };
}

test("whoever comes and goes without a notification is found at the next look", async () => {
  const { online, look } = reading(["ann", "ben"]);
  expect(await look()).toEqual([[["ann", "ben"], []]]);
  online.add("ben");
  expect(await look()).toEqual([[["ann", "ben"], ["ben"]]]);
  online.clear();
  expect(await look()).toEqual([[["ann", "ben"], []]]);
});

test("many names are looked up in turn", async () => {
  const names = Array.from({ length: limits.watchedPerLook + 2 }, (_, i) => `name${i}`);
  const { look } = reading(names);
  const looked = [...(await look()), ...(await look()), ...(await look())];
  expect(looked.map(([asked]) => asked?.length)).toEqual([
    limits.watchedPerLook,
    2,
    limits.watchedPerLook,
  ]);
});

test("what a notification says meanwhile is newer than the answer", async () => {
  const { online, look } = reading(["ann", "ben"], (reader) => reader.handleNews(["ann"]));
  online.add("ann");
  expect(await look()).toEqual([[["ben"], []]]);
});

test("nothing is asked if nobody watches", async () => {
  expect(await reading([]).look()).toEqual([]);
});

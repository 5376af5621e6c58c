// The transcripts of S1 to S4 against a running server over real sockets, with clients that receive once a message as the
// originals do. What each says is tested one by one in s1 … s4; here it is sends, framing and connections.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { SeedServer, askUdp } from "./sockets.ts";

let server: SeedServer;
beforeAll(async () => {
  server = await SeedServer.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

test("S1: each message is a receive of its own", async () => {
  const alice = await server.connect("open-chat");
  alice.send("Alice");
  expect([await alice.next(), await alice.next()]).toEqual(["Alice has joined the chat!", "ALL "]);
  const bob = await server.connect("open-chat");
  bob.send("Bob");
  expect([await bob.next(), await bob.next()]).toEqual(["Bob has joined the chat!", "ALL Alice "]);
  expect([await alice.next(), await alice.next()]).toEqual([
    "Bob has joined the chat!",
    "ALL Bob ",
  ]);
  alice.send("~Bob hi there");
  expect(await bob.next()).toBe("Alice: (PRIVATE)  hi there");
  expect(await alice.next()).toBe("from you to Bob: (PRIVATE)  hi there");
  alice.send("get_list_file");
  expect(await alice.next()).toBe("<CHOOSE_FILE> a.txt empty ");
  alice.send("CHANGENAME Alice Eve");
  expect(await alice.next()).toBe("Alice changed his name to Eve!");
  expect(await bob.next()).toBe("Alice changed his name to Eve!");
  expect(await bob.next()).toBe("ALL Eve ");
  bob.send("hi");
  expect([await alice.next(), await bob.next()]).toEqual(["Bob: hi", "Bob: hi"]);
  bob.abort();
  expect([await alice.next(), await alice.next()]).toEqual(["Bob left the chat...", "ALL "]);
  alice.send("{quit}");
  await alice.end();
  await server.parley.until(
    () => server.said.includes("[DISCONNECTED] Eve disconnected"),
    "the server's own line",
  );
  expect(server.said).toMatch(
    /\[CONNECTION\] \('127\.0\.0\.1', \d+\) connected to the server at \d+\.\d+/,
  );
});

test("S1: the main port speaks it too, in lines to who sends lines", async () => {
  const alice = await server.connect("main");
  alice.send("Alice\r\nshow\r\n{quit}\r\n");
  await alice.end();
  expect(alice.all).toBe("Alice has joined the chat!\nALL \nALL \n");
  const bob = await server.connect("main");
  bob.send("Bob");
  expect([await bob.next(), await bob.next()]).toEqual(["Bob has joined the chat!", "ALL "]);
  bob.send("{quit}");
  await bob.end();
});

test("S1: a person at nc is asked for a name, and a half-closed one gets the answer", async () => {
  const person = await server.connect("main");
  expect(await person.next()).toStartWith("Enter your name:");
  person.send("Nell\nshow\n");
  person.endSending();
  await person.end();
  expect(person.all).toEndWith("Nell has joined the chat!\nALL \nALL \n");
});

test("S1: a character that two segments share is never cut", async () => {
  const alice = await server.connect("open-chat");
  alice.send("Alice");
  await alice.heard("ALL ");
  const bytes = Buffer.from("grüße 🎈");
  for (const byte of bytes) {
    alice.send(Uint8Array.of(byte));
    await Bun.sleep(1);
  }
  const letters = () => alice.all.split("ALL ")[1]?.replaceAll(/Alice: |\n/g, "") ?? "";
  await alice.until(
    () => letters() === "grüße 🎈".replaceAll(" ", "") || letters() === "grüße 🎈",
    "all of it",
  );
  expect(alice.all).not.toContain("\ufffd");
  alice.send("{quit}");
  await alice.end();
});

test("S2: greeting and date-time", async () => {
  expect(await askUdp(server.port("greeting"), "hello")).toBe("Ok");
  const knocking = await server.connect("greeting");
  knocking.send("Knock knock..");
  expect(await knocking.next()).toBe("Who's there?");
  await knocking.end();
  expect(await askUdp(server.port("date-time"), "SEND_DATE")).toMatch(/^\d\d\/\d\d\/\d\d$/);
  expect(await askUdp(server.port("date-time"), "SEND_TIME")).toMatch(/^\d\d:\d\d:\d\d$/);
  expect(await askUdp(server.port("date-time"), "SEND_MONEY")).toBe("Invalid request");
  await server.parley.until(() => server.said.includes("SEND_MONEY"), "each request printed");
});

test("S2: calculator", async () => {
  const ann = await server.connect("calculator");
  ann.send("Ann");
  await server.parley.until(() => server.said.includes("Client name is : Ann"), "the name");
  for (const [text, answer] of [
    ["15 + 35", "50.0"],
    ["3.24 - 45", "-41.76"],
    ["4.5 / -6", "-0.75"],
    ["27 * -6", "-162.0"],
    ["1e8 * 1e8", "1e+16"],
  ] as const) {
    ann.send(text);
    expect(await ann.next()).toBe(answer);
  }
  ann.send("q");
  await ann.end();
  await server.parley.until(() => server.said.includes("Session Ended"), "the end");
});

test("S2: chat-room", async () => {
  const ann = await server.connect("chat-room");
  expect(await ann.next()).toBe("Please, Enter Your ig name");
  ann.send(":Ann:annie");
  expect(await ann.next()).toBe("new user :Ann:annie connected!\n");
  expect(await ann.next()).toBe("new user :Ann:annie joined \n");
  const bob = await server.connect("chat-room");
  bob.send(":Bob:bo");
  await bob.heard("new user :Bob:bo joined \n");
  expect(await ann.next()).toBe("new user :Bob:bo joined \n");
  bob.send(":Bob:hello");
  expect([await ann.next(), await bob.next()]).toEqual([":Bob:hello", ":Bob:hello"]);
  bob.endSending();
  expect(await ann.next()).toBe(":Bob:bo left chat");
  ann.abort();
  await server.parley.until(() => server.said.includes("new user name is :Ann:annie!"), "its line");
});

test("S3: text and line end in two segments; who has half-closed still hears the room", async () => {
  const emil = await server.connect("line-chat");
  const ida = await server.connect("line-chat");
  for (const [client, name] of [
    [emil, "Emil"],
    [ida, "Ida"],
  ] as const) {
    client.send(name);
    await Bun.sleep(60);
    client.send("\n");
    await server.parley.until(() => true, "nothing");
    await Bun.sleep(20);
  }
  await emil.heard("\nIda joined the chat:\n");
  ida.endSending();
  emil.send("hej");
  await Bun.sleep(5);
  emil.send("\nto linjer\nsidste");
  await ida.heard("\nEmil: hej\n\nEmil: to linjer\n");
  emil.send("\n");
  await ida.heard("\nEmil: sidste\n");
  expect(emil.all).toBe("\nIda joined the chat:\n");
  emil.abort();
  ida.abort();
});

test("S4: two sends of greeting, lists and messages in lines", async () => {
  const ann = await server.connect("select-chat");
  expect([await ann.next(), await ann.next()]).toEqual(["welcome to the chat\n", "enter name: "]);
  ann.send("Ann");
  await ann.heard("__users__ Ann\n");
  const ben = await server.connect("select-chat");
  ben.send("Ben");
  await ben.heard("enter name: __users__ Ann,Ben\n");
  await ann.heard("__users__ Ann,Ben\nBen joined the chat\n");
  ann.send("Ben - hi");
  await ben.heard("Ann : Ben - hi\n");
  ann.send("Zoe - hi");
  await ann.heard("user not found: Zoe\n");
  ann.send("Ben");
  await ben.heard("type accept or reject\n");
  ben.send("accept");
  await ann.heard("type leave to end it\n");
  ben.abort();
  await ann.heard("__users__ Ann\n");
  expect(ann.all).toContain("Ben left the chat\n");
  ann.send("Exit");
  await ann.end();
});

test("S4: an empty name is the address", async () => {
  const nobody = await server.connect("select-chat");
  nobody.send("\n");
  await nobody.until(() => /__users__ 127\.0\.0\.1:\d+\n$/.test(nobody.all), "its name");
  nobody.abort();
});

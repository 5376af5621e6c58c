// The documented transcripts against a running server over real sockets, with clients that receive
// once per message, like the originals: sends, framing, connections. The other files here test each
// dialect's messages.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { output } from "../../src/limits.ts";
import { DialectServer, askUdp } from "./sockets.ts";

/** Between messages that a client receives one by one; a server without pauses leaves none. */
const pauseMs = output.unframedGapMs / 2;

let server: DialectServer;
beforeAll(async () => {
  server = await DialectServer.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

test("open-chat", async () => {
  const alice = await server.connect("open-chat");
  alice.send("Alice");
  await alice.hears(["Alice has joined the chat!", "ALL "]);
  const bob = await server.connect("open-chat");
  bob.send("Bob");
  await bob.hears(["Bob has joined the chat!", "ALL Alice "]);
  await alice.hears(["Bob has joined the chat!", "ALL Bob "]);
  alice.send("~Bob hi there");
  await bob.hears(["Alice: (PRIVATE)  hi there"]);
  await alice.hears(["from you to Bob: (PRIVATE)  hi there"]);
  alice.send("get_list_file");
  await alice.hears(["<CHOOSE_FILE> a.txt empty "]);
  alice.send("CHANGENAME Alice Eve");
  await alice.hears(["Alice changed his name to Eve!"]);
  await bob.hears(["Alice changed his name to Eve!"]);
  await bob.hears(["ALL Eve "]);
  bob.send("hi");
  for (const one of [alice, bob]) await one.hears(["Bob: hi"]);
  bob.abort();
  await alice.hears(["Bob left the chat...", "ALL "]);
  alice.send("{quit}");
  await alice.end();
  await server.parley.until(
    () => server.said.includes("[DISCONNECTED] Eve disconnected"),
    "the server's log line",
  );
  expect(server.said).toMatch(
    /\[CONNECTION\] \('127\.0\.0\.1', \d+\) connected to the server at \d+\.\d+/,
  );
});

test("open-chat: each message is a separate receive", async () => {
  const alice = await server.connect("open-chat");
  alice.send("Alice");
  await alice.heard("ALL ");
  // At once, unless this machine is busy.
  for (let apart = 0, i = 0; apart < 2; i++) {
    const bob = await server.connect("open-chat");
    bob.send(`Bob${i}`);
    if (await alice.hears([`Bob${i} has joined the chat!`, `ALL Bob${i} `], pauseMs)) apart++;
    bob.abort();
    if (await alice.hears([`Bob${i} left the chat...`, "ALL "], pauseMs)) apart++;
  }
  alice.abort();
});

test("open-chat on the main port, in lines to a client that sends lines", async () => {
  const alice = await server.connect("main");
  alice.send("Alice\r\nshow\r\nhello\r\n{quit}\r\n");
  await alice.end();
  // All in one turn: a client that leaves in it gets the messages before, and no list any more.
  expect(alice.all).toBe("Alice has joined the chat!\nALL \nAlice: hello\n");
  const bob = await server.connect("main");
  bob.send("Bob");
  await bob.hears(["Bob has joined the chat!", "ALL "]);
  bob.send("{quit}");
  await bob.end();
});

test("main port: a person at nc is asked for a name and gets answers after FIN", async () => {
  const person = await server.connect("main");
  expect(await person.next()).toStartWith("Enter your name:");
  person.send("Nell\nshow\n");
  person.endSending();
  await person.end();
  expect(person.all).toEndWith("Nell has joined the chat!\nALL \nALL \n");
});

test("open-chat: a character split over two segments stays whole", async () => {
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

test("main port: /help and unknown slash commands are answered, not sent to the room", async () => {
  const bob = await server.connect("open-chat");
  bob.send("Bob");
  await bob.heard("ALL ");
  const person = await server.connect("main");
  person.send("/help\nNell\n/help\n/me waves\nhello\n");
  await bob.heard("Nell: hello");
  await person.heard("Nell: hello\n");
  expect(person.all).toStartWith("Send a name first");
  expect(person.all).toContain("~NAME TEXT");
  expect(person.all).toContain("There is no command '/me'");
  expect(bob.all).not.toContain("/");
  for (const client of [bob, person]) client.abort();
});

for (const dialect of ["open-chat", "line-chat", "chat-room"]) {
  test(`${dialect}: a private line that crosses the partner's departure is not sent to the room`, async () => {
    const [room, ann, ben] = await Promise.all(
      ["line-chat", dialect, "select-chat"].map((name) => server.connect(name)),
    );
    if (!room || !ann || !ben) throw new Error("not connected");
    room.send("Room\n");
    const prefix = dialect === "chat-room" ? ":Ann:" : "";
    ann.send(`${prefix}Annie\n`);
    ben.send("Ben");
    await ben.until(() => /__users__.*Annie.*Ben/.test(ben.all), "Annie");
    ben.send("Annie");
    await ann.until(() => ann.all.includes("type accept or reject"), "the question");
    ann.send(`${prefix}accept\n`);
    await ben.until(() => ben.all.includes("has started"), "the chat");
    ben.abort();
    await room.until(() => room.all.includes("Ben left the chat"), "that Ben is gone");
    ann.send(`${prefix}my password is 1234\n`);
    ann.send(`${prefix}no, my password is 4321\n`);
    const refusals = (): number => ann.all.split("not said: your private chat with Ben").length - 1;
    await ann.until(() => refusals() === 2, "the refusals");
    // Once the client can have read the answer, lines go to the room again.
    const repeating = setInterval(() => ann.send(`${prefix}hello all\n`), 250);
    try {
      await room.until(() => room.all.includes("hello all"), "a line after it");
    } finally {
      clearInterval(repeating);
    }
    expect(room.all).not.toContain("password");
    for (const client of [room, ann]) client.abort();
  }, 180_000);
}

test("greeting and date-time", async () => {
  expect(await askUdp(server.port("greeting"), "hello")).toBe("Ok");
  const knocking = await server.connect("greeting");
  knocking.send("Knock knock..");
  expect(await knocking.next()).toBe("Who's there?");
  await knocking.end();
  expect(await askUdp(server.port("date-time"), "SEND_DATE")).toMatch(/^\d\d\/\d\d\/\d\d$/);
  expect(await askUdp(server.port("date-time"), "SEND_TIME")).toMatch(/^\d\d:\d\d:\d\d$/);
  expect(await askUdp(server.port("date-time"), "SEND_MONEY")).toBe("Invalid request");
  await server.parley.until(() => server.said.includes("SEND_MONEY"), "the logged request");
});

test("calculator", async () => {
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

test("chat-room", async () => {
  const ann = await server.connect("chat-room");
  await ann.hears(["Please, Enter Your ig name"]);
  ann.send(":Ann:annie");
  await ann.hears(["new user :Ann:annie connected!\n"]);
  await ann.hears(["new user :Ann:annie joined \n"]);
  const bob = await server.connect("chat-room");
  bob.send(":Bob:bo");
  await bob.heard("new user :Bob:bo joined \n");
  await ann.hears(["new user :Bob:bo joined \n"]);
  bob.send(":Bob:hello");
  for (const one of [ann, bob]) await one.hears([":Bob:hello"]);
  bob.endSending();
  await ann.hears([":Bob:bo left chat"]);
  ann.abort();
  await server.parley.until(() => server.said.includes("new user name is :Ann:annie!"), "its line");
});

test("chat-room: two people never look alike", async () => {
  const ann = await server.connect("chat-room");
  ann.send(":Anna:annabel\n");
  await ann.until(() => ann.all.includes("new user :Anna:annabel joined"), "the join line");
  const mallory = await server.connect("chat-room");
  mallory.send(":Anna:mallory\n");
  await mallory.until(() => mallory.all.includes("The name 'Anna' is taken"), "the refusal");
  expect(ann.all).not.toContain("mallory");
  const native = await server.connect("main");
  native.send('{"type":"hello","version":2,"name":"Anna"}\n');
  await native.until(() => native.all.includes("name-taken"), "the refusal");
  for (const client of [ann, mallory, native]) client.abort();
});

test("line-chat: text and line ending in two segments; the room is heard after FIN", async () => {
  const emil = await server.connect("line-chat");
  const ida = await server.connect("line-chat");
  for (const [client, name] of [
    [emil, "Emil"],
    [ida, "Ida"],
  ] as const) {
    client.send(name);
    // Longer than the time after which a client counts as unframed.
    await Bun.sleep(60);
    client.send("\n");
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

test("select-chat: a greeting in two sends, lists and messages in lines", async () => {
  const ann = await server.connect("select-chat");
  await ann.hears(["welcome to the chat\n", "enter name: "]);
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

test("select-chat: 20 users join and leave, each in a separate receive", async () => {
  const page = await server.connect("select-chat");
  // The original client sleeps a little before its first receive.
  page.pause();
  await Bun.sleep(50);
  page.resume();
  await page.hears(["welcome to the chat\n", "enter name: "]);
  page.send("Page");
  await page.heard("__users__ Page\n");
  for (let apart = 0, i = 0; i < 20 || apart < 2; i++) {
    const other = await server.connect("select-chat");
    other.send(`guest${i}`);
    const joined = [`__users__ Page,guest${i}\n`, `guest${i} joined the chat\n`];
    if (await page.hears(joined, pauseMs)) apart++;
    other.send("exit");
    const left = [`guest${i} left the chat\n`, "__users__ Page\n"];
    if (await page.hears(left, pauseMs)) apart++;
    await other.end();
  }
  page.abort();
}, 180_000);

test("select-chat: an empty name becomes the address", async () => {
  const nobody = await server.connect("select-chat");
  nobody.send("\n");
  await nobody.until(() => /__users__ 127\.0\.0\.1:\d+\n$/.test(nobody.all), "its name");
  nobody.abort();
});

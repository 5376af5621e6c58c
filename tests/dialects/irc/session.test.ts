// IRC clients at the hub, according to the specifications: registration, rooms and their modes,
// messages, users, and users of other dialects.

import { owner, withKey } from "../../chat/owner.ts";
import { expect, test } from "bun:test";
import { FailingStore } from "../../chat/failing-store.ts";
import { native } from "../../chat/rig.ts";
import type { Peer } from "../../../src/chat/dialect.ts";
import { ratesFor } from "../../../src/chat/rates/rate-budget.ts";
import { ircDialect } from "../../../src/dialects/irc/irc.ts";
import { selectChat } from "../../../src/dialects/select-chat.ts";
import { irc as limits, people, rights, sender } from "../../../src/limits.ts";
import { deletedText } from "../../../src/protocol/messages.ts";
import { irc, IrcClient, IrcRig } from "./rig.ts";

test("registration: nothing before NICK and USER, then the welcome in order", () => {
  const rig = new IrcRig();
  const client = new IrcClient(rig.client(irc));
  expect(client.ask("JOIN #den")).toEqual([":irc.test 451 * :You have not registered"]);
  expect(client.ask("NICK")).toEqual([":irc.test 431 * :No nickname given"]);
  expect(client.ask("USER a")).toEqual([":irc.test 461 * USER :Not enough parameters"]);
  expect(client.ask("USER a 0 * :\u0002")).toEqual([":irc.test 461 * USER :Not enough parameters"]);
  expect(client.ask("NICK Ann")).toEqual([]);
  // KVIrc's real name has colours.
  const codes = client.ask("USER ann 0 * :\u00031,8Ann").map((line) => line.split(" ")[1]);
  expect(codes).toEqual(
    ["001", "002", "003", "004", "005", "005", "005"].concat([
      "251",
      "252",
      "253",
      "254",
      "255",
      "265",
      "266",
      "422",
    ]),
  );
  expect(client.ask("USER ann 0 * :Ann")).toEqual([":irc.test 462 Ann :You may not reregister"]);
  expect(client.ask("WHOIS Ann")[0]).toBe(":irc.test 311 Ann Ann ~ann HOST * :Ann");
});

test("PING is answered whatever the rate: a client without a PONG gives the connection up", () => {
  const rig = new IrcRig({ rates: ratesFor(sender.messagesPerSecond) });
  const ann = rig.irc("Ann").send("JOIN #den");
  const flood = Array.from({ length: 600 }, (_, i) => `PRIVMSG #den :${i}`);
  const heard = ann.send(...flood, "PING end").lines();
  expect(heard.at(-2)).toContain("Too fast");
  expect(heard.at(-1)).toBe(":irc.test PONG irc.test :end");
});

test("without a real name, the current name is shown", () => {
  const rig = new IrcRig();
  const ann = rig.irc("Ann");
  const bob = rig.member("Bob");
  const realName = (nick: string) => ann.ask(`WHOIS ${nick}`)[0]?.split(" :").at(-1);
  expect(realName("Bob")).toBe("Bob");
  bob.send({ type: "rename", name: "Rob" });
  ann.lines();
  expect(realName("Rob")).toBe("Rob");
});

test("whoever is in many rooms with long names is shown in lines that are no longer than 512 bytes", () => {
  const rig = new IrcRig();
  const rooms = Array.from({ length: 16 }, (_, i) => `#${"ö".repeat(30)}${10 + i}`);
  const ann = rig.irc("Ann").send(...rooms.map((room) => `JOIN ${room}`));
  const lines = ann.ask("WHOIS Ann");
  for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(510);
  const shown = lines.flatMap((line) => / 319 Ann Ann :(.*)$/.exec(line)?.[1]?.split(" ") ?? []);
  expect(shown.sort()).toEqual(rooms.map((room) => `@${room}`));
});

test("a taken or invalid name can be changed before the welcome", () => {
  const rig = new IrcRig();
  rig.irc("Ann");
  const client = new IrcClient(rig.client(irc));
  client.send("NICK ann", "USER a 0 * :A");
  expect(client.lines()).toEqual([":irc.test 433 * ann :Nickname is already in use"]);
  expect(client.ask("NICK a!b")).toEqual([":irc.test 432 * a!b :Erroneous nickname"]);
  expect(client.ask("NICK Ben")[0]).toStartWith(":irc.test 001 Ben :");
});

test("CAP holds the welcome back until CAP END", () => {
  const client = new IrcClient(new IrcRig().client(irc));
  expect(client.ask("CAP LS 302")[0]).toMatch(/^:irc\.test CAP \* LS :.*\bsasl=PLAIN\b/);
  expect(client.ask("CAP REQ :nothing server-time")).toEqual([
    ":irc.test CAP * NAK :nothing server-time",
  ]);
  client.send("NICK Ann", "USER a 0 * :A");
  expect(client.ask("CAP REQ :server-time echo-message")).toEqual([
    ":irc.test CAP Ann ACK :server-time echo-message",
  ]);
  expect(client.ask("CAP END")[0]).toContain(" 001 Ann ");
  expect(client.ask("CAP LIST")).toEqual([
    ":irc.test CAP Ann LIST :cap-notify server-time echo-message",
  ]);
});

test("SASL is offered and accepted where nobody on the network path can read it", () => {
  const rig = new IrcRig();
  const far = new IrcClient(rig.client(irc, true, "198.51.100.7"));
  expect(far.ask("CAP LS 302")[0]).not.toContain("sasl");
  expect(far.ask("CAP REQ sasl")).toEqual([":irc.test CAP * NAK :sasl"]);
});

test("OPER takes no password in plain text from another machine, not even a right one", () => {
  const rig = new IrcRig();
  rig.member("Ann").send({ type: "register", password: "a good password" });
  rig.order("op Ann");
  const order = "OPER Ann :a good password";
  expect(rig.irc("Bob", "", "198.51.100.7").ask(order)).toEqual([
    expect.stringContaining(" 464 Bob :Passwords are accepted over TLS alone"),
  ]);
  const cal = rig.irc("Cal");
  expect(cal.ask(order).join("\n")).toContain(" 381 ");
  // Said, since nothing takes back what has been proved.
  expect(cal.ask("MODE Cal -o")).toEqual([
    expect.stringContaining(" NOTICE Cal :You are an operator until you disconnect"),
  ]);
  expect(cal.ask("MODE Cal")).toEqual([":irc.test 221 Cal +o"]);
  expect(rig.irc("Dan").ask("MODE Dan -o")).toEqual([]);
});

const sasl = (password: string): string =>
  `AUTHENTICATE ${Buffer.from(`\0Ann\0${password}`).toString("base64")}`;

test("sts contains the port for TLS in plain text, and its duration inside TLS", () => {
  const dialect = ircDialect({
    name: "irc.test",
    network: "test",
    log: "log",
    version: "1",
    sts: () => ({ port: 6_697, seconds: 60 }),
  });
  const offered = (peer: Peer, version: string): string =>
    JSON.stringify(dialect.open(peer).receive(`CAP LS ${version}`));
  const plain = { address: "198.51.100.7", port: 1 };
  expect(offered(plain, "302")).toContain(" sts=port=6697 ");
  expect(offered({ ...plain, tls: true }, "302")).toContain(" sts=duration=60 ");
  expect(offered(plain, "")).not.toContain("sts");
  expect(JSON.stringify(dialect.open(plain).receive("CAP REQ sts"))).toContain("NAK");
});

test("a registered name is proved by SASL, or by PASS, and otherwise refused", () => {
  const rig = new IrcRig();
  const owner = rig.client(native);
  owner.send({ type: "hello", version: 2, name: "Ann", rooms: [] });
  owner.send({ type: "register", password: "a good password" });
  expect(owner.text()).toContain('"registered"');
  owner.send({ type: "bye" });
  const login = (...lines: string[]): string[] => {
    const client = new IrcClient(rig.client(irc));
    return client.send(...lines, "NICK Ann", "USER a 0 * :A", "CAP END").lines();
  };
  const begin = ["CAP REQ :sasl", "AUTHENTICATE PLAIN"];
  const right = login(...begin, sasl("a good password"));
  expect(right.join("\n")).toMatch(/900 \* .* Ann :[^]* 903 [^]* 001 Ann /);
  expect(login(...begin, sasl("wrong")).join("\n")).toMatch(/904 [^]* 433 /);
  expect(login("PASS :a good password").join("\n")).toContain(" 001 Ann ");
  expect(login().join("\n")).toContain(" 433 ");
  for (const bad of ["AUTHENTICATE !", "AUTHENTICATE +", "AUTHENTICATE QQ=="]) {
    expect(login(...begin, bad).join("\n")).toContain(" 904 ");
  }
  for (const aborted of [begin, ["CAP REQ :sasl"], [...begin, sasl("wrong")]]) {
    const client = new IrcClient(rig.client(irc)).send(...aborted);
    expect(client.ask("AUTHENTICATE *").at(-1)).toBe(
      ":irc.test 906 * :SASL authentication aborted",
    );
  }
});

test("JOIN, NAMES, PART and QUIT", () => {
  const rig = new IrcRig();
  const [ann, ben] = [rig.irc("Ann"), rig.irc("Ben")];
  expect(ann.ask("JOIN #den")).toEqual([
    ":Ann!~Ann@HOST JOIN #den",
    ":irc.test 353 Ann = #den :@Ann",
    ":irc.test 366 Ann #den :End of /NAMES list",
  ]);
  expect(ben.ask("JOIN #den")[1]).toBe(":irc.test 353 Ben = #den :@Ann Ben");
  expect(ann.lines()).toEqual([":Ben!~Ben@HOST JOIN #den"]);
  expect(ben.ask("PART #den :to bed")).toEqual([":Ben!~Ben@HOST PART #den :to bed"]);
  expect(ann.lines()).toEqual([":Ben!~Ben@HOST PART #den :to bed"]);
  expect(ben.ask("PART #den")).toEqual([":irc.test 442 Ben #den :You're not on that channel"]);
  expect(ben.ask("JOIN den")).toEqual([":irc.test 403 Ben den :No such channel"]);
  ben.send("JOIN #den");
  expect(ben.ask("QUIT :bye")).toEqual(["ERROR :Closing Link: bye"]);
  expect(ann.lines()).toEqual([":Ben!~Ben@HOST JOIN #den", ":Ben!~Ben@HOST QUIT :Quit: bye"]);
});

test("an event of a user is reported once, however many rooms are shared", () => {
  const rig = new IrcRig();
  const [ann, ben] = [rig.irc("Ann", "away-notify"), rig.irc("Ben")];
  for (const room of ["#a", "#b", "#c"]) rig.room(room, ann, ben);
  ben.send("NICK Bob");
  expect(ben.lines()).toEqual([":Ben!~Ben@HOST NICK Bob"]);
  expect(ann.lines()).toEqual([":Ben!~Ben@HOST NICK Bob"]);
  ben.send("AWAY :lunch", "AWAY");
  expect(ann.lines()).toEqual([":Bob!~Ben@HOST AWAY :lunch", ":Bob!~Ben@HOST AWAY"]);
  ben.send("PRIVMSG #a :1", "PRIVMSG #b :2", "QUIT");
  expect(ann.lines().toSorted()).toEqual([
    ":Bob!~Ben@HOST PRIVMSG #a :1",
    ":Bob!~Ben@HOST PRIVMSG #b :2",
    ":Bob!~Ben@HOST QUIT :Quit",
  ]);
});

test("messages reach the others, and their sender if it requested echoes", () => {
  const rig = new IrcRig();
  const [ann, ben] = [rig.irc("Ann"), rig.irc("Ben", "echo-message")];
  rig.room("#den", ann, ben);
  expect(ann.ask("PRIVMSG #den :hi")).toEqual([]);
  expect(ben.lines()).toEqual([":Ann!~Ann@HOST PRIVMSG #den :hi"]);
  expect(ben.ask("NOTICE #den,Ann :done")).toEqual([
    ":Ben!~Ben@HOST NOTICE #den :done",
    ":Ben!~Ben@HOST NOTICE Ann :done",
  ]);
  expect(ann.lines()).toEqual([
    ":Ben!~Ben@HOST NOTICE #den :done",
    ":Ben!~Ben@HOST NOTICE Ann :done",
  ]);
  expect(ann.ask("PRIVMSG Nobody :hi")).toEqual([":irc.test 401 Ann Nobody :No such nick/channel"]);
  expect(ann.ask("NOTICE Nobody :hi")).toEqual([]);
  expect(ann.ask("NOTICE #other :hi")).toEqual([]);
  expect(ann.ask("PRIVMSG #other :hi")).toEqual([
    ":irc.test 404 Ann #other :Cannot send to channel",
  ]);
  expect(ann.ask("PRIVMSG #den")).toEqual([":irc.test 412 Ann :No text to send"]);
  expect(ann.ask("PRIVMSG")).toEqual([":irc.test 411 Ann :No recipient given (PRIVMSG)"]);
});

function reader(caps: string): (line: string) => unknown {
  const { client } = new IrcRig().irc("Ann", caps);
  return (line) => client.session.conversation.receive(line);
}

test("a line without a prefix is read like any other", () => {
  const [plain, echoing] = [reader(""), reader("echo-message")];
  expect(plain("PRIVMSG #den :hi: :x")).toEqual({ type: "say", room: "den", text: "hi: :x" });
  for (const line of [
    "PRIVMSG #den :hi",
    "PRIVMSG #a,#b :hi",
    "PRIVMSG #den  :hi",
    "PRIVMSG #den hi",
  ]) {
    const [one, other] = [plain(line), echoing(line)].map((command) =>
      JSON.stringify(command).replaceAll(/,"ref":\d+/g, ""),
    );
    expect(one).toBe(other!);
  }
});

test("somebody who chose no name, and is called by an IPv6 address, can be spoken to", () => {
  const rig = new IrcRig();
  const ann = rig.irc("Ann");
  const nameless = rig.client(selectChat, true, "2001:db8::1");
  nameless.send("");
  const [, nick = ""] = /__users__ (\S+)/.exec(nameless.text()) ?? [];
  expect(nick).toMatch(/^\[2001:db8::1\]:\d+$/);
  ann.send(`PRIVMSG ${nick} :hello`);
  expect(nameless.text()).toContain(`Ann : ${nick} - hello`);
  expect(ann.ask(`WHOIS ${nick}`)[0]).toContain(`311 Ann ${nick} `);
});

function seenBy(client: IrcClient): string {
  return [...client.ask("WHO #den"), ...client.ask("NAMES #den")].join("|");
}

test("hidden people are in WHO and NAMES of a room for those who share one with them", () => {
  const rig = new IrcRig();
  const [ann, bob, cal] = [rig.irc("Ann"), rig.irc("Bob"), rig.irc("Cal")];
  rig.room("#den", ann, bob);
  ann.send("MODE Ann +i");
  expect(seenBy(bob)).toMatch(/352 Bob #den ~Ann .* 353 Bob = #den :@?Ann Bob/);
  expect(seenBy(cal)).not.toContain("Ann");
  expect(seenBy(cal)).toMatch(/352 Cal #den ~Bob .* 353 Cal = #den :Bob/);
  rig.room("#attic", ann, cal);
  expect(seenBy(cal)).toMatch(/352 Cal #den ~Ann .* 353 Cal = #den :@?Ann Bob/);
});

test("lists of long names take lines of at most 512 bytes", () => {
  const rig = new IrcRig();
  // The longest names, of the letters that take most bytes.
  const nicks = Array.from({ length: 24 }, (_, i) => "\u{20000}".repeat(30) + String(10 + i));
  const room = `#${"\u{20000}".repeat(32)}`;
  const people = nicks.map((nick) => rig.irc(nick, "userhost-in-names"));
  for (const one of people) one.send(`JOIN ${room}`);
  const [first] = people;
  const some = nicks.slice(1, 4).join(" ");
  const absent = nicks.slice(0, 3).map((nick) => nick.replace(/.$/, "x"));
  const lines = [
    `NAMES ${room}`,
    `USERHOST ${some}`,
    `ISON ${some}`,
    `MONITOR + ${absent.join(",")}`,
    "MONITOR L",
  ].flatMap((line) => first!.ask(line));
  expect(Math.max(...lines.map((line) => Buffer.byteLength(`${line}\r\n`)))).toBeLessThan(513);
  const listed = lines.filter((line) => line.includes(" 353 ")).join(" ");
  expect(nicks.filter((nick) => !listed.includes(`${nick}!`))).toEqual([]);
  expect(first!.ask("ISON nobody")).toEqual([expect.stringMatching(/ 303 \S+ :$/)]);
});

test("/me, formatting and several lines across the protocols", () => {
  const rig = new IrcRig();
  const ann = rig.irc("Ann");
  const bob = rig.member("Bob");
  ann.send("JOIN #lobby");
  bob.text();
  ann.lines();
  ann.send("PRIVMSG #lobby :\u0001ACTION waves\u0001", "PRIVMSG #lobby :\u0002loud\u0002");
  expect(bob.lines().map(({ text, kind }) => [text, kind])).toEqual([
    ["waves", "emote"],
    ["loud", undefined],
  ]);
  bob.send({ type: "say", text: "sits", kind: "emote" }, { type: "say", text: "one\ntwo" });
  expect(ann.lines()).toEqual([
    ":Bob!native@HOST PRIVMSG #lobby :\u0001ACTION sits\u0001",
    ":Bob!native@HOST PRIVMSG #lobby :one",
    ":Bob!native@HOST PRIVMSG #lobby :two",
  ]);
  bob.lines();
  expect(ann.ask("PRIVMSG Bob :\u0001VERSION\u0001")[0]).toContain(" 404 Ann Bob :");
  expect(bob.lines()).toEqual([]);
});

test("the lobby has no mode that keeps people out", () => {
  const rig = new IrcRig();
  const ann = rig.irc("Ann");
  rig.room("#lobby", ann);
  rig.order("mode lobby +o Ann");
  ann.lines();
  for (const [modes, letter] of [
    ["+k key", "k"],
    ["+l 1", "l"],
    ["+i", "i"],
    ["+s", "s"],
  ]) {
    const why = "The lobby is open to everybody: use another room";
    expect(ann.ask(`MODE #lobby ${modes}`)).toEqual([
      `:irc.test 696 Ann #lobby ${letter} * :${why}`,
    ]);
  }
  expect(ann.ask("MODE #lobby")[0]).toBe(":irc.test 324 Ann #lobby +nt");
  rig.room("#lobby", rig.irc("Ben"));
  expect(ann.lines()).toEqual([":Ben!~Ben@HOST JOIN #lobby"]);
});

test("a limit that is none is refused as such, not as missing", () => {
  const rig = new IrcRig();
  const ann = rig.irc("Ann");
  rig.room("#den", ann);
  const rule = "A limit is a number from 1 to 999999";
  for (const limit of ["0", "-1", "1000000", "two"]) {
    expect(ann.ask(`MODE #den +l ${limit}`)).toEqual([
      `:irc.test 696 Ann #den l ${limit} :${rule}`,
    ]);
  }
  expect(ann.ask("MODE #den +l")).toEqual([
    ":irc.test 696 Ann #den l * :This mode needs an argument",
  ]);
});

test("a room's operators decide who enters and speaks", () => {
  const rig = new IrcRig();
  const [ann, ben, cal] = [rig.irc("Ann"), rig.irc("Ben"), rig.irc("Cal")];
  rig.room("#den", ann, ben);
  expect(ben.ask("MODE #den +m")).toEqual([":irc.test 482 Ben #den :You're not channel operator"]);
  expect(ann.ask("MODE #den")[0]).toBe(":irc.test 324 Ann #den +nt");
  expect(ann.ask("MODE #den +mv Ben")).toEqual([":Ann!~Ann@HOST MODE #den +mv Ben"]);
  expect(ben.lines()).toEqual([":Ann!~Ann@HOST MODE #den +mv Ben"]);
  cal.send("JOIN #den");
  expect(cal.ask("PRIVMSG #den :hi")[0]).toContain(" 404 Cal #den :");
  expect(ben.ask("PRIVMSG #den :hi")).toEqual([]);
  cal.send("PART #den");
  ann.send("MODE #den -m+k key", "MODE #den +l 2");
  expect(cal.ask("JOIN #den")[0]).toContain(" 475 ");
  expect(cal.ask("JOIN #den key")[0]).toContain(" 471 ");
  ann.send("MODE #den -k *", "MODE #den -l", "MODE #den +i");
  expect(cal.ask("JOIN #den")[0]).toContain(" 473 ");
  expect(ann.ask("INVITE Cal #den")).toEqual([":irc.test 341 Ann Cal #den"]);
  expect(cal.lines()).toEqual([":Ann!~Ann@HOST INVITE Cal #den"]);
  expect(cal.ask("JOIN #den")[0]).toBe(":Cal!~Cal@HOST JOIN #den");
  ann.send("MODE #den -i", "MODE #den +b cal", "KICK #den Cal :enough");
  expect(cal.lines().at(-1)).toBe(":Ann!~Ann@HOST KICK #den Cal :enough");
  expect(cal.ask("JOIN #den")[0]).toContain(" 474 ");
  // A reason that is too long ends with a whole character.
  ann.send("MODE #den -b cal");
  cal.send("JOIN #den");
  ann.send(`KICK #den Cal :${"x".repeat(rights.maxReasonChars - 1)}😀`, "MODE #den +b cal");
  expect(cal.lines().at(-1)).toEndWith("xx");
  expect(ann.ask("MODE #den b")[0]).toMatch(/ 367 Ann #den cal!\*@\* Ann \d+$/);
  expect(ann.ask("MODE #den +x")).toEqual([":irc.test 472 Ann x :is unknown mode char to me"]);
  ann.send("MODE #den -b cal", "MODE #den +s");
  expect(cal.ask("LIST").join("\n")).not.toContain("#den");
  expect(cal.ask("WHOIS Ann").join("\n")).not.toContain("#den");
  expect(ben.ask("LIST").join("\n")).toContain("322 Ben #den 2 :");
});

test("settings of a user without an account end with the room", () => {
  const rig = new IrcRig();
  const ann = rig.irc("Ann");
  rig.room("#den", ann);
  ann.send("MODE #den +i", "TOPIC #den :tea", "PART #den");
  const ben = rig.irc("Ben");
  expect(ben.ask("JOIN #den")[1]).toBe(":irc.test 353 Ben = #den :@Ben");
  expect(ben.ask("TOPIC #den")).toEqual([":irc.test 331 Ben #den :No topic is set"]);
});

test("the topic, who set it, and who may set it", () => {
  const rig = new IrcRig();
  const [ann, ben] = [rig.irc("Ann"), rig.irc("Ben")];
  rig.room("#den", ann, ben);
  expect(ben.ask("TOPIC #den :x")[0]).toContain(" 482 ");
  expect(ann.ask("TOPIC #den :tea time")).toEqual([":Ann!~Ann@HOST TOPIC #den :tea time"]);
  expect(ben.lines()).toEqual([":Ann!~Ann@HOST TOPIC #den :tea time"]);
  const [topic, by] = ben.ask("TOPIC #den");
  expect(topic).toBe(":irc.test 332 Ben #den :tea time");
  expect(by).toMatch(/ 333 Ben #den Ann \d+$/);
  ann.send("MODE #den -t");
  expect(ben.ask("TOPIC #den :").at(-1)).toBe(":Ben!~Ben@HOST TOPIC #den :");
});

test("labels mark the answers to a line", () => {
  const rig = new IrcRig();
  const caps = "labeled-response batch echo-message message-tags";
  const ann = rig.irc("Ann", caps);
  rig.room("#den", ann);
  expect(ann.ask("@label=a PING x")).toEqual(["@label=a :irc.test PONG irc.test :x"]);
  expect(ann.ask("@label=b PONG x")).toEqual(["@label=b :irc.test ACK"]);
  expect(ann.ask("@label=c PRIVMSG #den :hi")).toEqual([
    "@label=c;msgid=ID :Ann!~Ann@HOST PRIVMSG #den :hi",
  ]);
  const whois = ann.ask("@label=d WHOIS Ann");
  const batch = /^@label=d :irc\.test BATCH \+(\w+) labeled-response$/.exec(whois[0] ?? "")?.[1];
  expect(whois.at(-1)).toBe(`:irc.test BATCH -${batch}`);
  for (const line of whois.slice(1, -1)) expect(line).toStartWith(`@batch=${batch} `);
  expect(ann.ask("@label=e NICK Ben!")).toEqual([
    "@label=e :irc.test 432 Ann Ben! :Erroneous nickname",
  ]);
});

test("a login in the middle of SASL aborts it, and goes on without", () => {
  const rig = new IrcRig();
  const client = new IrcClient(rig.client(irc, true));
  client.send("CAP REQ :sasl", "NICK Ann", "USER Ann 0 * :Ann", "AUTHENTICATE PLAIN");
  const [aborted, welcome] = client.ask("CAP END");
  expect(aborted).toBe(":irc.test 906 Ann :SASL authentication aborted");
  expect(welcome).toStartWith(":irc.test 001 Ann ");
  expect(client.ask("AUTHENTICATE +")[0]).toStartWith(":irc.test 908 Ann ");
});

test("the answers to a label that names several targets are all in its batch", () => {
  const rig = new IrcRig();
  const ann = rig.irc("Ann", "labeled-response batch echo-message message-tags");
  const ben = rig.irc("Ben");
  rig.room("#den", ann, ben);
  for (const list of ["#den,Ben,Zoe", "Ben,#den,Zoe", "Zoe,#den,Ben", "#den,#nowhere", "Zoe,Ben"]) {
    const answer = ann.ask(`@label=a PRIVMSG ${list} :hi`);
    const batch = /^@label=a :irc\.test BATCH \+(\w+) /.exec(answer[0] ?? "")?.[1];
    expect([list, answer.at(-1)]).toEqual([list, `:irc.test BATCH -${batch}`]);
    expect(answer).toHaveLength(2 + list.split(",").length);
    for (const line of answer.slice(1, -1))
      expect(line).toMatch(new RegExp(`^@batch=${batch}[ ;]`));
  }
});

test("a labelled MODE that is refused ends its answer", () => {
  const rig = new IrcRig();
  const caps = "labeled-response batch message-tags";
  const ann = rig.irc("Ann", caps);
  const ben = rig.irc("Ben", caps);
  const cat = rig.irc("Cat", caps);
  rig.room("#den", ann, ben);
  expect(cat.ask("@label=a MODE #den +m")).toEqual([
    "@label=a :irc.test 442 Cat #den :You're not on that channel",
  ]);
  expect(cat.ask("@label=b MODE #nowhere +m")).toEqual([
    "@label=b :irc.test 403 Cat #nowhere :No such channel",
  ]);
  expect(ben.ask("@label=c MODE #den +m")).toEqual([
    "@label=c :irc.test 482 Ben #den :You're not channel operator",
  ]);
  const bothRefused = ann.ask("@label=d MODE #den +ov Zoe Zoe");
  expect(bothRefused).toHaveLength(4);
  expect(bothRefused[0]).toEndWith(" labeled-response");
  for (const refusal of bothRefused.slice(1, 3)) {
    expect(refusal).toContain(" 401 Ann Zoe :No such nick/channel");
  }
  expect(bothRefused[3]).toContain(" BATCH -");
});

function idsIn(text: string): (string | undefined)[] {
  return [...text.matchAll(/msgid=([^; ]*)/g)].map(([, id]) => id);
}

test("history around a message contains it, however long the messages before it are", () => {
  const rig = new IrcRig();
  const ann = rig.irc("Ann", "batch message-tags draft/chathistory");
  rig.room("#lobby", ann);
  const bob = rig.member("Bob");
  for (let n = 1; n <= 60; n++) {
    bob.send({ type: "say", n, room: "lobby", text: "x".repeat(15_000) });
  }
  const all = idsIn(ann.client.text());
  expect(all).toHaveLength(60);
  ann.send(`CHATHISTORY AROUND #lobby msgid=${all[40]} 60`);
  const around = idsIn(ann.client.text());
  expect(around).toContain(all[40]);
  expect(around).toEqual(all.slice(all.indexOf(around[0]), all.indexOf(around.at(-1)) + 1));
});

test("history around a message, a time, and between", () => {
  const rig = new IrcRig();
  const ann = rig.irc("Ann", "batch server-time message-tags draft/chathistory echo-message");
  rig.room("#den", ann);
  for (const text of ["one", "two", "three", "four"]) {
    ann.send(`PRIVMSG #den :${text}`);
    rig.pass(1_000);
  }
  const raw = ann.client.text();
  const ids = idsIn(raw);
  const times = [...raw.matchAll(/time=([^; ]*)/g)].map(([, time]) => time);
  const asked = (what: string): string[] =>
    ann.ask(`CHATHISTORY ${what}`).flatMap((line) => / PRIVMSG #den :(.*)$/.exec(line)?.[1] ?? []);
  expect(asked("LATEST #den * 2")).toEqual(["three", "four"]);
  expect(asked(`BEFORE #den msgid=${ids[2]} 9`)).toEqual(["one", "two"]);
  expect(asked(`AFTER #den timestamp=${times[1]} 9`)).toEqual(["three", "four"]);
  expect(asked(`AROUND #den msgid=${ids[1]} 3`)).toEqual(["one", "two", "three"]);
  expect(asked(`BETWEEN #den msgid=${ids[0]} timestamp=${times[3]} 9`)).toEqual(["two", "three"]);
  expect(asked(`BETWEEN #den timestamp=${times[3]} msgid=${ids[0]} 1`)).toEqual(["three"]);
  rig.order("delete den 2");
  expect(asked("LATEST #den * 3")).toEqual([deletedText, "three", "four"]);
  expect(asked(`LATEST #den msgid=${ids[2]} 9`)).toEqual(["four"]);
  expect(ann.ask("CHATHISTORY LATEST #no * 5")[0]).toContain(" FAIL CHATHISTORY INVALID_TARGET ");
  expect(ann.ask("CHATHISTORY SOON #den * 5")[0]).toContain(" FAIL CHATHISTORY INVALID_PARAMS ");
  expect(ann.ask("CHATHISTORY LATEST #den x 5")[0]).toContain("INVALID_MSGREFTYPE");
  for (const limit of ["-5", "1.5", "0x10", "Infinity", "all"]) {
    expect(ann.ask(`CHATHISTORY AFTER #den timestamp=${times[0]} ${limit}`)).toEqual([
      ":irc.test FAIL CHATHISTORY INVALID_PARAMS AFTER #den :Not a number of messages",
    ]);
  }
});

test("history that can't be had names the command that asked for it, and why", () => {
  const store = new FailingStore();
  const rig = new IrcRig({}, store.answer);
  const ann = rig.irc("Ann", "batch draft/chathistory");
  rig.room("#den", ann);
  const before = "BEFORE #no timestamp=2026-01-01T00:00:00.000Z 5";
  expect(ann.ask(`CHATHISTORY ${before}`)[0]).toContain("INVALID_TARGET BEFORE #no :");
  ann.send("PRIVMSG #den :hi");
  store.unreadable = true;
  expect(ann.ask("CHATHISTORY LATEST #den * 5")).toEqual([
    ":irc.test FAIL CHATHISTORY MESSAGE_ERROR LATEST #den :The disk reports an error: check it",
  ]);
});

test("a moderated room keeps out tags without a text, too", () => {
  const rig = new IrcRig();
  const [ann, bob] = [rig.irc("Ann", "message-tags"), rig.irc("Bob", "message-tags")];
  rig.room("#den", ann, bob);
  ann.send("MODE #den +m");
  bob.lines();
  ann.lines();
  expect(bob.ask("@+draft/react=x TAGMSG #den")).toEqual([
    ":irc.test 404 Bob #den :The room 'den' is moderated: ask one of its operators for permission to speak",
  ]);
  expect(ann.lines()).toEqual([]);
  ann.send("MODE #den +v Bob");
  ann.lines();
  bob.send("@+draft/react=x TAGMSG #den");
  expect(ann.lines()[0]).toContain(" TAGMSG #den");
});

test("who may not speak says nothing on leaving, on removing somebody or by being away", () => {
  const rig = new IrcRig();
  const [ann, bob, cal] = [rig.irc("Ann"), rig.irc("Bob", "away-notify"), rig.irc("Cal")];
  rig.room("#den", bob, ann, cal);
  const heard = (line: string, who = ann) => {
    for (const client of [ann, bob, cal]) client.lines();
    who.send(line);
    return cal.lines();
  };
  rig.order("mute Ann");
  rig.order("mute Bob");
  expect(heard("PART #den :insult")).toEqual([":Ann!~Ann@HOST PART #den"]);
  ann.send("JOIN #den");
  expect(heard("KICK #den Ann :insult", bob)).toEqual([":Bob!~Bob@HOST KICK #den Ann :Bob"]);
  ann.send("JOIN #den");
  expect(heard("PARLEY away insult")).toEqual([]);
  expect(heard("PARLEY remove den Ann insult", bob)).toEqual([":Bob!~Bob@HOST KICK #den Ann :Bob"]);
  ann.send("JOIN #den");
  expect(heard("QUIT :insult")).toEqual([":Ann!~Ann@HOST QUIT :Quit"]);
  rig.order("unmute Bob");
  expect(heard("MODE #den +m", bob)).toHaveLength(1);
  const dan = rig.irc("Dan").send("JOIN #den");
  expect(heard("PART #den :insult", dan)).toEqual([":Dan!~Dan@HOST PART #den"]);
  expect(heard("PART #den :farewell", bob)).toEqual([":Bob!~Bob@HOST PART #den :farewell"]);
});

const numbered = (prefix: string, length: number): string[] =>
  Array.from({ length }, (_, i) => `${prefix}${i}`);

test("targets beyond the maximum are refused, whatever the command", () => {
  const rig = new IrcRig();
  const ann = rig.irc("Ann", "message-tags");
  const targets = numbered("r", limits.maxTargets + 2).join(",");
  const channels = numbered("#r", limits.maxTargets + 2).join(",");
  for (const line of [
    `JOIN ${channels}`,
    `PART ${channels}`,
    `@+typing=active TAGMSG ${channels}`,
  ]) {
    const [first, ...others] = ann.ask(line);
    expect(first).toBe(":irc.test 407 Ann #r16,#r17 :Too many targets");
    expect(others.join(" ")).not.toMatch(/#r1[67]/);
  }
  const two = ":irc.test 407 Ann r16,r17 :Too many targets";
  expect(ann.ask(`KICK #r0 ${targets}`)[0]).toBe(two);
  expect(ann.ask(`WHOIS ${targets}`)[0]).toBe(two);
});

test("MONITOR says which nicks do not fit its list, in lines that are short enough", () => {
  const rig = new IrcRig();
  const ann = rig.irc("Ann");
  const ask = (all: readonly string[]) => ann.ask(`MONITOR + ${all.join(",")}`);
  ask(numbered("a", 60));
  ask(numbered("b", 40));
  const others = numbered("n".repeat(20), 21);
  const refused = ask(others).filter((line) => line.includes(" 734 "));
  expect(refused).toHaveLength(2);
  for (const line of refused) expect(line.length).toBeLessThan(limits.maxLineBytes);
  const listed = refused.flatMap(
    (line) => / 734 Ann 100 (\S+) :/.exec(line)?.[1]?.split(",") ?? [],
  );
  expect(listed).toEqual(others);
});

test("MONITOR reports who joins and leaves, under any name", () => {
  const rig = new IrcRig();
  const ann = rig.irc("Ann");
  expect(ann.ask("MONITOR + Ben,Bob")).toEqual([":irc.test 731 Ann :Ben,Bob"]);
  const ben = rig.irc("Ben");
  expect(ann.lines()).toEqual([":irc.test 730 Ann :Ben!~Ben@HOST"]);
  ben.send("NICK Bob");
  expect(ann.lines().map((line) => line.split(" ").slice(1, 4).join(" "))).toEqual([
    "731 Ann :Ben",
    "730 Ann :Bob!~Ben@HOST",
  ]);
  ben.send("QUIT");
  expect(ann.lines()).toEqual([":irc.test 731 Ann :Bob"]);
  expect(ann.ask("MONITOR L")).toEqual([
    ":irc.test 732 Ann :Ben,Bob",
    ":irc.test 733 Ann :End of MONITOR list",
  ]);
});

test("a line that is not UTF-8, or too long, is refused, and the next one is read", () => {
  const ann = new IrcRig().irc("Ann");
  expect(ann.ask("PRIVMSG Ann :\ufffd")[0]).toContain(" FAIL PRIVMSG INVALID_UTF8 ");
  expect(ann.ask(`PRIVMSG Ann :${"a".repeat(600)}`)).toEqual([
    ":irc.test 417 Ann :Input line was too long",
  ]);
  expect(ann.ask("PING 1")).toEqual([":irc.test PONG irc.test :1"]);
});

test("members with the same capabilities share one rendering", () => {
  expect(irc.variant?.("tm")).toBe(irc.variant?.("mt"));
  expect(irc.variant?.("tmm!?")).toBe(irc.variant?.("tm"));
  expect(irc.variant?.("")).toBe(irc);
});

test("capabilities requested in a room apply from the next line on", () => {
  const rig = new IrcRig();
  const [ann, ben] = [rig.irc("Ann"), rig.irc("Ben")];
  rig.room("#den", ann, ben);
  ann.send("PRIVMSG #den :1");
  ben.send("CAP REQ :server-time");
  ann.send("PRIVMSG #den :2");
  ben.send("CAP REQ :-server-time");
  ann.send("PRIVMSG #den :3");
  expect(ben.lines().filter((line) => line.includes("PRIVMSG"))).toEqual([
    ":Ann!~Ann@HOST PRIVMSG #den :1",
    "@time=T :Ann!~Ann@HOST PRIVMSG #den :2",
    ":Ann!~Ann@HOST PRIVMSG #den :3",
  ]);
  ben.send("PART #den");
  ann.send("PART #den");
  expect(rig.hub.isRoomInUse("den")).toBe(false);
});

test("mutes and bans of the server apply here too", () => {
  const rig = new IrcRig();
  const ann = rig.irc("Ann", "", "198.51.100.7");
  rig.room("#den", ann);
  rig.order("mute Ann --for 1h loud");
  expect(ann.ask("PRIVMSG #den :hi")[0]).toMatch(/ 404 Ann #den :You are muted until .*: loud$/);
  rig.order("ban Ann");
  expect(ann.lines()[0]).toMatch(/^ERROR :Closing Link: You are banned/);
  const again = new IrcClient(rig.client(irc, true, "198.51.100.7"));
  rig.pass(100);
  expect(again.lines()[0]).toMatch(/^:irc\.test 465 \* :You are banned/);
});

test("an answer that is too large says that it is cut", () => {
  const rig = new IrcRig();
  const ann = rig.irc("Ann");
  expect(ann.ask("NAMES #a,#b")[0]).toBe(":irc.test 407 Ann #b :Too many targets");
  const codes = (line: string) => {
    const all = ann.ask(line).map((one) => one.split(" ")[1]);
    return { found: all.indexOf("315"), isCut: all.includes("416") };
  };
  for (let i = 1; i < people.maxFound; i++) rig.member(`p${i}`, { rooms: [] });
  expect(codes("WHO *")).toEqual({ found: people.maxFound, isCut: false });
  rig.member("last", { rooms: [] });
  expect(codes("WHO *")).toEqual({ found: people.maxFound + 1, isCut: true });
});

test("somebody is in the rooms of all devices, whichever logged in last", () => {
  const rig = new IrcRig();
  const password = "correct horse";
  owner(rig, "Ann", "desk", { rooms: [{ room: "den" }, { room: "lobby" }] }).send({
    type: "set-password",
    password,
  });
  const phone = rig.member("Ann", { password, rooms: [] });
  const bob = rig.irc("Bob").send("JOIN #den,#lobby");
  phone.text();
  expect(bob.ask("WHOIS Ann").find((line) => line.includes(" 319 "))).toContain("#den");
  const cal = rig.member("Cal");
  cal.send({ type: "tell", to: ["ALL", "Ann"], text: "hi" });
  expect(phone.text()).not.toContain('"private"');
});

test("a nick is the client's own, and named once, under any spelling of the name", () => {
  const rig = new IrcRig();
  const ann = rig.irc("Strauß");
  expect(ann.ask("MODE STRAUSS +B")).toEqual([":Strauß!~Strauß@HOST MODE Strauß +B"]);
  const bob = rig.irc("Bob").send("PRIVMSG Strauß,strauss,STRAUSS :hi");
  expect(bob.lines()).toEqual([]);
  expect(ann.lines()).toEqual([":Bob!~Bob@HOST PRIVMSG Strauß :hi"]);
  expect(bob.ask("WHOIS Groß,GROSS")[0]).toContain(" 401 Bob Groß ");
});

test("WHO and LIST compare with masks as names are compared", () => {
  const rig = new IrcRig();
  rig.irc("Strauß").send("JOIN #Gießen");
  const bob = rig.irc("Bob");
  const count = (line: string, what: RegExp) =>
    bob.ask(line).filter((answer) => what.test(answer)).length;
  for (const mask of ["Strauß", "STRAUSS", "strau?s", "ＳＴＲＡＵＳＳ!*@*", "Stra*"]) {
    expect([mask, count(`WHO ${mask}`, / 352 .* Strauß /)]).toEqual([mask, 1]);
  }
  expect(count("WHO Straus", / 352 /)).toBe(0);
  for (const mask of ["#Gießen", "#GIESSEN", "#gie*"]) {
    expect([mask, count(`LIST ${mask}`, / 322 /)]).toEqual([mask, 1]);
  }
  expect(count("LIST !#Gießen", / 322 .*#giessen/)).toBe(0);
  bob.send("JOIN #Kiel");
  expect(count("LIST #Gießen,#kiel", / 322 /)).toBe(2);
  expect(count("LIST #kiel,nowhere", / 322 /)).toBe(1);
  expect(count("LIST #gie*,#kiel,!#kiel", / 322 /)).toBe(1);
  expect(count("LIST #gie*,#kiel,>1", / 322 /)).toBe(0);
  expect(count("LIST <few", / 322 /)).toBe(0);
});

test("somebody who registers their name is shown with the account at once", () => {
  const rig = new IrcRig();
  const bob = rig.irc("Bob", "account-notify").send("JOIN #lobby");
  const ann = rig.member("Ann");
  bob.lines();
  ann.send({ type: "register", label: "", password: "correct horse", ref: 1 });
  expect(bob.lines()).toEqual([":Ann!native@HOST ACCOUNT Ann"]);
  expect(bob.ask("WHOIS Ann")).toContain(":irc.test 330 Bob Ann Ann :is logged in as");
});

test("another server that a command asks is not there", () => {
  const bob = new IrcRig().irc("Bob");
  for (const command of ["ADMIN", "INFO", "MOTD", "TIME", "VERSION", "LUSERS *", "STATS u"]) {
    const here = bob.ask(command);
    expect(here.length).toBeGreaterThan(0);
    for (const target of ["IRC.test", "*.test", "i??.*", "bob", ":"]) {
      expect(bob.ask(`${command} ${target}`)).toEqual(here);
    }
    for (const target of ["irc.tes", "*.example", "Ann", "b?b"]) {
      expect(bob.ask(`${command} ${target}`)).toEqual([
        `:irc.test 402 Bob ${target} :No such server`,
      ]);
    }
  }
});

test("what a client asked for with a space is not repeated as two words", () => {
  const bob = new IrcRig().irc("Bob");
  const cases = [
    ["WHOIS :a b", "318 Bob * :End of /WHOIS list"],
    ["WHO ::ab", "315 Bob * :End of WHO list"],
    ["JOIN :#a b", "403 Bob * :No such channel"],
    ["NICK :a b", "432 Bob * :Erroneous nickname"],
    ["INFO :a b", "402 Bob * :No such server"],
    ["HELP :a b", "524 Bob * :No help available on this topic"],
  ] as const;
  for (const [asked, answer] of cases) expect(bob.ask(asked).at(-1)).toBe(`:irc.test ${answer}`);
});

test("many changes of a room are told in lines that a client can read", () => {
  const rig = new IrcRig();
  const watcher = rig.irc("Wim", "server-time");
  rig.room("#den", watcher);
  owner(rig, "Ann", "desk");
  const names = Array.from({ length: 20 }, (_, i) => `${"ж".repeat(20)}${i}`);
  for (const [i, name] of names.entries()) {
    withKey(rig, name, "desk", { rooms: [{ room: "den" }], secret: `connection-${i}-secret` });
  }
  watcher.lines();
  rig.order("op Ann");
  const lines = watcher.lines();
  for (const line of lines) {
    const [, rest = ""] = /^@time=T (:irc\.test MODE #den [+]o+ .*)$/.exec(line) ?? [];
    expect(rest).not.toBe("");
    expect(Buffer.byteLength(rest)).toBeLessThanOrEqual(limits.maxLineBytes - 2);
  }
  expect(lines.flatMap((line) => line.split(" ").slice(5))).toEqual(names);
});

// One room over real sockets: 200 users in five dialects who all talk at the same time.

import { expect, test } from "bun:test";
import { RawClient, DialectServer } from "./sockets.ts";

const perDialect = 40;
const messagesEach = 20;
const total = 5 * perDialect * messagesEach;

type Heard = { from: string; text: string };

/** How a client of a dialect logs in and talks, and how its lines are read. */
type PortProtocol = {
  port: string;
  login: (name: string) => string;
  say: (text: string, n: number) => string;
  read: (line: string) => Heard | undefined;
  /** Whether a line shows that everyone has joined. */
  complete: (line: string, people: number) => boolean;
  echo: boolean;
};

const colon = (line: string): Heard | undefined => {
  const [, from, text] = /^(\w+): (.*)$/.exec(line) ?? [];
  return from === undefined || text === undefined ? undefined : { from, text };
};

const speeches: PortProtocol[] = [
  {
    port: "open-chat",
    login: (name) => `${name}\n`,
    say: (text) => `${text}\n`,
    read: colon,
    complete: (line, people) => line.startsWith("ALL ") && line.split(" ").length === people + 1,
    echo: true,
  },
  {
    port: "chat-room",
    login: (name) => `:${name}:${name}\n`,
    say: (text) => `${text}\n`,
    read(line) {
      const [, from, text] = /^:(\w+):(.*)$/.exec(line) ?? [];
      return from === undefined || text === undefined ? undefined : { from, text };
    },
    complete: () => false,
    echo: true,
  },
  {
    port: "line-chat",
    login: (name) => `${name}\n`,
    say: (text) => `${text}\n`,
    read: colon,
    complete: () => false,
    echo: false,
  },
  {
    port: "select-chat",
    login: (name) => `${name}\n`,
    say: (text) => `ALL - ${text}\n`,
    read(line) {
      const [, from, text] = /^(\w+) : ALL - (.*)$/.exec(line) ?? [];
      return from === undefined || text === undefined ? undefined : { from, text };
    },
    complete: (line, people) => line.startsWith("__users__ ") && line.split(",").length === people,
    echo: false,
  },
  {
    port: "main",
    login: (name) => `${JSON.stringify({ type: "hello", version: 2, name })}\n`,
    say: (text, n) => `${JSON.stringify({ type: "say", n, text })}\n`,
    read(line) {
      const { type, from, text } = JSON.parse(line) as Heard & { type: string };
      if (type === "ack" || type === "ping") return { from: "", text: "" };
      return type === "message" ? { from, text } : undefined;
    },
    complete: () => false,
    echo: true,
  },
];

type Member = { name: string; protocol: PortProtocol; client: RawClient; from: number };

function linesOf(member: Member): string[] {
  return member.client.all.slice(member.from).split("\n").slice(0, -1).filter(Boolean);
}

async function enter(server: DialectServer): Promise<Member[]> {
  const members: Member[] = [];
  for (const protocol of speeches) {
    for (let i = 0; i < perDialect; i++) {
      const name = `${protocol.port.replace("-", "_")}_${i}`;
      const client = await RawClient.connect(server.port(protocol.port));
      client.send(protocol.login(name));
      members.push({ name, protocol, client, from: 0 });
    }
  }
  for (const { protocol, client } of members) {
    // The last list names everyone.
    const hasLists = protocol.port === "open-chat" || protocol.port === "select-chat";
    const whole = () =>
      client.all
        .slice(-16_384)
        .split("\n")
        .some((line) => protocol.complete(line, members.length));
    const last = `main_${perDialect - 1}`;
    await client.until(() => (hasLists ? whole() : client.all.includes(last)), "everybody");
  }
  for (const member of members) member.from = member.client.all.length;
  return members;
}

test("200 users in five dialects all talk at the same time: everyone hears each message once, in order", async () => {
  await using server = await DialectServer.start();
  const members = await enter(server);
  for (const { name, protocol, client } of members) {
    const all = Array.from({ length: messagesEach }, (_, k) => protocol.say(`${name} ${k}`, k + 1));
    client.send(all.join(""));
  }
  let order: string[] | undefined;
  for (const member of members) {
    const expected = member.protocol.echo ? total : total - messagesEach;
    const read = () => linesOf(member).map(member.protocol.read);
    const lastText = () => read().filter((heard) => heard?.from !== "").length >= expected;
    await member.client.until(lastText, `${expected} messages for ${member.name}`);
    const heard = read().filter((one) => one?.from !== "");
    // A line that is not a message would be read as undefined.
    expect([member.name, heard.length, heard.includes(undefined)]).toEqual([
      member.name,
      expected,
      false,
    ]);
    const texts = heard.flatMap((one) => (one?.text.startsWith(`${one.from} `) ? [one.text] : []));
    order ??= texts;
    const mine = member.protocol.echo
      ? order
      : order.filter((text) => !text.startsWith(`${member.name} `));
    expect(Bun.hash(texts.join("\n"))).toBe(Bun.hash(mine.join("\n")));
  }
  expect(new Set(order).size).toBe(total);
  for (const { client } of members) client.abort();
}, 180_000);

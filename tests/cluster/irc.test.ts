// IRC clients at two servers of one database: channels, operators, invitations, presence, with the
// database's own commits and notifications.

import { expect } from "bun:test";
import { skipUnless } from "../skip.ts";
import { hasPostgres, withoutPostgres } from "../store/postgres/cluster.ts";
import { Setting } from "./setting.ts";
import { Wire } from "./wire.ts";

const withPostgres = skipUnless(hasPostgres, withoutPostgres);
const caps = "away-notify extended-join multi-prefix message-tags setname";

withPostgres(
  "IRC works across servers, until one of them dies",
  async () => {
    await using setting = await Setting.start(2);
    const [east = 0, west = 0] = setting.ports;
    using ann = await Wire.irc(east, "Ann", "#room", caps);
    ann.send("MONITOR + Ben,Cal", "MODE #room +t");
    await ann.until(/ 731 .*Ben/);
    using ben = await Wire.irc(west, "Ben", "#room", caps);
    const [, joined] = await ann.untilAll(/ 730 .*Ben!~ben@/, /JOIN #room/);
    expect(joined).toMatch(/^(@\S+ )?:Ben!~ben@\S+\.parley JOIN #room \* :Ben Real$/);

    ann.send("MODE #room +v Ben", "AWAY :lunch");
    // The rank is given by Ben's own server.
    await ben.until(/:Ann!~ann@\S+ AWAY :lunch/);
    await ben.until(/:Ann!~ann@\S+ MODE #room \+v Ben/);
    ben.send("PRIVMSG Ann :there?");
    await ben.until(/ 301 Ben Ann :?lunch/);
    await ann.until(/:Ben!~ben@\S+ PRIVMSG Ann :there\?/);
    ben.send("WHO #room");
    await ben.until(/ 352 Ben #room ~ann \S+\.parley \S+ Ann G@ :0 Ann Real/);
    ben.send("WHOIS Ann");
    await ben.until(/ 311 Ben Ann ~ann \S+\.parley \* :Ann Real/);
    await ben.until(/ 319 Ben Ann :@#room/);
    await ben.until(/ 318 /);
    ben.send("@+typing=active TAGMSG #room");
    await ann.until(/typing=active.*:Ben!\S+ TAGMSG #room/);

    using cal = await Wire.irc(west, "Cal", undefined, caps);
    await ann.until(/ 730 .*Cal!/);
    ann.send("MODE #room +i", "INVITE Cal #room");
    await cal.until(/:Ann!~ann@\S+ INVITE Cal #room/);
    cal.send("JOIN #room");
    await cal.until(/ 353 .*@Ann/);
    await ann.until(/:Cal!\S+ JOIN #room/);
    ann.send("KICK #room Cal :enough");
    await cal.until(/:Ann!~ann@\S+ KICK #room Cal :enough/);
    await ben.until(/:Ann!~ann@\S+ KICK #room Cal :enough/);
    cal.send("JOIN #room");
    await cal.until(/ 473 /);
    cal.send("LIST");
    await cal.until(/ 322 Cal #room 2 /);

    await setting.servers[1]?.kill();
    await ann.untilAll(/:Ben!~ben@\S+ QUIT/, / 731 .*Ben/, / 731 .*Cal/);
  },
  180_000,
);

const idOf = (line: string): string => /msgid=([^; ]+)/.exec(line)?.[1] ?? "";

/** The IDs of the two messages of the conversation below. */
async function history(client: Wire, other: string): Promise<string[]> {
  client.send(`CHATHISTORY LATEST ${other} * 9`);
  await client.until(new RegExp(` BATCH \\+\\w+ chathistory ${other}`));
  const one = await client.until(/ PRIVMSG Ben :one/);
  const two = await client.until(/ PRIVMSG Ann :two/);
  await client.until(/ BATCH -/);
  return [idOf(one), idOf(two)];
}

withPostgres(
  "a private conversation is the same at both servers, and still there when one of them has died",
  async () => {
    await using setting = await Setting.start(2);
    const [east = 0, west = 0] = setting.ports;
    const password = "correct horse battery";
    const tags = "batch server-time message-tags draft/chathistory echo-message";
    for (const [port, name] of [
      [east, "Ann"],
      [west, "Ben"],
    ] as const) {
      using owner = await Wire.native(port, name);
      owner.send({ type: "register", label: "x", password, ref: 1 });
      await owner.until(/"type":"registered"/);
    }
    using ann = await Wire.irc(east, "Ann", undefined, tags, password);
    using ben = await Wire.irc(west, "Ben", undefined, tags, password);
    const ids: string[] = [];
    for (const [from, to, nick, text] of [
      [ann, ben, "Ben", "one"],
      [ben, ann, "Ann", "two"],
    ] as const) {
      from.send(`PRIVMSG ${nick} :${text}`);
      ids.push(idOf(await from.until(new RegExp(` PRIVMSG ${nick} :${text}`))));
      expect(idOf(await to.until(new RegExp(` PRIVMSG ${nick} :${text}`)))).toBe(ids.at(-1)!);
    }
    expect(await history(ann, "Ben")).toEqual(ids);
    expect(await history(ben, "ann")).toEqual(ids);
    await setting.servers[1]?.kill();
    expect(await history(ann, "Ben")).toEqual(ids);
    using again = await Wire.irc(east, "Ben", undefined, tags, password);
    expect(await history(again, "Ann")).toEqual(ids);
  },
  180_000,
);

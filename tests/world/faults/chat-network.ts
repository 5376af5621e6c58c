// Chatting during network problems: a name server or a route that disappears, an address that
// changes.

import assert from "node:assert/strict";
import { NameServer } from "../bed/name-server.ts";
import { type Host, Network } from "../bed/network.ts";
import { Person } from "../bed/person.ts";
import { parley, type Process } from "../bed/process.ts";
import type { Scope } from "../bed/scope.ts";
import { chatPort, TestServer } from "../bed/server.ts";
import { SteadySocket } from "../bed/steady-socket.ts";
import { world } from "../bed/tests.ts";
import { timed } from "../bed/wait.ts";
import { noteTime } from "../../times.ts";

type Bed = { host: Host; client: Host; server: TestServer; bob: Person };

async function bed(scope: Scope, options: { data?: boolean } = {}): Promise<Bed> {
  const network = new Network(scope);
  const host = network.host("server");
  const client = network.host("client");
  const flags = options.data === true ? ["--data", scope.folder("chat.db")] : [];
  const server = await TestServer.start(scope, host.space, { flags });
  const bob = await Person.login(network.host("work").space, host.address(), { name: "Bob" });
  return { host, client, server, bob };
}

/** `parley client` in a pipe, which sends every typed line and stays online. */
function pipe(scope: Scope, { client }: Bed, server: string): Process {
  const words = ["client", `${server}:${chatPort}`, "--name", "Ann", "--follow"];
  return parley(scope, words, { space: client.space });
}

const heard = (bob: Person, text: string): Promise<void> =>
  bob.until(() => bob.texts.includes(text), `the words ${text}`);

world(
  "a client comes back when the server restarts while its name can't be resolved",
  { needs: ["network"], slow: true },
  async (scope) => {
    const all = await bed(scope, { data: true });
    const { host, client, server } = all;
    const spaces = [client.space];
    const names = await NameServer.start(scope, host.space, host.address(), host.address(), spaces);
    const ann = pipe(scope, all, "chat.example");
    ann.type("one\n");
    await heard(all.bob, "one");
    names.isAway = true;
    await server.kill();
    ann.type("two\n");
    await Bun.sleep(3_000);
    await server.start();
    await Bun.sleep(3_000);
    assert.ok(!ann.hasEnded, ann.output);
    const bob = await Person.login(host.space, host.address(), { name: "Cal" });
    names.isAway = false;
    ann.type("three\n");
    await heard(bob, "three");
    const said = (await bob.history()).map(({ text }) => text);
    assert.deepEqual(said, ["one", "two", "three"]);
  },
);

world(
  "a command that can't connect says whether the network, a name server or the host is missing",
  { needs: ["network"] },
  async (scope) => {
    const { client, host } = await bed(scope);
    const spaces = [client.space];
    const names = await NameServer.start(scope, host.space, host.address(), host.address(), spaces);
    names.isAway = true;
    const said = async (...words: string[]): Promise<string> => {
      const one = parley(scope, words, { space: client.space });
      assert.equal(await one.exit(), 3, one.output);
      return one.output;
    };
    for (const words of [
      ["fetch-file", "--list", "--server"],
      ["doctor"],
      ["classic", "greeting"],
    ]) {
      assert.match(await said(...words, "chat.example:5"), /no name server answers/);
    }
    const quiet = client.address().replace(/\d+$/, "250");
    assert.match(await said("client", `${quiet}:5`, "--plain"), /or the host is not there/);
    client.removeRoute();
    for (const words of [["client"], ["fetch-file", "--list", "--server"], ["doctor"]]) {
      assert.match(await said(...words, "192.0.2.1:5"), /network unreachable/);
    }
  },
);

world(
  "what a client says without a route is said once, when the route is back",
  { needs: ["network"], slow: true },
  async (scope) => {
    const all = await bed(scope);
    const ann = pipe(scope, all, all.host.address());
    ann.type("one\n");
    await heard(all.bob, "one");
    all.client.removeRoute();
    ann.type("two\n");
    await Bun.sleep(40_000);
    ann.type("three\n");
    all.client.addRoute();
    await heard(all.bob, "three");
    assert.deepEqual(all.bob.texts, ["one", "two", "three"]);
  },
);

world(
  "a client whose address changes is the same person",
  { needs: ["network"], slow: true },
  async (scope) => {
    const all = await bed(scope);
    const ann = pipe(scope, all, all.host.address());
    ann.type("one\n");
    await heard(all.bob, "one");
    all.client.changeAddress(0, 1);
    ann.type("two\n");
    noteTime("the same person again", await timed(() => heard(all.bob, "two")), 25_000);
    all.bob.send({ type: "tell", to: ["Ann"], text: "psst" });
    await ann.says("psst");
    assert.deepEqual(all.bob.texts, ["one", "two"]);
  },
);

/** Whether Bob has been told that Ann has come, or left. */
const toldOfAnn = (bob: Person, type: "joined" | "left"): boolean =>
  bob.lines.some((line) => line.type === type && line["name"] === "Ann");

world(
  "a user of an old program whose machine vanishes soon leaves a busy room",
  { needs: ["network"], slow: true },
  async (scope) => {
    const { host, client, bob } = await bed(scope);
    const ann = await SteadySocket.connect(client.space, host.address(), chatPort);
    ann.write("Ann\n");
    await bob.until(() => toldOfAnn(bob, "joined"), "Ann");
    client.removeRoute();
    const leaving = bob.until(() => toldOfAnn(bob, "left"), "Ann's departure");
    // TCP has something to resend all the time.
    const talk = setInterval(() => bob.send({ type: "say", text: "tick" }), 1_000);
    const goneMs = await timed(() => leaving).finally(() => clearInterval(talk));
    noteTime("a vanished machine is noticed", goneMs, 90_000);
  },
);

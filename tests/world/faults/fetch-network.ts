// Fetching during network problems: machines with several addresses, routes and name servers that
// disappear, addresses that change, packets that are too large, and firewalls.

import assert from "node:assert/strict";
import { join } from "node:path";
import { Fetch } from "../bed/fetch.ts";
import { sha256OfFile, writeNoise } from "../bed/files.ts";
import { HttpConnection } from "../bed/http.ts";
import { NameServer } from "../bed/name-server.ts";
import { Namespace } from "../bed/namespace.ts";
import { type Host, Network } from "../bed/network.ts";
import { Person } from "../bed/person.ts";
import { parley } from "../bed/process.ts";
import type { Scope } from "../bed/scope.ts";
import { TestServer } from "../bed/server.ts";
import { world } from "../bed/tests.ts";
import { timed } from "../bed/wait.ts";
import { noteTime } from "../../times.ts";

const MiB = 1024 * 1024;

type Bed = { host: Host; client: Host; server: TestServer; sha256: string; to: string };

/** A server with `big`, of that many MiB, and a client. */
async function bed(
  scope: Scope,
  mib: number,
  options: { addresses?: number; flags?: string[] } = {},
) {
  const network = new Network(scope);
  const host = network.host("server", options.addresses);
  const client = network.host("client");
  const flags = options.flags ?? [];
  const server = await TestServer.start(scope, host.space, { address: "::", flags });
  const sha256 = writeNoise(join(server.files, "big"), mib);
  return { host, client, server, sha256, to: scope.folder("fetched") } satisfies Bed;
}

function assertFetched({ sha256, to }: Bed, fetching: Fetch): void {
  assert.equal(sha256OfFile(to), sha256, "the file");
  assert.ok(fetching.last("done") !== undefined, fetching.process.output);
}

for (const family of ["IPv4", "IPv6"] as const) {
  world(
    `every address of a server gives files and answers datagrams, over ${family}`,
    { needs: ["network"] },
    async (scope) => {
      const flags = ["--listen", "date-time=13000", "--listen", "greeting=13001"];
      const all = await bed(scope, 4, { addresses: 3, flags });
      for (const index of [0, 1, 2]) {
        const address = family === "IPv4" ? all.host.address(index) : all.host.address6(index);
        const to = `${all.to}${index}`;
        const fetching = new Fetch(scope, all.client.space, address, "big", to);
        assert.equal(await fetching.exit(), 0, fetching.process.output);
        assertFetched({ ...all, to }, fetching);
        const written = family === "IPv4" ? address : `[${address}]`;
        for (const [small, port, extra] of [
          ["date-time", 13000, ["--count", "1"]],
          ["greeting", 13001, ["--udp"]],
        ] as const) {
          const words = ["classic", small, `${written}:${port}`, ...extra];
          const asking = parley(scope, words, { space: all.client.space });
          asking.type("time\n");
          asking.endInput();
          assert.equal(await asking.exit(), 0, `${small} at ${address}: ${asking.output}`);
          assert.notEqual(asking.stdout.trim(), "", `${small} at ${address} said nothing`);
        }
      }
    },
  );
}

world(
  "a fetch goes on after 40 s without a route",
  { needs: ["network"], slow: true },
  async (scope) => {
    const all = await bed(scope, 16);
    const flags = ["--limit-rate", "2M"];
    const fetching = new Fetch(scope, all.client.space, all.host.address(), "big", all.to, flags);
    await fetching.hasReceived(2 * MiB);
    all.client.removeRoute();
    await Bun.sleep(40_000);
    all.client.addRoute();
    assert.equal(await fetching.exit(), 0, fetching.process.output);
    assertFetched(all, fetching);
  },
);

world(
  "a fetch goes on when the server restarts while its name can't be resolved",
  { needs: ["network"], slow: true },
  async (scope) => {
    const all = await bed(scope, 16);
    const { host, client } = all;
    const spaces = [client.space];
    const names = await NameServer.start(scope, host.space, host.address(), host.address(), spaces);
    const flags = ["--limit-rate", "2M"];
    const fetching = new Fetch(scope, client.space, "files.example", "big", all.to, flags);
    await fetching.hasReceived(2 * MiB);
    names.isAway = true;
    await all.server.kill();
    await Bun.sleep(3_000);
    await all.server.start();
    await Bun.sleep(3_000);
    names.isAway = false;
    assert.equal(await fetching.exit(), 0, fetching.process.output);
    assertFetched(all, fetching);
  },
);

world(
  "a name server that takes 3 s for each answer only delays a fetch, also when the server restarts",
  { needs: ["network"], slow: true },
  async (scope) => {
    const all = await bed(scope, 8);
    const { host, client } = all;
    const spaces = [client.space];
    const words = [scope, host.space, host.address(), host.address(), spaces] as const;
    const names = await NameServer.start(...words, 5);
    names.delayMs = 3_000;
    const flags = ["--limit-rate", "2M"];
    const fetching = new Fetch(scope, client.space, "files.example", "big", all.to, flags);
    const waitMs = await timed(() => fetching.hasReceived(MiB));
    noteTime("the beginning of a fetch", waitMs, 8_000);
    await all.server.kill();
    await all.server.start();
    assert.equal(await fetching.exit(), 0, fetching.process.output);
    assertFetched(all, fetching);
  },
);

world(
  "a fetch goes on after the client's address has changed",
  { needs: ["network"], slow: true },
  async (scope) => {
    const all = await bed(scope, 16);
    const flags = ["--limit-rate", "2M"];
    const fetching = new Fetch(scope, all.client.space, all.host.address(), "big", all.to, flags);
    await fetching.hasReceived(2 * MiB);
    all.client.changeAddress(0, 1);
    const { receivedBytes } = fetching;
    const silentMs = await timed(() => fetching.hasReceived(receivedBytes + 2 * MiB));
    noteTime("2 MiB after a change of address", silentMs, 8_000);
    assert.equal(await fetching.exit(), 0, fetching.process.output);
    assertFetched(all, fetching);
  },
);

for (const family of ["IPv4", "IPv6"] as const) {
  world(
    `files, chat and page come through where large packets vanish without a word, over ${family}`,
    { needs: ["network", "iptables"] },
    async (scope) => {
      const all = await bed(scope, 16);
      const { host, client } = all;
      const address = family === "IPv4" ? host.address() : host.address6();
      const ann = await Person.login(host.space, address, { name: "Ann" });
      for (let i = 0; i < 40; i++) await ann.say(`${i} `.padEnd(4_000, "word "));
      client.makeMtuHole(1_280);
      const fetching = new Fetch(scope, client.space, address, "big", all.to);
      assert.equal(await fetching.exit(), 0, fetching.process.output);
      assertFetched(all, fetching);
      const bob = await Person.login(client.space, address, { name: "Bob" });
      const history = await bob.history("lobby", 40);
      assert.equal(history.length, 40);
      await bob.say("words ".repeat(2_000));
      const page = await HttpConnection.open(client.space, address);
      const { status, body } = await page.request("/files/big");
      assert.deepEqual([status, body.length > 0], [200, true]);
    },
  );
}

for (const [how, rule] of [
  ["dropped", ["-j", "DROP"]],
  ["refused", ["-j", "REJECT"]],
] as const) {
  world(
    `where UDP is ${how} on the way, a fetch names the firewall`,
    { needs: ["network", "iptables"] },
    async (scope) => {
      const all = await bed(scope, 1);
      all.client.block("-p", "udp", ...rule);
      const fetching = new Fetch(scope, all.client.space, all.host.address(), "big", all.to);
      const named = (): Promise<void> => fetching.process.says(/firewall/i);
      noteTime(`the word of UDP ${how}`, await timed(named), how === "refused" ? 10_000 : 15_000);
    },
  );
}

world(
  "where UDP stays blocked, a fetch says so, and the file comes over the control connection",
  { needs: ["network", "iptables"], slow: true },
  async (scope) => {
    const all = await bed(scope, 16);
    all.client.block("-p", "udp", "-j", "DROP");
    const fetching = new Fetch(scope, all.client.space, all.host.address(), "big", all.to);
    assert.equal(await fetching.exit(), 0, fetching.process.output);
    assertFetched(all, fetching);
    assert.match(String(fetching.last("fallback")?.["reason"]), /firewall/i);
  },
);

world(
  "--host 0.0.0.0 prints join lines that others can use",
  { needs: ["network"] },
  async (scope) => {
    const network = new Network(scope);
    const host = network.host("server", 2);
    await host.isUp();
    const server = await TestServer.start(scope, host.space);
    await server.process.says("client");
    const { stdout, stderr } = server.process;
    const lines = `${stdout}${stderr}`.split("\n");
    const joins = lines.filter((line) => /parley client|http:\/\//.test(line));
    assert.ok(joins.length > 0, server.process.output);
    const useful = joins.filter((line) => line.includes(host.address()));
    assert.ok(useful.length > 0, `no line names ${host.address()}: ${joins.join("\n")}`);
  },
);

/** Connects two hosts directly: `10.78.SUBNET.1` and `.2`. */
function cable(one: Namespace, other: Namespace, subnet: number): void {
  const nic = `lan${subnet}`;
  one.ip("link", "add", nic, "type", "veth", "peer", "name", nic, "netns", other.name);
  for (const [i, space] of [one, other].entries()) {
    space.ip("addr", "add", `10.78.${subnet}.${i + 1}/24`, "dev", nic);
    space.ip("link", "set", nic, "up");
  }
}

world(
  "files by code are found in every network of the sender, also in one without a router",
  { needs: ["network"] },
  async (scope) => {
    const sender = new Namespace(scope, "sender");
    for (const subnet of [1, 2]) {
      const guest = new Namespace(scope, `guest${subnet}`);
      cable(sender, guest, subnet);
      const given = scope.folder("given");
      const sha256 = writeNoise(given, 1);
      const sending = parley(scope, ["send-file", given], { space: sender });
      await sending.says(/parley fetch-file --code \S+/);
      const code = /parley fetch-file --code (\S+)/.exec(sending.output)?.[1] ?? "";
      const to = scope.folder(`fetched${subnet}`);
      const words = ["fetch-file", "--code", code, "--output", to];
      const fetching = parley(scope, words, { space: guest });
      assert.equal(await fetching.exit(), 0, fetching.output);
      assert.equal(sha256OfFile(to), sha256, "the file");
      assert.equal(await sending.exit(), 0, sending.output);
    }
  },
);

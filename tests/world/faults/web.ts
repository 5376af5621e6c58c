// The web port: behind a proxy, from other origins, with other methods; and what unauthenticated
// clients receive.

import assert from "node:assert/strict";
import { Network } from "../bed/network.ts";
import { HttpConnection, httpGet } from "../bed/http.ts";
import { Namespace } from "../bed/namespace.ts";
import { Person } from "../bed/person.ts";
import { serverHasFlag } from "../bed/process.ts";
import type { Scope } from "../bed/scope.ts";
import { TestServer, webPort } from "../bed/server.ts";
import { world } from "../bed/tests.ts";

const here = "127.0.0.1";

const upgrade = {
  Upgrade: "websocket",
  Connection: "Upgrade",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
} as const;

/** The status of a WebSocket handshake; its connection stays open until the test ends. */
async function webSocket(
  scope: Scope,
  space: Namespace,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  const connection = await HttpConnection.open(space, here);
  scope.defer(() => connection.cut());
  return (await connection.request("/ws", { ...upgrade, ...headers })).status;
}

world(
  "a page of another port of the same host may not open a WebSocket",
  { needs: ["network"] },
  async (scope) => {
    const space = new Namespace(scope, "one");
    await TestServer.start(scope, space, { address: here });
    for (const [host, origin, status] of [
      [here, `http://${here}`, 101],
      [`${here}:8000`, `http://${here}:8000`, 101],
      [`${here}:443`, `https://${here}`, 101],
      [`${here}:443`, `http://${here}:80`, 403],
      [`${here}:443`, `http://${here}`, 403],
      [`${here}:80`, `https://${here}`, 403],
      [`${here}:8000`, `http://${here}:8001`, 403],
      [here, "null", 403],
    ] as const) {
      const answer = await webSocket(scope, space, { Host: host, Origin: origin });
      assert.equal(answer, status, `Origin ${origin} with Host ${host}`);
    }
  },
);

/** The flags recommended by docs/web.md, as far as the binary has them. */
const proxyFlags = (): string[] =>
  serverHasFlag("--public-url")
    ? ["--public-url", "https://chat.example", "--trusted-proxy", here]
    : [];

world(
  "behind a reverse proxy the page and its WebSocket work, with Host passed on or not",
  { needs: ["network"] },
  async (scope) => {
    const space = new Namespace(scope, "one");
    await TestServer.start(scope, space, { address: here, flags: proxyFlags() });
    const origin = { Origin: "https://chat.example", "X-Forwarded-For": "192.0.2.7" };
    const page = await httpGet(space, here, "/", { Host: "chat.example" });
    assert.equal(page.status, 200, "the page, with Host passed on");
    const passed = await webSocket(scope, space, { ...origin, Host: "chat.example" });
    assert.equal(passed, 101, "the WebSocket, with Host passed on");
    const rewritten = await webSocket(scope, space, { ...origin, Host: `${here}:${webPort}` });
    assert.equal(rewritten, 101, "the WebSocket, with Host rewritten");
    const foreign = { ...origin, Origin: "https://evil.example", Host: "chat.example" };
    assert.equal(await webSocket(scope, space, foreign), 403, "a foreign page");
  },
);

world(
  "behind a reverse proxy everybody counts by the own address",
  { needs: ["network"] },
  async (scope) => {
    const space = new Namespace(scope, "one");
    await TestServer.start(scope, space, { address: here, flags: proxyFlags() });
    const from = (address: string) => ({
      Host: serverHasFlag("--public-url") ? "chat.example" : here,
      "X-Forwarded-For": address,
    });
    for (let i = 0; i < 64; i++) {
      assert.equal(await webSocket(scope, space, from("192.0.2.7")), 101, `connection ${i + 1}`);
    }
    assert.equal(await webSocket(scope, space, from("192.0.2.7")), 503, "one too many");
    assert.equal(await webSocket(scope, space, from("192.0.2.8")), 101, "somebody else");
    const forged = await webSocket(scope, space, from("192.0.2.9, 192.0.2.7"));
    assert.equal(forged, 503, "the address before the last is the client's own claim");
  },
);

world(
  "a request with a body and another method is answered, not dropped",
  { needs: ["network"] },
  async (scope) => {
    const space = new Namespace(scope, "one");
    await TestServer.start(scope, space, { address: here });
    for (const method of ["PUT", "POST", "PATCH", "DELETE"]) {
      for (const path of ["/", "/files/a.txt"]) {
        for (const body of ["", "some bytes", "x".repeat(300_000)]) {
          const length = { "Content-Length": String(body.length) };
          const { status } = await httpGet(space, here, path, length, { method, body });
          // Files are put there and removed by whoever shows a token.
          const isForTokens = path !== "/" && (method === "PUT" || method === "DELETE");
          const expected = isForTokens ? 401 : 405;
          assert.equal(status, expected, `${method} ${path} with ${body.length} bytes`);
        }
      }
    }
  },
);

world(
  "who has not said a name hears nothing of rooms and people",
  { needs: ["network"] },
  async (scope) => {
    const space = new Namespace(scope, "one");
    await TestServer.start(scope, space, { address: here });
    const ann = await Person.login(space, here, { name: "Ann" });
    await ann.say("between us");
    const nobody = await Person.login(space, here, {});
    for (const request of [
      { type: "rooms" },
      { type: "who", room: "lobby" },
      { type: "history", room: "lobby" },
      { type: "enter", room: "lobby", seq: 0 },
      { type: "join", room: "lobby", seq: 0 },
    ]) {
      const before = nobody.lines.length;
      nobody.send({ ...request, ref: request.type });
      await nobody.until(() => nobody.lines.length > before, `an answer to ${request.type}`);
      const answer = nobody.lines[before]!;
      assert.equal(answer.type, "error", `${request.type}: ${JSON.stringify(answer)}`);
    }
    const heard = JSON.stringify(nobody.lines);
    assert.ok(!heard.includes("between us") && !heard.includes("Ann"), heard);
    nobody.send({ type: "files", ref: "files" });
    await nobody.line(({ type }) => type === "files", "the list of files, which is open to all");
  },
);

world(
  "/metrics is not on the web port, and its own port is for this machine alone",
  { needs: ["network"] },
  async (scope) => {
    const network = new Network(scope);
    const host = network.host("server");
    const other = network.host("other").space;
    const flags = serverHasFlag("--metrics-port") ? ["--metrics-port", "9100"] : [];
    await TestServer.start(scope, host.space, { flags });
    const answer = await httpGet(other, host.address(), "/metrics");
    assert.equal(answer.status, 404, "GET /metrics from another host");
    await assert.rejects(HttpConnection.open(other, host.address(), 9100));
    const own = await HttpConnection.open(host.space, here, 9100);
    const { body } = await own.request("/metrics");
    assert.match(body, /parley_connections/);
    own.cut();
  },
);

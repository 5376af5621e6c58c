// nginx, Caddy and HAProxy in front of the page, with the exact configuration of docs/operation.md:
// what works through them, and which client address counts.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { docsBlock } from "../../docs-blocks.ts";
import { writeNoise } from "../bed/files.ts";
import { NameServer } from "../bed/name-server.ts";
import type { Namespace } from "../bed/namespace.ts";
import { type Need, nginxStream } from "../bed/needs.ts";
import { type Host, Network } from "../bed/network.ts";
import { Person } from "../bed/person.ts";
import { parley, Process } from "../bed/process.ts";
import type { Scope } from "../bed/scope.ts";
import { TestServer } from "../bed/server.ts";
import { world } from "../bed/tests.ts";
import { until } from "../bed/wait.ts";

const site = "https://chat.example";
const client = join(import.meta.dir, "../bed/web-client.ts");

/** The arguments of `parley server`, from the line in the docs. */
function documentedFlags(): string[] {
  const line = docsBlock("operation.md", "## Behind a reverse proxy").trim();
  assert.match(line, /^parley server --public-url https:\/\/chat\.example --trusted-proxy /);
  return line.split(" ").slice(2);
}

type Proxy = { need: Need; start: (scope: Scope, space: Namespace) => Process };

const proxies: Record<string, Proxy> = {
  nginx: {
    need: "nginx",
    start(scope, space) {
      const folder = scope.folder("nginx");
      mkdirSync(folder);
      makeCertificate(space, folder);
      const documented = docsBlock("operation.md", "**nginx**");
      const letsEncrypt = "/etc/letsencrypt/live/chat.example/";
      assert.ok(documented.includes(letsEncrypt));
      writeFileSync(join(folder, "site.conf"), documented.replaceAll(letsEncrypt, `${folder}/`));
      const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
      const temporary = paths.map((name) => `${name}_temp_path ${folder}/${name};`).join(" ");
      writeFileSync(
        join(folder, "nginx.conf"),
        `daemon off; master_process off; pid ${folder}/pid; error_log stderr; events {}
         http { access_log off; ${temporary} include ${folder}/site.conf; }`,
      );
      return new Process(scope, ["nginx", "-p", folder, "-c", `${folder}/nginx.conf`], { space });
    },
  },
  Caddy: {
    need: "caddy",
    start(scope, space) {
      const folder = scope.folder("caddy");
      mkdirSync(folder);
      const options = "{\n\tlocal_certs\n\tskip_install_trust\n\tadmin off\n}\n";
      const file = join(folder, "Caddyfile");
      writeFileSync(file, `${options}${docsBlock("operation.md", "**Caddy**")}`);
      const env = { XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, HOME: folder };
      const words = ["caddy", "run", "--adapter", "caddyfile", "--config", file];
      return new Process(scope, words, { space, env });
    },
  },
  HAProxy: { need: "haproxy", start: (scope, space) => haproxyWithTls(scope, space, "") },
  // The default of HAProxy 2.8 and later.
  "HAProxy with HTTP/2": {
    need: "haproxy",
    start: (scope, space) => haproxyWithTls(scope, space, " alpn h2,http/1.1"),
  },
};

/** Self-signed: no machine of the test bed has an account at a certificate authority. */
function makeCertificate(space: Namespace, folder: string): [cert: string, key: string] {
  const [cert, key] = [join(folder, "fullchain.pem"), join(folder, "privkey.pem")];
  const subject = ["-nodes", "-subj", "/CN=chat.example", "-days", "1"];
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", ...subject];
  space.run("openssl", "req", "-x509", ...made, "-keyout", key, "-out", cert);
  return [cert, key];
}

function haproxyWithTls(scope: Scope, space: Namespace, protocols: string): Process {
  const folder = scope.folder("haproxy");
  mkdirSync(folder);
  const both = makeCertificate(space, folder).map((file) => readFileSync(file, "utf8"));
  const documented = docsBlock("operation.md", "**HAProxy**");
  const certificate = "/etc/haproxy/chat.example.pem";
  assert.ok(documented.includes(certificate));
  const file = join(folder, "chat.example.pem");
  writeFileSync(file, both.join(""));
  return haproxy(scope, space, documented.replaceAll(certificate, `${file}${protocols}`));
}

function haproxy(scope: Scope, space: Namespace, configuration: string): Process {
  const file = scope.folder("haproxy.cfg");
  writeFileSync(file, configuration);
  return new Process(scope, ["haproxy", "-db", "-f", file], { space });
}

type Bed = { scope: Scope; server: TestServer; ann: Host; mallory: Host };

async function bed(scope: Scope, proxy: Proxy, flags: readonly string[]): Promise<Bed> {
  const network = new Network(scope);
  const host = network.host("server");
  const [ann, mallory] = [network.host("ann"), network.host("mallory")];
  const clients = [ann.space, mallory.space];
  // It answers as soon as other tests of this process let it.
  await NameServer.start(scope, host.space, host.address(), host.address(), clients, 30);
  const server = await TestServer.start(scope, host.space, {
    address: "127.0.0.1",
    flags: [...documentedFlags(), ...flags],
    env: { PARLEY_SERVER_PLAIN: "0" },
  });
  const front = proxy.start(scope, host.space);
  await until(
    async () => front.hasEnded || (await get(ann, "/healthz")).body === "ok\n",
    () => `the proxy; ${front.output}`,
  );
  return { scope, server, ann, mallory };
}

/** With curl(1). Asynchronous, since the name server is in this process. */
async function get({ space }: Host, path: string, ...options: readonly string[]) {
  const words = ["curl", "-sk", "--max-time", "30", "-w", "\n%{http_code}", ...options];
  const child = Bun.spawn(space.command(...words, `${site}${path}`), {
    stdout: "pipe",
    stderr: "ignore",
  });
  const text = await new Response(child.stdout).text();
  const at = text.lastIndexOf("\n");
  return { status: Number(text.slice(at + 1)), body: text.slice(0, at) };
}

/** A browser's WebSocket, reduced to the relevant headers. */
function webSocket({ scope }: Bed, { space }: Host, ...headers: readonly string[]): Process {
  const url = `${site.replace("https", "wss")}/ws`;
  const words = [process.execPath, client, url, `Origin=${site}`, ...headers];
  return new Process(scope, words, { space });
}

async function login(bed: Bed, host: Host, name: string): Promise<Process> {
  const socket = webSocket(bed, host);
  await socket.says("open");
  socket.type(
    `${JSON.stringify({ type: "hello", version: 2, name, rooms: [{ room: "lobby" }] })}\n`,
  );
  await socket.says('"type":"welcome"');
  return socket;
}

for (const [name, proxy] of Object.entries(proxies)) {
  const needs: Need[] = ["network", "curl", proxy.need];

  world(
    `behind ${name} page, chat and files work, by everybody's own address`,
    { needs },
    async (scope) => {
      const state = scope.folder("state");
      const here = await bed(scope, proxy, ["--quota", "50M", "--state", state]);
      const { server, ann, mallory } = here;
      await server.process.says(`Page:           ${site}/`);
      const page = await get(ann, "/");
      assert.equal(page.status, 200);
      assert.match(page.body, /^<!doctype html/i);

      const path = join(server.files, "big.bin");
      writeNoise(path, 3);
      const fetched = scope.folder("fetched");
      assert.equal((await get(ann, "/files/big.bin", "-o", fetched)).status, 200);
      assert.ok(readFileSync(fetched).equals(readFileSync(path)), "the file came differently");
      assert.equal((await get(ann, "/files/big.bin", "-r", "1000000-2000000")).status, 206);

      const [a, b] = [await login(here, ann, "Ann"), await login(here, mallory, "Bob")];
      a.type(
        `${JSON.stringify({ type: "say", room: "lobby", n: 1, text: "through the proxy" })}\n`,
      );
      await b.says('"text":"through the proxy"');

      const { process: log } = server;
      await log.says(`page opened address=${ann.address()}`);
      await log.says(`file requested file=big.bin bytes=3145728 address=${ann.address()}`);
      await log.says(new RegExp(`logged in name=Bob address=${mallory.address()} `));
      assert.doesNotMatch(log.stderr, /address=127\.0\.0\.1/);

      // More than an unconfigured proxy accepts, and more than it buffers.
      server.process.type("/token builds\n");
      await log.says(/^[\w-]{24}$/m);
      const [token = ""] = /^[\w-]{24}$/m.exec(log.output) ?? [];
      const sent = ["-T", path, "-H", `Authorization: Bearer ${token}`];
      assert.equal((await get(ann, "/files/sent.bin", ...sent)).status, 201);
      assert.ok(readFileSync(join(server.files, "sent.bin")).equals(readFileSync(path)));

      // Refused before all of it has arrived: the sender reads why, and nobody else notices.
      const large = scope.folder("large.bin");
      writeNoise(large, 30);
      for (const header of ["Authorization: Bearer guess", "X-Token: none"]) {
        const refused = await get(mallory, "/files/large.bin", "-T", large, "-H", header);
        // Caddy 2.6 sometimes ends its own connection too early.
        if (proxy.need !== "caddy") assert.match(refused.body, /"wrong-token"/);
        assert.equal((await get(ann, "/healthz")).body, "ok\n");
      }
    },
  );

  world(
    `behind ${name} limits count by real address, and forged headers change nothing`,
    { needs },
    async (scope) => {
      const here = await bed(scope, proxy, ["--max-per-address", "3"]);
      const { server, ann, mallory } = here;
      const { process: log } = server;
      for (const who of ["One", "Two", "Three"]) await login(here, mallory, who);
      const forged = [
        `X-Forwarded-For=${ann.address()}`,
        `X-Forwarded-For=127.0.0.1`,
        `X-Real-IP=${ann.address()}`,
      ];
      for (const header of forged) await webSocket(here, mallory, header).says("closed");
      await until(
        () =>
          log.stderr.split(`connection refused address=${mallory.address()} `).length ===
          1 + forged.length,
        () => `refusals; ${log.output}`,
      );
      // Two contradictory headers would be refused: this one must not arrive at all.
      await webSocket(here, mallory, `Forwarded=for=${ann.address()}`).says("closed");
      assert.doesNotMatch(log.stderr, /status=400/);
      await login(here, ann, "Ann");
      assert.doesNotMatch(log.stderr, new RegExp(`refused address=(127|${ann.address()})`));

      server.process.type(`/ban ${mallory.address()}\n`);
      await until(
        async () => (await get(mallory, "/")).status === 403,
        () => `the ban; ${log.output}`,
      );
      await webSocket(here, mallory).says("closed");
      assert.equal((await get(ann, "/")).status, 200);
      server.process.type(`/unban ${mallory.address()}\n`);
      await until(
        async () => (await get(mallory, "/")).status === 200,
        () => `the end of the ban; ${log.output}`,
      );

      const refusal = `request refused address=${mallory.address()} path=/healthz status=429`;
      await until(
        async () => {
          await get(mallory, "/healthz?[1-700]", "--parallel", "-o", "/dev/null");
          return log.output.includes(refusal);
        },
        () => `a refusal; ${log.output}`,
      );
      assert.equal((await get(ann, "/healthz")).status, 200);
      assert.doesNotMatch(log.stderr, new RegExp(`address=${ann.address()} .*status=429`));
    },
  );
}

type TcpProxy = {
  needs: readonly Need[];
  start: (scope: Scope, space: Namespace, configuration: string) => Process;
};

const tcpProxies: Record<string, TcpProxy> = {
  nginx: {
    needs: ["nginx", "nginx-stream"],
    start(scope, space, configuration) {
      const folder = scope.folder("nginx");
      mkdirSync(folder);
      writeFileSync(
        join(folder, "nginx.conf"),
        `load_module ${nginxStream}; daemon off; master_process off; pid ${folder}/pid; error_log stderr; events {}
         ${configuration}`,
      );
      return new Process(scope, ["nginx", "-p", folder, "-c", `${folder}/nginx.conf`], { space });
    },
  },
  HAProxy: { needs: ["haproxy"], start: haproxy },
};

for (const [name, proxy] of Object.entries(tcpProxies)) {
  world(
    `behind ${name} as a TCP proxy everybody has their own address, with TLS to the server, and nobody else is believed`,
    { needs: ["network", ...proxy.needs] },
    async (scope) => {
      const network = new Network(scope);
      const [host, front] = [network.host("server"), network.host("front")];
      const [ann, mallory] = [network.host("ann"), network.host("mallory")];
      const named = (text: string): string =>
        text.replaceAll("192.0.2.7", host.address()).replaceAll("192.0.2.8", front.address());
      const line = named(docsBlock("operation.md", "told to expect it")).trim();
      const server = await TestServer.start(scope, host.space, {
        flags: [...line.split(" ").slice(4), "--max-per-address", "2"],
      });
      const { process: log } = server;
      const documented = named(docsBlock("operation.md", `**${name} as a TCP proxy**`));
      const running = proxy.start(scope, front.space, documented);
      const isUp = async (): Promise<boolean> => {
        const trial = await Person.connect(host.space, front.address()).catch(() => undefined);
        trial?.cut();
        return trial !== undefined || running.hasEnded;
      };
      await until(isUp, () => `the proxy; ${running.output}`);

      await Person.login(ann.space, front.address(), { name: "Ann" });
      await log.says(`logged in name=Ann address=${ann.address()} `);
      // Two are too many for one address, and few for a proxy's.
      for (const name of ["One", "Two"]) {
        await Person.login(mallory.space, front.address(), { name });
      }
      const third = await Person.hello(mallory.space, front.address(), { name: "Three" });
      assert.equal(third.error?.["code"], "full");
      await log.says(`connection refused address=${mallory.address()} `);

      // With TLS to the server itself, whose pin is checked through the proxy.
      const pin = /55000#(\S+)/.exec(log.stderr)?.[1];
      const client = parley(scope, ["client", `${front.address()}:55000#${pin}`, "--name", "Bob"], {
        space: ann.space,
        env: { PARLEY_CLIENT_PLAIN: "0", XDG_CONFIG_HOME: scope.folder("settings") },
      });
      client.type("through the proxy\n");
      await log.says(new RegExp(`logged in name=Bob address=${ann.address()} .* tls=true`));
      await client.says("Bob: through the proxy");

      // A client's own header is only text, before the proxy and past it.
      const forged = `PROXY TCP4 ${ann.address()} 10.0.0.1 1 2\r\n`;
      const eve = network.host("eve");
      for (const address of [front.address(), host.address()]) {
        const person = await Person.connect(eve.space, address);
        person.write(forged);
        await until(() => person.receivedBytes > 0 || person.hasEnded, "an answer");
        person.cut();
      }
      await until(
        () => log.stderr.split(` connected address=${eve.address()} `).length === 3,
        () => `both; ${log.output}`,
      );

      // Without one, the proxy's own address is not admitted.
      const own = await Person.connect(front.space, host.address());
      own.write('{"type":"hello","version":2,"name":"Front"}\n');
      await until(() => own.hasEnded, "the end");
      await log.says(`connection refused address=${front.address()} reason="no PROXY header"`);
    },
  );
}

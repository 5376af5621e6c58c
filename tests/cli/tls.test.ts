// TLS in use: the join string, first contact, a changed key, a man in the middle, and what still
// works without TLS. The compiled program, on loopback and on another address of this machine.

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { reachableHosts } from "../../src/io/host-port.ts";
import { createKeyPair, type KeyPair } from "../../src/tls/certificate.ts";
import { pinOf } from "../../src/tls/spki-pin.ts";
import { Parley } from "../parley.ts";
import { ServerHere } from "../server-here.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";
import { fakeServer } from "../tls/fake-server.ts";
import { type Ended, run } from "./run.ts";

setDefaultTimeout(180_000);

const base = testFolder("cli-tls");

const outside = reachableHosts("0.0.0.0").find((host) => host !== "127.0.0.1");
const address = outside ?? "127.0.0.1";
const testBeyond = skipUnless(outside !== undefined, "an address besides loopback is needed");
const testOpenssl = skipUnless(Bun.which("openssl") !== null, "openssl is needed");

const files = join(base, "FILES");
const content = Buffer.from("the content of a file\n");
let count = 0;

/** A separate user: known servers and downloads. */
class User {
  readonly home = join(base, `user${++count}`);
  readonly knownServers = join(this.home, "parley", "known_servers");

  constructor() {
    mkdirSync(this.home);
  }

  get known(): string {
    return existsSync(this.knownServers) ? readFileSync(this.knownServers, "utf8") : "";
  }

  remember(text: string): void {
    mkdirSync(join(this.home, "parley"), { recursive: true });
    writeFileSync(this.knownServers, text);
  }

  run(words: readonly string[], input = ""): Promise<Ended> {
    return run(words, { input, env: { XDG_CONFIG_HOME: this.home, NO_COLOR: "1" } });
  }

  say(to: string, ...more: readonly string[]): Promise<Ended> {
    return this.run(["client", to, "--name", `User${++count}`, ...more], "hello\n");
  }
}

type Ready = { port: number; webPort: number; pin: string; dialects: Record<string, number> };

async function start(...more: readonly string[]): Promise<{ server: Parley; ready: Ready }> {
  const flags = ["--port", "0", "--files", files, "--json"];
  const server = new Parley("server", ...flags, ...more);
  const ready = JSON.parse(await server.line(/"event":"listening"/)) as Ready;
  return { server, ready };
}

/** The same in this process. */
function startHere(...more: readonly string[]): Promise<ServerHere> {
  return ServerHere.start("--port", "0", "--files", files, ...more);
}

beforeAll(() => {
  mkdirSync(files);
  writeFileSync(join(files, "file.txt"), content);
});

/** Everything received on a connection that sends this, until it closes. */
async function hear(host: string, port: number, text: string): Promise<string> {
  let heard = "";
  const { promise, resolve } = Promise.withResolvers<void>();
  await Bun.connect({
    hostname: host,
    port,
    socket: {
      open: (socket) => void socket.write(text),
      data: (_, bytes) => void (heard += bytes.toString()),
      close: () => resolve(),
    },
  });
  await promise;
  return heard;
}

/** Commands of anybody that connect to a server, run against this address. */
function commonCommands(user: User, to: string): Promise<Ended[]> {
  return Promise.all([
    user.say(to),
    user.run(["fetch-file", "--server", to, "--list"]),
    user.run(["fetch-file", "--server", to, "file.txt", "-o", join(user.home, "out")]),
    user.run(["peer", "--id", "Al", "--port", "0", "--server", to], "/register\n"),
  ]);
}

/** Every command that connects to a server. */
async function everyCommand(user: User, to: string): Promise<Ended[]> {
  const file = join(files, "file.txt");
  const others = await Promise.all([
    user.run(["admin", to, "who"]),
    user.run(["admin", to, "claim", "a-claim"]),
    user.run(["send-file", to, file, "--to", "Bob", "--name", "Al"]),
    user.run(["send-file", to, file, "--share", "--name", "Al"]),
    user.run(["send-file", to, file, "--code"]),
    user.run(["fetch-file", to, "7-olive-lamp"]),
  ]);
  return [...(await commonCommands(user, to)), ...others];
}

describe("beyond loopback", () => {
  testBeyond(
    "first contact is said and remembered, after that everything works without a word",
    async () => {
      await using server = await startHere("--host", "0.0.0.0", "--no-web");
      const user = new User();
      const to = `${address}:${server.port}`;
      const first = await user.say(to);
      expect(first.code).toBe(0);
      expect(first.out).toContain("hello");
      const line = `First contact with ${to}: trusting its key ${server.pin}, remembered in ${user.knownServers}\n`;
      expect(first.err).toContain(line);
      expect(user.known).toBe(`${to} ${server.pin}\n`);
      for (const { code, err } of await commonCommands(user, to)) {
        expect({ code, known: err.includes("First contact") }).toEqual({ code: 0, known: false });
      }
      expect(readFileSync(join(user.home, "out"))).toEqual(content);
      // As the first argument, with its pin.
      const pinned = `${to}#${server.pin}`;
      const listed = await new User().run(["fetch-file", pinned, "--list"]);
      expect([listed.code, listed.err]).toEqual([0, ""]);
      expect(listed.out).toContain("file.txt");
    },
  );

  testBeyond(
    "another key is refused by every command, and whoever has it hears nothing",
    async () => {
      const user = new User();
      const theirs = await createKeyPair(Date.now());
      const their = pinOf(new X509Certificate(theirs.cert));
      using between = fakeServer(address, theirs);
      const to = `${address}:${between.port}`;
      const ours = pinOf(new X509Certificate((await createKeyPair(Date.now())).cert));
      user.remember(`# friends\n${to} ${ours}\n`);
      for (const { code, err } of await everyCommand(user, to)) {
        expect(code).toBe(6);
        expect(err).toContain(`The key of ${to} has changed (it was ${ours}, now it is ${their})`);
        expect(err).toContain(`remove line 2 of ${user.knownServers}`);
      }
      for (const { code, err } of await everyCommand(new User(), `${to}#${ours}`)) {
        expect(code).toBe(6);
        expect(err).toContain(`expected ${ours}, found ${their}`);
      }
      expect(between.seen.text).toBe("");
      expect(user.known).toBe(`# friends\n${to} ${ours}\n`);
    },
  );

  testBeyond("an answer in plain text is refused by every command", async () => {
    const welcome = '{"type":"welcome","version":2,"server":"x","udpPort":1}\n';
    for (const answer of ["Name: ", welcome, "HTTP/1.1 400 Bad Request\r\n\r\n"]) {
      using stripped = fakeServer(address, undefined, answer);
      const to = `${address}:${stripped.port}`;
      for (const { code, err } of await everyCommand(new User(), to)) {
        expect({ code, err }).toEqual({
          code: 6,
          err: expect.stringContaining("Nothing was sent"),
        });
      }
      // At most a handshake: nothing written by a person or a program.
      expect(stripped.seen.text).not.toMatch(/hello|type|REGISTER|User/);
    }
  });

  testBeyond("a new server gets no claim, nor does the path to any server", async () => {
    const pair = await createKeyPair(Date.now());
    using between = fakeServer(address, pair);
    const to = `${address}:${between.port}`;
    const user = new User();
    const claim = await user.run(["admin", to, "claim", "a-claim"]);
    const pinned = `${to}#${pinOf(new X509Certificate(pair.cert))}`;
    expect(claim).toMatchObject({ code: 6, err: expect.stringContaining(`connect to ${pinned}`) });
    const plain = await user.run(["admin", to, "claim", "a-claim", "--plain"]);
    expect(plain).toMatchObject({ code: 2, err: expect.stringContaining("expose the claim") });
    expect([between.seen.text, user.known]).toEqual(["", ""]);
  });

  testBeyond("plain text is answered with one line, unless --plain allows it", async () => {
    const dialects = ["--listen", "chat-room=0", "--listen", "date-time=0"];
    const { server, ready } = await start("--host", "0.0.0.0", "--no-web", ...dialects);
    await using _ = server;
    const refusal = /^This server requires TLS from other machines: [^\n]*--plain\n$/;
    for (const text of ["Ann\n", "Ann", "REGISTER\r\nclientID: A\r\n\r\n"]) {
      expect(await hear(address, ready.port, text)).toMatch(refusal);
    }
    expect(await hear(address, ready.dialects["chat-room"] ?? 0, "Ann")).toMatch(refusal);
    const date = `${address}:${ready.dialects["date-time"]}`;
    const classic = ["classic", "date-time", date, "--count", "1"];
    expect((await run([...classic, "--plain"])).out).toContain("requires TLS");
    expect(await run(classic)).toMatchObject({ code: 2, err: expect.stringContaining("--plain") });
    const user = new User();
    const to = `${address}:${ready.port}`;
    const refused = await user.say(to, "--plain");
    expect([refused.code, user.known]).toEqual([4, ""]);
    expect(refused.err).toContain("This server requires TLS");

    const open = await start("--host", "0.0.0.0", "--no-web", "--plain", ...dialects);
    await using permissive = open.server;
    expect(await hear(address, open.ready.port, "Ann\nhi\n{quit}\n")).toContain("Ann: hi\n");
    expect((await user.say(`${address}:${open.ready.port}`, "--plain")).code).toBe(0);
    // Also with TLS.
    expect((await user.say(`${address}:${open.ready.port}`)).code).toBe(0);
    const openDate = `${address}:${open.ready.dialects["date-time"]}`;
    const answer = await run(["classic", "date-time", openDate, "--count", "1", "--plain"]);
    expect(answer.out).not.toContain("requires TLS");
    await permissive.says("anyone who does can join, without encryption");
  });

  testBeyond("the page has the server's own key, or the one of --cert", async () => {
    const own = await start("--host", "0.0.0.0", "--web-port", "0");
    await using served = own.server;
    expect(await pageAt(address, own.ready.webPort)).toBe(own.ready.pin);
    await served.says(`https://${address}:${own.ready.webPort}/`);
    const pair = await createKeyPair(Date.now());
    const [cert, key] = [join(base, "page.pem"), join(base, "page.key")];
    writeFileSync(cert, pair.cert);
    writeFileSync(key, pair.key);
    const given = await start("--host", "0.0.0.0", "--web-port", "0", "--cert", cert, "--key", key);
    await using renewed = given.server;
    expect(await pageAt(address, given.ready.webPort)).toBe(pinOf(new X509Certificate(pair.cert)));
    const next: KeyPair = await createKeyPair(Date.now());
    writeFileSync(cert, next.cert);
    writeFileSync(key, next.key);
    await renewed.says("the page has a new certificate");
    const pin = pinOf(new X509Certificate(next.cert));
    expect(await pageAt(address, given.ready.webPort)).toBe(pin);
    expect(pin).not.toBe(given.ready.pin);
  });
});

testBeyond(
  "behind a proxy the page is plain HTTP, for the proxy and this machine alone",
  async () => {
    for (const flags of [
      ["--trusted-proxy", "203.0.113.9"],
      ["--public-url", "https://chat.example"],
    ]) {
      await using server = await startHere("--host", "0.0.0.0", "--web-port", "0", ...flags);
      expect((await fetch(`http://127.0.0.1:${server.webPort}/`)).status).toBe(200);
      const outsider = await fetch(`http://${address}:${server.webPort}/healthz`);
      expect([outsider.status, await outsider.text()]).toEqual([
        403,
        expect.stringContaining("only available through its proxy"),
      ]);
    }
    const flags = ["--host", "0.0.0.0", "--web-port", "0", "--trusted-proxy", address];
    await using server = await startHere(...flags);
    expect((await fetch(`http://${address}:${server.webPort}/`)).status).toBe(200);
    // The main port trusts it too.
    expect(await hear(address, server.port, "Ann\nhi\n{quit}\n")).toContain("Ann: hi\n");
  },
);

/** Loads the page and opens its WebSocket over TLS; returns the pin of the certificate. */
async function pageAt(host: string, port: number): Promise<string> {
  const tls = { rejectUnauthorized: false };
  const page = await fetch(`https://${host}:${port}/`, { tls });
  expect(page.status).toBe(200);
  expect(await page.text()).toContain("<title>");
  const hello = Buffer.from('{"type":"hello","version":2}');
  const upgrade =
    `GET /ws HTTP/1.1\r\nHost: ${host}:${port}\r\nOrigin: https://${host}:${port}\r\n` +
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  // A text frame, masked with zeros (RFC 6455 §5.2).
  const frame = Buffer.concat([Uint8Array.of(0x81, 0x80 | hello.length, 0, 0, 0, 0), hello]);
  const { promise, resolve } = Promise.withResolvers<void>();
  let heard = "";
  let pin = "";
  const socket = await Bun.connect({
    hostname: host,
    port,
    tls,
    socket: {
      handshake(socket) {
        pin = pinOf(socket.getPeerX509Certificate());
        socket.write(upgrade);
      },
      data(socket, bytes) {
        if (heard === "") socket.write(frame);
        heard += bytes.toString("latin1");
        if (heard.includes('"welcome"')) resolve();
      },
    },
  });
  await promise;
  socket.terminate();
  return pin;
}

describe("on loopback", () => {
  test("plain text is allowed for everyone, and a pin is checked by TLS", async () => {
    await using server = await startHere("--no-web");
    expect(await hear("127.0.0.1", server.port, "Ann\nhi\n{quit}\n")).toContain("Ann: hi\n");
    const user = new User();
    const to = `127.0.0.1:${server.port}`;
    for (const { code, err } of await commonCommands(user, to)) {
      expect({ code, met: err.includes("contact") }).toEqual({ code: 0, met: false });
    }
    expect(user.known).toBe("");
    for (const { code } of await commonCommands(user, `${to}#${server.pin}`)) expect(code).toBe(0);
    const other = pinOf(new X509Certificate((await createKeyPair(Date.now())).cert));
    expect((await user.say(`${to}#${other}`)).code).toBe(6);
    const log = server.output.split("\n").filter((line) => line.includes('"logged in"'));
    expect(log.filter((line) => line.includes('"tls":true'))).toHaveLength(1);
  });

  test("a client that reconnects to a different key exits, and says why", async () => {
    const first = await start("--no-web", "--state", join(base, "state1"));
    const to = `127.0.0.1:${first.ready.port}#${first.ready.pin}`;
    await using client = new Parley("client", to, "--name", "Ann", "--follow");
    // Until it knows that it is logged in, it does not reconnect.
    await client.says("You are Ann");
    first.server.signal("SIGKILL");
    await first.server.exit();
    const flags = [
      "--port",
      String(first.ready.port),
      "--files",
      files,
      "--json",
      "--no-web",
      "--state",
      join(base, "state2"),
    ];
    await using second = new Parley("server", ...flags);
    await second.line(/"event":"listening"/);
    expect(await client.exit()).toBe(6);
    expect(client.stderr).toContain("has a different key from the one in its address");
    expect(second.stderr).not.toContain("logged in");
  });

  testOpenssl("openssl finds TLS 1.3 with the key of the pin, and no older version", async () => {
    const { server, ready } = await start("--no-web");
    await using _ = server;
    const shake = (...more: string[]) => {
      const words = ["s_client", "-connect", `127.0.0.1:${ready.port}`, ...more];
      const { stdout, stderr } = Bun.spawnSync(["openssl", ...words], { stdin: Buffer.from("") });
      return `${stdout.toString()}${stderr.toString()}`;
    };
    const found = shake();
    expect(found).toMatch(/New, TLSv1\.3, Cipher is TLS_\w+/);
    const [pem = ""] = /-----BEGIN CERTIFICATE-----[^]*-----END CERTIFICATE-----/.exec(found) ?? [];
    expect(pinOf(new X509Certificate(pem))).toBe(ready.pin);
    for (const version of ["-tls1", "-tls1_1", "-tls1_2"]) {
      expect(shake(version)).toContain("Cipher is (NONE)");
      expect(shake(version, "-cipher", "ALL:@SECLEVEL=0")).toContain("Cipher is (NONE)");
    }
    for (const suite of ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"]) {
      expect(shake("-ciphersuites", suite)).toContain(`Cipher is ${suite}`);
    }
  });
});

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe("the server's key", () => {
  test("stays the same, is next to --data or in --state, and readable only by its owner", async () => {
    const data = join(base, "chat.db");
    const pins = new Set<string>();
    for (let round = 0; round < 2; round++) {
      const { server, ready } = await start("--no-web", "--data", data);
      pins.add(ready.pin);
      server.type("/quit");
      expect(await server.exit()).toBe(0);
    }
    expect(pins.size).toBe(1);
    expect([modeOf(`${data}-state`), modeOf(join(`${data}-state`, "server.pem"))]).toEqual([
      "700",
      "600",
    ]);
    const { server, ready } = await start(
      "--no-web",
      "--data",
      data,
      "--state",
      join(base, "mine"),
    );
    await using _ = server;
    expect(pins.has(ready.pin)).toBe(false);
    expect(existsSync(join(base, "mine", "server.pem"))).toBe(true);
  });

  test("is put back if its file is removed meanwhile, even with the folder", async () => {
    const state = join(base, "removed");
    const { server, ready } = await start("--no-web", "--state", state);
    rmSync(state, { recursive: true });
    await server.says(/the server's key had been removed, and was put back/);
    server.type("/quit");
    expect(await server.exit()).toBe(0);
    const again = await start("--no-web", "--state", state);
    await using _ = again.server;
    expect(again.ready.pin).toBe(ready.pin);
  });

  test("is only needed beyond loopback: a loopback server runs even if the default folder can't be created", async () => {
    const data = join(base, "stuck.db");
    writeFileSync(`${data}-state`, "a file, where the folder would be");
    const { server, ready } = await start("--no-web", "--data", data);
    await using _ = server;
    expect(ready.pin).toBeUndefined();
    await server.says(/can't be kept in .*--state\. There is no TLS until then/);
    const beyond = ["server", "--port", "0", "--no-web", "--host", "0.0.0.0", "--data", data];
    const { code, err } = await run(beyond);
    expect([code, err]).toEqual([1, expect.stringContaining("choose another folder with --state")]);
  });

  test("is never served, wherever it is stored", async () => {
    const shared = join(base, "shared");
    mkdirSync(shared);
    const data = join(shared, "chat.db");
    const flags = ["--port", "0", "--files", shared, "--data", data, "--web-port", "0", "--json"];
    await using server = new Parley("server", ...flags);
    const ready = JSON.parse(await server.line(/"event":"listening"/)) as Ready;
    const name = "chat.db-state/server.pem";
    expect(existsSync(join(shared, name))).toBe(true);
    expect((await fetch(`http://127.0.0.1:${ready.webPort}/files/${name}`)).status).toBe(404);
    const to = ["--server", `127.0.0.1:${ready.port}`];
    expect((await run(["fetch-file", ...to, "-o", join(base, "stolen"), name])).code).toBe(5);
    expect((await run(["fetch-file", ...to, "--list"])).out).not.toContain("server.pem");
  });

  test("given for the page is not served either, nor is the password file", async () => {
    const shared = join(base, "shared-secrets");
    mkdirSync(shared);
    const pair = await createKeyPair(Date.now());
    const [cert, key] = [join(shared, "page.crt"), join(shared, "page.key")];
    const password = join(shared, "password");
    writeFileSync(cert, pair.cert);
    for (const [path, secret] of [
      [key, pair.key],
      [password, "correct horse\n"],
    ] as const) {
      writeFileSync(path, secret, { mode: 0o600 });
    }
    const flags = ["--port", "0", "--no-web", "--files", shared, "--cert", cert, "--key", key];
    for (const more of [[], ["--password-file", password]]) {
      await using server = new Parley("server", ...flags, ...more, "--json");
      const ready = JSON.parse(await server.line(/"event":"listening"/)) as Ready;
      const secret = more.length > 0 ? ["--password-file", password] : [];
      const to = ["--server", `127.0.0.1:${ready.port}`, ...secret];
      const listed = (await run(["fetch-file", ...to, "--list"])).out;
      expect(listed).toContain("page.crt");
      for (const name of ["page.key", ...more.slice(1).map(() => "password")]) {
        expect(listed).not.toContain(name);
        const fetched = await run(["fetch-file", ...to, "-o", join(base, "stolen"), name]);
        expect({ name, code: fetched.code }).toEqual({ name, code: 5 });
      }
    }
  });

  test("can't be kept in the shared folder itself", async () => {
    const ended = await run([
      "server",
      "--port",
      "0",
      "--no-web",
      "--files",
      files,
      "--state",
      files,
    ]);
    expect(ended.code).toBe(2);
    expect(ended.err).toContain("is the shared folder: choose another");
  });
});

test("contradictory flags are reported before anything connects", async () => {
  const pin = "A".repeat(43);
  const user = new User();
  for (const [words, sentence] of [
    [["client", `127.0.0.1:1#${pin}`, "--plain"], "--plain does not check keys"],
    [["client", "127.0.0.1:1#short"], "has no valid pin after #"],
    [["fetch-file", "--server", "127.0.0.1:1#", "x"], "has no valid pin after #"],
    [["classic", "calculator", `127.0.0.1:1#${pin}`], "can't be checked"],
    [["server", "--cert", "x"], "--cert and --key go together"],
    [["server", "--state", ""], "--state '' is not a folder"],
  ] as const) {
    const ended = await user.run(words);
    expect({ code: ended.code, err: ended.err }).toEqual({
      code: 2,
      err: expect.stringContaining(sentence),
    });
  }
});

// Typos, wrong values, help and version, as the compiled program reports them: sentences and exit
// codes.

import { describe, expect, test } from "bun:test";
import { closeSync, existsSync, openSync } from "node:fs";
import { version } from "../../package.json";
import { dialects } from "../../src/dialects/table.ts";
import { variableOf } from "../../src/cli/command-model.ts";
import { parleyCommand } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { type Ended, escape, run, runOnTerminal, runTogether } from "./run.ts";

const commands = ["server", "client", "peer", "fetch-file", "classic"];

/** One line on stderr with this in it, and exit code 2. */
function expectRefusal(ended: Ended | undefined, sentence: string): void {
  const { code, out, err } = ended!;
  expect(err).toContain(sentence);
  const lines = err.trimEnd().split("\n").length;
  expect({ code, out, lines }).toEqual({ code: 2, out: "", lines: 1 });
}

test("an address among the arguments beats the variable, but not --server", async () => {
  for (const [command, ...words] of [
    ["send-file", "-", "--share"],
    ["admin", "who"],
  ] as const) {
    const env = { [variableOf(command, "server")]: "127.0.0.1:2" };
    const { code, err } = await run([command, "127.0.0.1:1", ...words], { env });
    expect(err).toStartWith(`parley ${command}: Cannot connect to 127.0.0.1:1: `);
    expect(code).toBe(3);
  }
  const [send, admin] = await runTogether([
    ["send-file", "--server=127.0.0.1:2", "127.0.0.1:1", "package.json"],
    ["admin", "--server=127.0.0.1:2", "127.0.0.1:1", "who"],
  ]);
  expect(send!.err).toContain("Cannot send '127.0.0.1:1': there is no such file");
  expectRefusal(admin, "There is no command '127.0.0.1:1'");
});

test("a server without its port, where files are named, is told from a file", async () => {
  const hint = "If 'chat.example' is a server, write chat.example:55000";
  const ends = await runTogether([
    ["send-file", "chat.example", "package.json"],
    ["send-file", "chat.example", "package.json", "--to=Bob"],
    ["fetch-file", "chat.example", "--list"],
    ["fetch-file", "chat.example", "photos/", "--list"],
  ]);
  for (const { code, err } of ends) {
    expect(err).toContain(hint);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    expect(code).not.toBe(0);
  }
  const others = await runTogether([
    ["send-file", "./chat.example", "package.json"],
    ["send-file", "127.0.0.1:1", "chat.example", "package.json"],
    ["fetch-file", "--server=127.0.0.1:1", "chat.example", "--list"],
  ]);
  for (const { err } of others) expect(err).not.toContain("is a server");
  const env = { [variableOf("fetch-file", "server")]: "127.0.0.1:1" };
  const { code, err } = await run(["fetch-file", "chat.example", "photos/"], { env });
  expect(err).toContain(hint);
  expect(code).toBe(3);
});

describe("a mistyped word is an error that suggests the nearest right one", () => {
  test.each([
    [["servr"], "unknown command 'servr': did you mean server?"],
    [["fetchfile"], "unknown command 'fetchfile': did you mean fetch-file?"],
    [["frobnicate"], "unknown command 'frobnicate': see parley --help"],
    [["--helpp"], "unknown flag '--helpp': did you mean --help?"],
    [["help", "cleint"], "unknown command 'cleint': did you mean client?"],
  ])("parley %p", async (args, sentence) => expectRefusal(await run(args), sentence));

  const cases: [string[], string][] = [
    [["server", "--prot", "1"], "unknown flag '--prot': did you mean --port?"],
    [["server", "--no-wbe"], "unknown flag '--no-wbe': did you mean --no-web?"],
    [["server", "-x", "1"], "unknown flag '-x'"],
    [["client", "--nam=x"], "unknown flag '--nam': did you mean --name?"],
    [["client", "--NAME", "x"], "unknown flag '--NAME': did you mean --name?"],
    [["server", "--vers"], "unknown flag '--vers': did you mean --version?"],
    [["peer", "--idd", "x"], "unknown flag '--idd': did you mean --id?"],
    [["fetch-file", "--limit", "1M"], "unknown flag '--limit': did you mean --limit-rate?"],
    [["fetch-file", "--fore", "a"], "unknown flag '--fore': did you mean --force?"],
    [["server", "extra"], "unexpected argument 'extra': see parley server --help"],
    [["classic", "foo"], "'foo'"],
    [["classic"], "DIALECT"],
    [["peer"], "--id"],
    [["fetch-file"], "--list"],
    [["fetch-file", "127.0.0.1:1#short", "a"], "'127.0.0.1:1#short' has no valid pin after #"],
    [["send-file", "127.0.0.1:1#short", "a"], "'127.0.0.1:1#short' has no valid pin after #"],
    [["admin", "127.0.0.1:1#short", "who"], "'127.0.0.1:1#short' has no valid pin after #"],
    [["admin", "kick", "Bob", "--for", "1d"], "and kick has nothing like it: leave it out"],
    [["admin", "topic", "den", "tea", "--for=1d"], "and topic has nothing like it: leave it out"],
    [["admin", "--long", "motd", "hi"], "--long is for who, and motd has nothing like it"],
    [["admin", "127.0.0.1:1", "ban", "Bob", "--uses=3"], "--uses is for pass, and ban"],
    [["server", "--data", "postgres://me:it@db/chat"], "--data has a password in it"],
    // Nothing is said about the calls of a peer that does not start.
    [
      ["peer", "--id", "a", "--port", "0", "--server", "192.0.2.1", "--style", "y"],
      "--style 'y' is unknown: use message or bare",
    ],
    [
      ["peer", "--id", "a", "--port", "0", "--server", "127.0.0.1:1", "--downloads="],
      "--downloads '' is not a folder",
    ],
  ];
  const ended = runTogether(cases.map(([args]) => args));

  test.each(cases.map(([args, sentence], at) => [args, sentence, at] as const))(
    "parley %p",
    async (_args, sentence, at) => expectRefusal((await ended)[at], sentence),
  );
});

describe("a wrong value is an error that names the flag and quotes the value", () => {
  const cases: [string[], string][] = [
    [["server", "--port", "abc"], "--port 'abc' is not a port: use a number from 0 to 65535"],
    [["server", "--port", "65536"], "--port '65536'"],
    [["server", "--port", "-1"], "--port '-1' is not a port: use a number from 0 to 65535"],
    [["server", "--port=-1"], "--port '-1'"],
    [["server", "--port=1e3"], "--port '1e3'"],
    [["server", "--port"], "--port needs a value"],
    [["server", "--port="], "--port ''"],
    [["server", "--port", "1", "--port", "2"], "--port is given twice: give it once"],
    [["server", "--web-port", "x"], "--web-port 'x'"],
    [["server", "--no-web", "--web-port", "x"], "--web-port 'x'"],
    [["server", "--rate", "1.5"], "--rate '1.5' is not a whole number from 0 to 999999999"],
    [["server", "--rate", "-5"], "--rate '-5' is not a whole number from 0 to 999999999"],
    [["server", "--data", ""], "--data '' is not a file"],
    [
      ["server", "--data", "mysql://db/chat"],
      "--data 'mysql://db/chat' is not a database that parley knows: name a file, or use postgres://",
    ],
    [["server", "--proxy-protocol"], "--proxy-protocol needs --trusted-proxy"],
    [["server", "--keep-age", "0d"], "--keep-age '0d' is not an age of up to ten years"],
    [["server", "--keep-age", "forever"], "--keep-age 'forever' is not an age"],
    [["server", "--keep-age", "99999d"], "--keep-age '99999d' is not an age"],
    [["server", "--keep-messages", "0"], "--keep-messages '0' is not a whole number from 1"],
    [["server", "--keep-size", "1M"], "--keep-size '1M' is not a size of at least 50M"],
    [["server", "--keep-size", "2"], "--keep-size '2' is not a size"],
    [["server", "--keep-size", "1G"], "--keep-size needs --data"],
    [["server", "--sync", "full"], "--sync full needs --data"],
    [["server", "--sync=full", "--data=:memory:"], "--sync full needs --data"],
    [["server", "--files", ""], "--files '' is not a folder"],
    [["server", "--max-per-address", "many"], "--max-per-address 'many'"],
    [["server", "--json=maybe"], "--json is a switch and takes no value, not 'maybe'"],
    [["server", "--listen", "foo=1"], "--listen 'foo=1' is not DIALECT=PORT with one of: cpp"],
    [["server", "--listen", "cpp"], "--listen 'cpp' is not DIALECT=PORT"],
    [["server", "--listen", "cpp=0", "--listen", "cpp=0"], "--listen cpp=PORT is given twice"],
    [["server", "--listen", "cpp=x"], "--listen cpp=PORT: 'x' is not a port"],
    [["server", "--host", ""], "--host '' is not an address"],
    [
      ["server", "--public-url", "chat.example"],
      "--public-url 'chat.example' is not the URL of a page",
    ],
    [
      ["server", "--public-url", "https://x/chat"],
      "--public-url 'https://x/chat' is not the URL of a page",
    ],
    [["server", "--public-url", "ftp://x"], "--public-url 'ftp://x' is not the URL of a page"],
    [
      ["server", "--trusted-proxy", "10.0.0.0/33"],
      "--trusted-proxy '10.0.0.0/33' is not a network",
    ],
    [["server", "--trusted-proxy", "::1,x"], "--trusted-proxy 'x' is not a network"],
    [["server", "--metrics-port", "x"], "--metrics-port 'x' is not a port"],
    [
      ["server", "--host", "*"],
      "--host '*' is not an address: for every address of this machine use 0.0.0.0",
    ],
    [["client", "--downloads", ""], "--downloads '' is not a folder: try ./Downloads"],
    [["client", "--accept", ""], "--accept '' is not a folder: try ./Incoming"],
    [["client", "--accept", import.meta.path], "is not a folder: try ./Incoming"],
    [["client", "--accept", `${import.meta.path}/sub`], "is not a folder: try ./Incoming"],
    [["client", "--downloads", import.meta.path], "is not a folder: try ./Downloads"],
    [
      ["peer", "--id=Al", "--port=0", "--server=127.0.0.1:1", `--downloads=${import.meta.path}/a`],
      "is not a folder: try ./Downloads",
    ],
    [["client", "host:port"], "'host:port' is not an address: write HOST:PORT"],
    [["client", "127.0.0.1:99999"], "'127.0.0.1:99999'"],
    [["client", "--name", "a b"], "The name 'a b' is invalid"],
    [["client", "--name", "ALL"], "The name 'ALL' is reserved"],
    [["client", "--name", "x".repeat(33)], "is longer than 32 characters"],
    [["peer", "--id", "Al", "--port", "x", "--server", "127.0.0.1:1"], "--port 'x' is not a port"],
    [["peer", "--id", "Al", "--port", "0", "--server", "127.0.0.1:1", "--host", "*"], "--host '*'"],
    [["peer", "--id", "A l", "--port", "0", "--server", "127.0.0.1:1"], "A l"],
    [
      "peer --id Al --port 0 --server 127.0.0.1:1 --duplex --turns".split(" "),
      "--duplex and --turns exclude each other: leave out one",
    ],
    [["fetch-file", "--limit-rate", "x", "a"], "--limit-rate 'x' is not a rate"],
    [
      ["fetch-file", "--limit-rate", "-1", "a"],
      "--limit-rate '-1' is not a rate: use bytes per second, at least 1",
    ],
    [["fetch-file", "a", "-o"], "-o needs a value: write -o PATH"],
    [["peer", "--id", "Al"], "missing --port: see parley peer --help"],
    [["classic"], "missing DIALECT: see parley classic --help"],
    [["classic", "calculator", "--count", "3"], "--count is for date-time, and calculator has"],
    [["classic", "date-time", "--udp"], "--udp is for greeting, and date-time has"],
  ];
  const ended = runTogether(cases.map(([args]) => args));

  test.each(cases.map(([args, sentence], at) => [args, sentence, at] as const))(
    "parley %p",
    async (_args, sentence, at) => expectRefusal((await ended)[at], sentence),
  );
});

test("a wrong value in the environment is blamed on its variable, not on a flag", async () => {
  for (const [command, variable, value, sentence] of [
    ["server", "SERVER_PORT", "abc", " 'abc' is not a port: use a number from 0 to 65535"],
    ["server", "SERVER_LISTEN", "cpp=x", " cpp=PORT: 'x' is not a port"],
    ["server", "SERVER_LISTEN", "foo=1", " 'foo=1' is not DIALECT=PORT with one of: cpp"],
    ["client", "CLIENT_SERVER", "x:", " 'x:' is not an address: write HOST:PORT"],
    ["client", "CLIENT_NAME", "a b", ": The name 'a b' is invalid"],
    ["fetch-file", "FETCH_FILE_LIMIT_RATE", "zz", " 'zz' is not a rate: use bytes per second"],
  ] as const) {
    const args = command === "fetch-file" ? [command, "a"] : [command];
    const { code, err } = await run(args, { env: { [`PARLEY_${variable}`]: value } });
    const expected = `parley ${command}: PARLEY_${variable}${sentence}`;
    expect({ code, err: err.slice(0, expected.length) }).toEqual({ code: 2, err: expected });
  }
});

test("peer --host must be an address of this machine", async () => {
  const words = ["peer", "--id", "Al", "--port", "0", "--server", "127.0.0.1:1"];
  for (const host of ["192.0.2.1", "256.1.1.1"]) {
    const { code, out, err } = await run([...words, "--host", host]);
    expect({ code, out, err }).toEqual({
      code: 1,
      out: `Input socket setup failed: ${host}:0: not an address of this machine\n`,
      err: `parley peer: --host '${host}' is not an address of this machine: use 127.0.0.1 for this machine alone, 0.0.0.0 for everyone\n`,
    });
  }
});

test("a host with control characters is shown without them, on stdout too", async () => {
  const host = "a\u001b[31m\nb";
  const { out, err } = await run([
    "peer",
    "--id",
    "x",
    "--port",
    "0",
    "--server",
    "x",
    "--host",
    host,
  ]);
  expect(out).toMatch(/^Input socket setup failed: a[^\p{Cc}]*\n$/u);
  expect(err).toMatch(/^[^\p{Cc}]*\n$/u);
});

test("short flags have their usual meaning", async () => {
  for (const [args, sentence] of [
    [["server", "-p", "x"], "--port 'x' is not a port"],
    [["peer", "-n", "A l", "-p", "0", "--server", "127.0.0.1"], "'A l'"],
    [["client", "-n", "a b"], "The name 'a b' is invalid"],
    [["fetch-file", "-q", "-o", "", "a.txt"], "-o '' is not a path"],
  ] as const) {
    const { code, err } = await run(args);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(sentence) });
  }
});

test("an unknown host is exit code 3, and the same sentence everywhere", async () => {
  for (const args of [
    ["client", "nowhere.invalid:1", "--name", "bot"],
    ["fetch-file", "nowhere.invalid:1", "a.txt"],
    ["client", "nowhere.invalid", "--name", "bot"],
    ["fetch-file", "--server", "nowhere.invalid", "a.txt"],
  ]) {
    const { code, err } = await run(args);
    expect({ code, err }).toEqual({
      code: 3,
      // Without a name server nobody knows.
      err: expect.stringMatching(
        /Cannot find the host 'nowhere.invalid': is it spelled correctly\?|Cannot look up the host/,
      ),
    });
  }
});

test("a server that is not running is exit code 3, and one sentence with the address", async () => {
  const closed = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const address = `127.0.0.1:${closed.port}`;
  closed.stop(true);
  const each = [
    ["client", address, "--name", "bot"],
    ["fetch-file", address, "a.txt"],
    ["fetch-file", address, "--list"],
    ["classic", "calculator", address],
  ];
  for (const args of each) {
    const { code, out, err } = await run(args, { input: "Ann\n1 + 1\nq\n" });
    expect({ args, code, err }).toEqual({ args, code: 3, err: expect.stringContaining(address) });
    expect(out).not.toContain("Result");
  }
});

describe("help", () => {
  const helps = new Map<string, Promise<Ended>>();
  /** Asked for once. */
  const helpOf = (name: string): Promise<Ended> => {
    const asked = helps.get(name) ?? run([name, "--help"]);
    helps.set(name, asked);
    return asked;
  };

  test("without a command, on stderr, as an error", async () => {
    const { code, out, err } = await run([]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    for (const name of commands) expect(err).toContain(`\n  ${name}`);
  });

  test.each([["--help"], ["-h"], ["help"]])("parley %s names every command", async (word) => {
    const { code, out, err } = await run([word]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const name of commands) expect(out).toContain(`\n  ${name}`);
    expect(out).toContain("Exit codes:");
    expect(out.split("\n").filter((line) => Bun.stringWidth(line) > 80)).toEqual([]);
  });

  test.each(commands)("of %s, in three notations, with its flags", async (name) => {
    const { code, out, err } = await helpOf(name);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain(`parley ${name}`);
    for (const args of [
      [name, "-h"],
      ["help", name],
    ]) {
      expect(await run(args)).toEqual({ code: 0, out, err: "" });
    }
  });

  test.each(commands)("of %s fits 80 columns, or the width of the terminal", async (name) => {
    const { out } = await helpOf(name);
    const { shown } = await runOnTerminal([name, "--help"], { columns: 60 });
    for (const [text, columns] of [
      [out, 80],
      [shown.replaceAll("\r\n", "\n"), 60],
    ] as const) {
      expect(text.split("\n").filter((row) => Bun.stringWidth(row) > columns)).toEqual([]);
      expect(text).not.toMatch(/ \n/);
      expect(text).not.toMatch(escape);
    }
    expect(shown).not.toBe(out);
  });

  test("shows the usage and the possible values", async () => {
    const all = await Promise.all(commands.map(helpOf));
    expect(all.map(({ out }) => out.split("\n")[0])).toEqual([
      "Usage: parley server [flags]",
      "Usage: parley client [ADDRESS] [flags]",
      "Usage: parley peer --id NAME --port N --server ADDRESS [flags]",
      "Usage: parley fetch-file [ADDRESS] NAME… [flags]",
      "Usage: parley classic DIALECT [ADDRESS] [flags]",
    ]);
    const { out } = await helpOf("server");
    for (const name of ["cpp", ...Object.keys(dialects)]) expect(out).toContain(name);
  });

  test("lists every documented flag", async () => {
    const flags = {
      server:
        "host port web-port no-web public-url trusted-proxy metrics-port files data listen classic rate max-per-address log-level json".split(
          " ",
        ),
      client: ["server", "name", "room", "downloads", "follow", "json"],
      peer: ["id", "port", "server", "host", "duplex"],
      "fetch-file": "server list no-resume force limit-rate json quiet".split(" "),
    };
    for (const [name, wanted] of Object.entries(flags)) {
      const { out } = await helpOf(name);
      expect(wanted.filter((flag) => !out.includes(`--${flag}`))).toEqual([]);
    }
  });

  test("after -- --help is a word", async () => {
    const { code } = await run(["server", "--", "--help"]);
    expect(code).toBe(2);
  });
});

describe("the version", () => {
  test.each([[["--version"]], [["-V"]], [["-v"]], [["server", "--version"]], [["client", "-V"]]])(
    "%p is a number and nothing else",
    async (args) => expect(await run(args)).toEqual({ code: 0, out: `${version}\n`, err: "" }),
  );

  test.each([
    [["--version", "--json"]],
    [["--json", "--version"]],
    [["server", "--json", "--version"]],
  ])("%p tells build and protocols too", async (args) => {
    const { code, out, err } = await run(args);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const report = JSON.parse(out) as Record<string, unknown>;
    expect(report).toMatchObject({
      event: "version",
      version,
      bun: Bun.version,
      protocols: { native: expect.any(Number), transfer: expect.any(Number) },
    });
    if ("commit" in report) expect(report["commit"]).toMatch(/^[0-9a-f]{40}(?:-dirty)?$/);
  });
});

describe("no escape sequences", () => {
  const words = [["--help"], ["server", "--help"], ["servr"], ["server", "--port", "x"], ["peer"]];

  test("into a pipe", async () => {
    for (const args of words) {
      const { out, err } = await run(args);
      expect(out + err).not.toMatch(escape);
    }
    const hostile = await run(["server", "--\u001b[2Jx\u0007"]);
    expect(hostile.err).not.toMatch(/[\u001b\u0007]/);
    expect((await run(["\u001b[2Jx"])).err).not.toMatch(escape);
  });

  test("from a peer on a terminal with TERM=dumb", async () => {
    const args = "peer --id Al --port 0 --server 127.0.0.1:1".split(" ");
    const { code, shown } = await runOnTerminal(args, {
      env: { TERM: "dumb" },
      steps: [
        ["/bridge [NAME], /chat", ({ type }) => type("/id\n")],
        ["/id\r\nAl", ({ type }) => type("/quit\n")],
      ],
    });
    expect(code).toBe(0);
    expect(shown).not.toMatch(escape);
  });

  test.each(["1", "yes"])("on a terminal with NO_COLOR=%s", async (value) => {
    for (const args of words) {
      const { shown } = await runOnTerminal(args, { env: { NO_COLOR: value } });
      expect(shown.length).toBeGreaterThan(10);
      expect(shown).not.toMatch(escape);
    }
  });
});

skipUnless(existsSync("/dev/full"), "no /dev/full")(
  "output that does not fit on the disk is exit code 1, whatever the command",
  async () => {
    for (const words of ["--help", "client --help", "--version", "completions bash"]) {
      const line = `${parleyCommand().join(" ")} ${words} > /dev/full`;
      const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", line], { stderr: "pipe" });
      expect({ words, exitCode }).toEqual({ words, exitCode: 1 });
      expect(stderr.toString()).toContain("The output can't be written: no space left on device\n");
    }
  },
);

test("a reader that is slower than a second gets all of the output", () => {
  // As much as a pipe holds on Linux: what follows waits for the reader.
  const filled = "head -c 65536 /dev/zero";
  const command = `${parleyCommand().join(" ")} server --help`;
  const { stdout } = Bun.spawnSync(["sh", "-c", `(${filled}; ${command}) | (sleep 2; cat)`]);
  const whole = Bun.spawnSync([...parleyCommand(), "server", "--help"]).stdout;
  expect(stdout.subarray(65_536).toString()).toBe(whole.toString());
});

test("stdin that is a folder is an error of one line, not an internal one", () => {
  const send = ["send-file", "127.0.0.1:1", "-"];
  const folder = openSync(".", "r");
  const { exitCode, stderr } = Bun.spawnSync([...parleyCommand(), ...send], { stdin: folder });
  closeSync(folder);
  const err = stderr.toString();
  expect({ exitCode, err }).toEqual({
    exitCode: 1,
    err: "parley send-file: Cannot read stdin: it is a folder\n",
  });
});

// `parley client` in scripts: the compiled executable, in pipes, with servers that die.

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Parley, parleyCommand } from "../parley.ts";
import { ServerHere } from "../server-here.ts";
import { testFolder } from "../test-folder.ts";
import { color, escape, run, runOnTerminal } from "./run.ts";

const folder = testFolder("client");

function server(...flags: string[]): Promise<ServerHere> {
  return ServerHere.start("--no-web", "--files", folder, "--port", "0", ...flags);
}

/** Another process, which can be killed. */
async function serverProgram(
  port: number,
  ...flags: string[]
): Promise<{ program: Parley; port: number }> {
  const words = ["--no-web", "--files", folder, "--port", String(port), ...flags];
  const program = new Parley("server", ...words);
  const line = await program.line(/^Server listening on /);
  return { program, port: Number(line.split(":").at(-1)) };
}

/** Escape sequences that move the cursor. */
const cursorMove = /\u001b\[\d*[ACJ]/;

const at = (port: number) => `127.0.0.1:${port}`;

/** Runs a client on this input until it ends. */
async function pipe(
  port: number,
  input: string | Uint8Array,
  ...flags: string[]
): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn([...parleyCommand(), "client", at(port), ...flags], {
    stdin: typeof input === "string" ? new TextEncoder().encode(input) : input,
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, NO_COLOR: "1" },
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, out, err };
}

/** Sends `hi` with these flags and variables. */
function sayHi(args: string[], env: Record<string, string> = {}): ReturnType<typeof run> {
  return run(["client", "--name", "bot", ...args], { input: "hi\n", env });
}

async function listener(port: number, name: string, ...flags: string[]): Promise<Parley> {
  const client = new Parley("client", at(port), "--name", name, "--follow", ...flags);
  client.endInput();
  await client.until(() => /You are|"online"/.test(client.stderr + client.lines.join()), "login");
  return client;
}

describe("parley client in a pipe", () => {
  test("sends every line of stdin literally, and another process gets it", async () => {
    const { program, port } = await serverProgram(0);
    await using running = program;
    await using log = await listener(port, "log");
    const { code, out } = await pipe(
      port,
      "hi\r\n/quit\n{quit}\n\n~log psst\nlast",
      "--name",
      "bot",
    );
    const said = ["hi", "/quit", "{quit}", "", "~log psst", "last"].map((text) => `bot: ${text}`);
    expect({ code, out }).toEqual({ code: 0, out: `${said.join("\n")}\n` });
    await log.line("bot: last");
    expect(log.lines).toEqual(said);
    log.signal("SIGINT");
    expect(await log.exit()).toBe(130);
    expect(running.lines.length).toBe(1);
  });

  test("prints events as JSON", async () => {
    await using running = await server();
    const { port } = running;
    await using log = await listener(port, "log", "--json");
    await pipe(port, "a \u001b[31mred\u001b[0m word\n", "--name", "bot");
    await log.line(/"left"/);
    for (const line of log.lines) expect(line).not.toMatch(/[\u007f-\u009f]/);
    const events = log.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events).toMatchObject([
      { event: "online", name: "log", rooms: ["lobby"] },
      { event: "joined", room: "lobby", name: "log" },
      { event: "joined", room: "lobby", name: "bot" },
      { event: "message", room: "lobby", seq: 1, from: "bot", text: "a red word", mine: false },
      { event: "left", room: "lobby", name: "bot", reason: "quit" },
    ]);
    expect(log.stderr).toBe("");
  });

  test("prints as JSON why it failed, even before logging in", async () => {
    await using running = await server();
    const { port } = running;
    await using log = await listener(port, "Ann", "--json");
    const taken = await pipe(port, "x", "--name", "ann", "--json");
    expect(taken.code).toBe(4);
    expect(JSON.parse(taken.out)).toMatchObject({
      event: "ended",
      code: "name-taken",
      message: expect.stringContaining("'ann' is taken"),
    });
    expect(taken.err).toContain("'ann' is taken");
    const wrong = await pipe(port, "x", "--name", "no good", "--json");
    expect(JSON.parse(wrong.out)).toMatchObject({ event: "ended", code: "name-invalid" });
    const nobody = await pipe(1, "x", "--json");
    expect(JSON.parse(nobody.out)).toMatchObject({ event: "ended", code: "cannot-connect" });
    log.signal("SIGTERM");
    expect(await log.exit()).toBe(143);
    expect(JSON.parse(log.lines.at(-1) ?? "")).toMatchObject({
      event: "ended",
      code: "terminated",
    });
  });

  test("neither loses nor duplicates anything while its server is killed repeatedly", async () => {
    const flags = ["--data", join(folder, "kill.db"), "--rate", "0"];
    const first = await serverProgram(0, ...flags);
    let running = first.program;
    const { port } = first;
    const log = await listener(port, "log");
    const bot = new Parley("client", at(port), "--name", "bot");
    const lines = Array.from({ length: 1_000 }, (_, i) => `line ${i}`);
    try {
      for (let kill = 0; kill < 4; kill++) {
        bot.type(...lines.slice(kill * 200, kill * 200 + 200));
        await bot.line(`bot: line ${kill * 200}`);
        running.signal("SIGKILL");
        await running.exit();
        bot.type(...lines.slice(800 + kill * 50, 850 + kill * 50));
        running = (await serverProgram(port, ...flags)).program;
      }
      bot.endInput();
      expect({ code: await bot.exit(), err: bot.stderr }).toMatchObject({ code: 0 });
      await log.until(() => log.lines.length >= lines.length, "all lines");
      for (const heard of [bot.lines, log.lines]) {
        expect(heard.length).toBe(lines.length);
        expect(heard.toSorted()).toEqual(lines.map((line) => `bot: ${line}`).toSorted());
      }
      expect(log.lines).toEqual(bot.lines);
      expect(bot.stderr).toContain("Reconnected after");
    } finally {
      for (const parley of [bot, log, running]) await parley[Symbol.asyncDispose]();
    }
  }, 180_000);

  test("reports the error, with the documented exit code", async () => {
    await using running = await server();
    const { port } = running;
    await using holder = await listener(port, "Ann");
    expect(holder.lines).toEqual([]);
    const cases: [Awaited<ReturnType<typeof pipe>>, number, string][] = [
      [await pipe(port, "x", "--name", "no good"), 2, "'no good'"],
      [await pipe(port, "x", "--room", "a/b"), 2, "'a/b'"],
      [await pipe(port, "x", "--nmae", "x"), 2, "--name"],
      [await pipe(port, "x", "--name", "ann"), 4, "'ann' is taken"],
      [await pipe(1, "x", "--name", "Bob"), 3, "127.0.0.1:1: connection refused"],
    ];
    for (const [{ code, out, err }, wanted, words] of cases) {
      expect({ code, out, err }).toMatchObject({ code: wanted, out: "" });
      expect(err).toContain(words);
      expect(err).not.toContain("    at ");
    }
  });

  test("stops at a line that is too long, names it, and has sent the lines before it", async () => {
    await using running = await server();
    const { port } = running;
    const longest = "é".repeat(16_384);
    const { code, out, err } = await pipe(
      port,
      `${longest}\n${longest}é\nnever\n`,
      "--name",
      "bot",
    );
    expect({ code, out: out.length }).toEqual({ code: 2, out: longest.length + 6 });
    expect(err).toContain("Line 2 of the input is longer than 16384 characters");
    const endless = await pipe(port, new Uint8Array(3_000_000).fill(120), "--name", "bot");
    expect(endless).toMatchObject({ code: 2, out: "" });
    expect(endless.err).toContain("Line 1");
  });

  test("connects to --server, or to the address in the environment; an address argument wins", async () => {
    await using running = await server();
    const { port } = running;
    expect(await sayHi(["--server", at(port)])).toMatchObject({ code: 0, out: "bot: hi\n" });
    expect(await sayHi([], { PARLEY_CLIENT_SERVER: at(port) })).toMatchObject({ code: 0 });
    const both = await sayHi([at(port), "--server", at(1)], { PARLEY_CLIENT_SERVER: at(1) });
    expect(both).toMatchObject({ code: 0, out: "bot: hi\n" });
    const wrong = await sayHi([], { PARLEY_CLIENT_SERVER: "nowhere:" });
    expect(wrong).toMatchObject({
      code: 2,
      err: expect.stringContaining("PARLEY_CLIENT_SERVER 'nowhere:'"),
    });
  });

  test("uses the user's name even if the environment does not have it", async () => {
    await using running = await server();
    const { port } = running;
    const command = `unset USER LOGNAME USERNAME; echo hi | ${[...parleyCommand(), "client", at(port)].join(" ")}`;
    const user = Bun.spawnSync(["id", "-un"]).stdout.toString().trim();
    const shell = Bun.spawn(["sh", "-c", command], { stdout: "pipe" });
    expect(await new Response(shell.stdout).text()).toBe(`${user}: hi\n`);
  });

  test("ends on SIGTERM as a shell expects", async () => {
    await using running = await server();
    const { port } = running;
    await using log = await listener(port, "log");
    log.signal("SIGTERM");
    expect(await log.exit()).toBe(143);
    expect(log.stderr).toContain("parley client: Terminated");
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)(
    "on a terminal %s ends with %i, and the terminal is given back",
    async (signal, code) => {
      await using running = await server();
      const { port } = running;
      const ended = await runOnTerminal(["client", at(port), "--name", "Ann"], {
        steps: [["lobby> ", (child) => child.kill(signal)]],
      });
      expect(ended.code).toBe(code);
      expect(ended.shown.lastIndexOf("\u001b[?2004l")).toBeGreaterThan(
        ended.shown.lastIndexOf("\u001b[?2004h"),
      );
      expect(ended.echoes).toBe(true);
    },
  );

  test.each([{ TERM: "dumb" }, { TERM: "dumb", NO_COLOR: "1" }])(
    "on a terminal with %j it writes plain lines, and commands work",
    async (env) => {
      await using running = await server();
      const { port } = running;
      await using log = await listener(port, "log");
      const { code, shown, echoes } = await runOnTerminal(["client", at(port), "--name", "Ann"], {
        env,
        steps: [
          ["Ctrl-D leaves", ({ type }) => type("hello\n")],
          ["Ann: hello", ({ type }) => type("/who\n")],
          ["2 in lobby: ", ({ type }) => type("/msg log psst\n")],
          ["to log (private, not sealed): psst", ({ type }) => type("/quit\n")],
        ],
      });
      expect({ code, echoes }).toEqual({ code: 0, echoes: true });
      expect(shown).not.toMatch(escape);
      expect(shown).not.toContain("lobby>");
      expect(shown).toContain("/help lists the commands, Ctrl-D leaves\r\n");
      await log.line("Ann: hello");
      expect(log.lines).not.toContain("Ann: /who");
    },
  );

  test("a terminal that reports 0 by 0 is treated as 80 by 24", async () => {
    await using running = await server();
    const { port } = running;
    const { code } = await runOnTerminal(["client", at(port), "--name", "Ann"], {
      before: "stty cols 0 rows 0",
      steps: [
        ["lobby> ", ({ type }) => type("wider than eight")],
        ["lobby> wider than eight", ({ type }) => type("\r/quit\r")],
      ],
    });
    expect(code).toBe(0);
  });

  test("on a terminal with NO_COLOR it has a prompt and Tab, and no colours", async () => {
    await using running = await server();
    const { port } = running;
    await using log = await listener(port, "log");
    const { code, shown } = await runOnTerminal(["client", at(port), "--name", "Ann"], {
      env: { NO_COLOR: "1" },
      steps: [
        ["lobby> ", ({ type }) => type("hello\r")],
        ["Ann: hello", ({ type }) => type("/msg lo\t")],
        ["/msg log ", ({ type }) => type("psst\r")],
        ["to log (private, not sealed): psst", ({ type }) => type("/quit\r")],
      ],
    });
    expect(code).toBe(0);
    expect(shown).toMatch(cursorMove);
    expect(shown).not.toMatch(color);
    await log.line("Ann (private, not sealed): psst");
  });

  test("on a terminal without NO_COLOR it has colours", async () => {
    await using running = await server();
    const { port } = running;
    const { shown } = await runOnTerminal(["client", at(port), "--name", "Ann"], {
      steps: [["lobby> ", ({ type }) => type("/quit\r")]],
    });
    expect(shown).toMatch(color);
  });

  test("a fetch of a missing file leaves no folder behind", async () => {
    await using running = await server();
    const { port } = running;
    const saved = join(folder, "not", "there");
    const args = ["client", at(port), "--name", "Ann", "--downloads", saved];
    await runOnTerminal(args, {
      steps: [
        ["lobby> ", ({ type }) => type("/get nothing\r")],
        ["There is no file 'nothing'", ({ type }) => type("/quit\r")],
      ],
    });
    expect(existsSync(join(folder, "not"))).toBe(false);
  });

  test("without a prompt, Ctrl-D and Ctrl-C work as with one", async () => {
    await using running = await server();
    const { port } = running;
    for (const [key, expected] of [
      ["\u0004", 0],
      ["\u0003", 130],
    ] as const) {
      const { code, shown } = await runOnTerminal(["client", at(port), "--name", "Ann"], {
        env: { TERM: "dumb" },
        steps: [["Ctrl-D leaves", ({ type }) => type(key)]],
      });
      expect(code).toBe(expected);
      expect(shown).not.toMatch(escape);
    }
  });

  test("a terminal that is closed is not an internal error", async () => {
    await using running = await server();
    const { port } = running;
    await using log = await listener(port, "log");
    const { code, shown } = await runOnTerminal(["client", at(port), "--name", "Ann"], {
      steps: [["lobby> ", ({ hangUp }) => hangUp()]],
    });
    expect(code).toBe(129);
    expect(shown).not.toContain("internal error");
    await log.says("Ann has left");
  });

  test("replaces invalid UTF-8 with U+FFFD", async () => {
    await using running = await server();
    const { port } = running;
    const { code, out } = await pipe(port, Buffer.from([97, 0xff, 98, 10]), "--name", "bot");
    expect({ code, out }).toEqual({ code: 0, out: "bot: a\ufffdb\n" });
  });

  test("finds a free name automatically, for several clients at once", async () => {
    await using running = await server();
    const { port } = running;
    const runs = await Promise.all([1, 2, 3].map((i) => pipe(port, `from ${i}\n`)));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
  });

  test("sends all of its input even if nobody reads its output any more", async () => {
    await using running = await server("--rate", "0");
    const { port } = running;
    await using log = await listener(port, "log");
    const command = [...parleyCommand(), "client", at(port), "--name", "bot"].join(" ");
    const script = `seq 1 20000 | ${command} 2>err.txt | head -n 1; echo "\${PIPESTATUS[*]}"`;
    const shell = Bun.spawn(["bash", "-c", script], { cwd: folder, stdout: "pipe" });
    expect(await new Response(shell.stdout).text()).toBe("bot: 1\n0 0 0\n");
    expect(await Bun.file(join(folder, "err.txt")).text()).not.toContain("parley client:");
    await log.line("bot: 20000");
    expect(log.lines.length).toBe(20_000);
  });

  test("pauses for a slow reader, and loses nothing", async () => {
    await using running = await server("--rate", "0");
    const { port } = running;
    const command = [...parleyCommand(), "client", at(port), "--name", "bot"].join(" ");
    const script = `seq 1 60000 | ${command} 2>/dev/null | (sleep 1; wc -l)`;
    const shell = Bun.spawn(["bash", "-c", script], { stdout: "pipe" });
    expect((await new Response(shell.stdout).text()).trim()).toBe("60000");
  });

  test("says in words why it can't read or write", async () => {
    await using running = await server();
    const command = [...parleyCommand(), "client", at(running.port), "--name", "bot"].join(" ");
    const reasonWith = async (redirected: string): Promise<string> => {
      const shell = Bun.spawn(["sh", "-c", `echo hi | ${command} ${redirected}`], {
        cwd: folder,
        stderr: "pipe",
      });
      const err = await new Response(shell.stderr).text();
      expect(await shell.exited).toBe(1);
      return err;
    };
    expect(await reasonWith("< .")).toEndWith("after line 0: it is a folder\n");
    if (existsSync("/dev/full")) {
      expect(await reasonWith("> /dev/full")).toContain(
        "written: no space left on device. The input",
      );
    }
  });
});

// Completions in real shells: subcommands, flags, dialects, files, known servers.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { reachableHosts } from "../../src/io/host-port.ts";
import { Parley, parleyCommand } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { environment, run } from "./run.ts";
import { Shell } from "./shell.ts";
import { testFolder } from "../test-folder.ts";

// Each test requests about twenty completions from a shell, some of which query a server.
setDefaultTimeout(180_000);

const outside = reachableHosts("0.0.0.0").find((host) => host !== "127.0.0.1");
const testBeyond = skipUnless(outside !== undefined, "an address besides loopback is needed");

const folder = testFolder("completions");
const configuration = join(folder, "configuration");
let server: Parley | undefined;
let address = "";

beforeAll(async () => {
  for (const name of ["bin", "shared", "configuration/parley"]) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  const command = parleyCommand().map((word) => `'${word}'`);
  const script = `#!/bin/sh\nexec ${command.join(" ")} "$@"\n`;
  writeFileSync(join(folder, "bin/parley"), script, { mode: 0o755 });
  writeFileSync(join(folder, "shared/big file.bin"), "big");
  writeFileSync(join(folder, "welcome.txt"), "hello");
  const pin = "A".repeat(43);
  writeFileSync(
    join(configuration, "parley/known_servers"),
    `# mine\nchat.example:55000 ${pin}\n[2001:db8::1]:7000 ${pin}\nchat.example:55000 ${pin}\n`,
  );
  const shared = join(folder, "shared");
  const state = join(folder, "state");
  server = new Parley("server", "--port=0", "--no-web", `--files=${shared}`, `--state=${state}`);
  address = (await server.line(/^Server listening on /)).replace("Server listening on ", "");
});

afterAll(() => server?.[Symbol.asyncDispose]());

const env = (): Record<string, string> => ({
  ...environment({ XDG_CONFIG_HOME: configuration, HOME: folder, PS1: "$ " }),
  PATH: `${join(folder, "bin")}:${process.env["PATH"]}`,
});

/** The typed text before Tab, and the resulting words of the line. */
const cases = (): [what: string, typed: string, words: string[]][] => [
  ["a subcommand", "parley cli", ["client"]],
  ["a subcommand with a dash", "parley fetch", ["fetch-file"]],
  ["a flag", "parley server --web-p", ["server", "--web-port"]],
  ["a flag in its negative form", "parley server --no-w", ["server", "--no-web"]],
  ["a flag of another command", "parley fetch-file --limit", ["fetch-file", "--limit-rate"]],
  ["a flag after a value", "parley server --port 1 --cla", ["server", "--port", "1", "--classic"]],
  ["a listed value", "parley server --sync f", ["server", "--sync", "full"]],
  ["a level", "parley server --log-level deb", ["server", "--log-level", "debug"]],
  ["a dialect", "parley classic calc", ["classic", "calculator"]],
  ["an order", "parley admin unb", ["admin", "unban"]],
  ["a shell", "parley completions fi", ["completions", "fish"]],
  ["a file", "parley server --motd wel", ["server", "--motd", "welcome.txt"]],
  ["a folder", "parley server --files sha", ["server", "--files", "shared/"]],
  ["a folder for offers", "parley client --accept sha", ["client", "--accept", "shared/"]],
  ["a file with a key", "parley admin --identity wel", ["admin", "--identity", "welcome.txt"]],
  ["an address to listen on", "parley server --host 0", ["server", "--host", "0.0.0.0"]],
  ["a flag of a kind", "parley server --keep-a", ["server", "--keep-age"]],
  ["a file to send", "parley send-file wel", ["send-file", "welcome.txt"]],
  ["a known server", "parley client chat.", ["client", "chat.example:55000"]],
  [
    "a known server past its colon",
    "parley client chat.example:5",
    ["client", "chat.example:55000"],
  ],
  [
    "a known server of a flag",
    "parley admin --server ch",
    ["admin", "--server", "chat.example:55000"],
  ],
  [
    "a known server before a file of it",
    "parley fetch-file chat.",
    ["fetch-file", "chat.example:55000"],
  ],
  ["a known server before a file", "parley send-file cha", ["send-file", "chat.example:55000"]],
  ["a known server before an order", "parley admin chat.", ["admin", "chat.example:55000"]],
  ["an order for a server", "parley admin a.example:1 unb", ["admin", "a.example:1", "unban"]],
  [
    "a file for a server",
    "parley send-file a.example:1 wel",
    ["send-file", "a.example:1", "welcome.txt"],
  ],
  [
    "a file of a server",
    `parley fetch-file --server ${address} bi`,
    ["fetch-file", "--server", address, "big file.bin"],
  ],
  [
    "a file of a server after a =",
    `parley fetch-file --server=${address} bi`,
    ["fetch-file", `--server=${address}`, "big file.bin"],
  ],
  [
    "a file of the server before it",
    `parley fetch-file ${address} bi`,
    ["fetch-file", address, "big file.bin"],
  ],
];

describe.each([
  { shell: "bash", command: ["bash", "--norc", "--noprofile", "-i"] },
  { shell: "zsh", command: ["zsh", "-f", "-i"] },
])("$shell", ({ shell, command }) => {
  const check = skipUnless(Bun.which(shell) !== null, `${shell} is not installed`);

  const open = async (): Promise<Shell> => {
    const typed = new Shell(command, folder, env());
    if (shell === "zsh") {
      await typed.run(
        "unset zle_bracketed_paste; unsetopt prompt_cr auto_remove_slash; autoload -U compinit",
      );
      await typed.run("compinit -u -D");
      await typed.run("source <(parley completions zsh)");
    } else {
      await typed.run("bind 'set enable-bracketed-paste off'");
      await typed.run('eval "$(parley completions bash)"');
    }
    return typed;
  };

  check("completes each kind of word", async () => {
    await using typed = await open();
    for (const [what, beginning, words] of cases()) {
      expect({ what, words: await typed.complete(beginning) }).toEqual({
        what,
        words: ["parley", ...words],
      });
    }
  });

  check("asks the program whose path was typed, which PATH need not contain", async () => {
    await using typed = await open();
    await typed.run("PATH=/usr/bin:/bin");
    for (const program of ["~/bin/parley", "bin/parley", join(folder, "bin/parley")]) {
      expect(await typed.complete(`${program} client chat.`)).toEqual([
        program.replace("~", folder),
        "client",
        "chat.example:55000",
      ]);
    }
  });

  check("completes no argument that the command does not have", async () => {
    await using typed = await open();
    for (const line of ["parley client a.example:1", "parley classic greeting a.example:1"]) {
      expect(await typed.complete(`${line} chat.`)).toEqual([...line.split(" "), "chat."]);
    }
    // The name of a person, not of a file.
    const named = `parley fetch-file --server ${address} --name bi`;
    expect(await typed.complete(named)).toEqual(named.split(" "));
  });
});

skipUnless(Bun.which("bash") !== null, "bash is not installed")(
  "bash offers every dialect, and goes on after its =",
  async () => {
    await using bash = new Shell(["bash", "--norc", "--noprofile", "-i"], folder, env());
    await bash.run("bind 'set enable-bracketed-paste off'");
    await bash.run('eval "$(parley completions bash)"');
    expect(await bash.complete("parley server --listen gre", "\t7")).toEqual([
      "parley",
      "server",
      "--listen",
      "greeting=7",
    ]);
    const insertAll = "\u001b*";
    expect(await bash.complete("parley server --listen c", insertAll)).toEqual([
      "parley",
      "server",
      "--listen",
      "calculator=",
      "chat-room=",
      "cpp=",
    ]);
  },
);

skipUnless(Bun.which("fish") !== null, "fish is not installed")(
  "fish completes each kind of word, and says what it means",
  async () => {
    const script = join(folder, "parley.fish");
    writeFileSync(script, (await run(["completions", "fish"])).out);
    const offered = (line: string): string[] => {
      const words = ["fish", "--no-config", "-c", `source ${script}; complete -C "${line}"`];
      const { stdout, stderr } = Bun.spawnSync(words, { cwd: folder, env: env() });
      expect(stderr.toString()).toBe("");
      return stdout.toString().split("\n").slice(0, -1);
    };
    for (const [what, beginning, words] of cases()) {
      const completed = offered(beginning).map((line) => line.split("\t")[0]);
      expect({ what, completed }).toEqual({ what, completed: [words.at(-1)!] });
    }
    expect(offered("parley cli")).toEqual(["client\tChat in a terminal, or from a pipe"]);
    expect(offered("parley server --listen cal")[0]).toStartWith("calculator=\tOpen a port");
    // A flag's value is not a command.
    expect(offered("parley client --name server --cla")).toEqual([]);
    // Nor is a server a dialect.
    expect(offered("parley classic chat")).toEqual([expect.stringMatching(/^chat-room(\t|$)/)]);
    // The name of a person, not of a file.
    expect(offered(`parley fetch-file --server ${address} --name bi`)).toEqual([]);
  },
);

describe("the files of a server", () => {
  test("are listed, but for names that would be taken for flags", async () => {
    writeFileSync(join(folder, "shared/--output=x"), "a trap");
    const { code, out } = await run(["completions", "files", address]);
    expect({ code, out }).toEqual({ code: 0, out: "big file.bin\n" });
  });

  test("are all listed, however many, to a shell that does not read at once", async () => {
    const many = join(folder, "many");
    mkdirSync(many);
    for (let i = 0; i < 3_000; i++) writeFileSync(join(many, `${i} ${"x".repeat(200)}`), "");
    const flags = ["--port=0", "--no-web", `--files=${many}`, `--state=${join(folder, "many's")}`];
    await using other = new Parley("server", ...flags);
    const at = (await other.line(/^Server listening on /)).replace("Server listening on ", "");
    const script = `parley completions files ${at} | (sleep 0.5; wc -l)`;
    const { stdout } = Bun.spawnSync(["sh", "-c", script], { env: env() });
    expect(Number(stdout.toString())).toBe(3_000);
  });

  testBeyond("are not asked for if its key would have to be trusted first", async () => {
    const shared = join(folder, "shared");
    const flags = [
      "--port=0",
      "--no-web",
      "--host=0.0.0.0",
      `--files=${shared}`,
      `--state=${join(folder, "beyond")}`,
    ];
    await using open = new Parley("server", ...flags);
    const port = (await open.line(/^Server listening on /)).split(":").at(-1);
    const home = join(folder, "new home");
    const env = { XDG_CONFIG_HOME: home };
    const listed = () => run(["completions", "files", `${outside}:${port}`], { env });
    expect(await listed()).toMatchObject({ code: 0, out: "" });
    expect(existsSync(home)).toBe(false);
    await run(["fetch-file", "--list", `--server=${outside}:${port}`], { env });
    expect(await listed()).toMatchObject({ code: 0, out: "big file.bin\n" });
  });
});

test("an unknown shell is an error that lists the known ones", async () => {
  const { code, err } = await run(["completions", "tcsh"]);
  expect({ code, err }).toEqual({
    code: 2,
    err: "parley completions: Unknown shell 'tcsh': use one of bash, zsh, fish, powershell\n",
  });
});

test("the known servers are listed once, the one on this machine first", async () => {
  const { out } = await run(["completions", "servers"], {
    env: { XDG_CONFIG_HOME: configuration },
  });
  expect(out.split("\n")).toEqual([
    "127.0.0.1:55000",
    "chat.example:55000",
    "[2001:db8::1]:7000",
    "",
  ]);
});

// install.sh in a stranger's hands, from the test's own server: what it installs, and that it
// installs nothing if anything is wrong.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { tarXz } from "../../src/release/archives.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";
import { patienceMs } from "../until.ts";

const script = join(import.meta.dir, "../../src/release/install.sh");
const root = testFolder("install");
const platforms = ["linux-x64", "linux-arm64", "linux-x64-musl", "macos-x64", "macos-arm64"];

/** Responses by path. A number is a status; `cut` closes after half of the announced length. */
const served = new Map<string, Uint8Array | string | number | { cut: Uint8Array }>();
let server: Bun.TCPSocketListener<undefined> | undefined;
let base = "";

beforeAll(async () => {
  const sums: string[] = [];
  for (const platform of platforms) {
    const name = `parley-1.2.3-${platform}`;
    const archive = await tarXz(
      [
        {
          path: `${name}/bin/parley`,
          content: `#!/bin/sh\necho "1.2.3 for ${platform}"\n`,
          isExecutable: true,
        },
      ],
      1_700_000_000,
    );
    served.set(`/v1/${name}.tar.xz`, archive);
    sums.push(`${Bun.SHA256.hash(archive, "hex")}  ${name}.tar.xz`);
  }
  served.set("/v1/SHA256SUMS", `${sums.join("\n")}\n`);
  server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    data: undefined,
    socket: { data: (socket, bytes) => answer(socket, bytes.toString()) },
  });
  base = `http://127.0.0.1:${server.port}/v1`;
});

afterAll(() => server?.stop(true));

// Written by hand: no HTTP server lets a response end before its announced length.
function answer(socket: Bun.Socket<undefined>, request: string): void {
  const found = served.get(request.split(" ")[1] ?? "") ?? 404;
  if (typeof found === "number") {
    socket.end(`HTTP/1.1 ${found} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    return;
  }
  const isCut = typeof found === "object" && "cut" in found;
  const body = Buffer.from(isCut ? found.cut : found);
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`);
  socket.end(isCut ? body.subarray(0, body.length / 2) : body);
}

type Options = {
  shell?: string;
  env?: Record<string, string>;
  /** Only these programs are in the PATH. */
  tools?: readonly string[];
  /** Other programs instead of these, as shell scripts. */
  programs?: Record<string, string>;
  /** The output of `uname -s` and `uname -m`, and the last line of `getconf`. */
  machine?: { system: string; processor: string; glibc?: boolean };
};

const everyTool =
  "sh uname tar xz mktemp cut curl wget sha256sum rm mkdir cp mv getconf cat sysctl".split(" ");

let count = 0;

/**
 * Runs the installer in a separate home; `files` are those in the folder that it installed into.
 */
async function install(options: Options = {}) {
  const { shell = "sh", env = {}, tools = everyTool, programs = {}, machine } = options;
  const home = join(root, `home-${++count}`);
  const bin = join(home, "tools");
  mkdirSync(bin, { recursive: true });
  const own = new Map(Object.entries(programs));
  const { system = "Linux", processor = "x86_64", glibc = true } = machine ?? {};
  own.set("uname", `[ "$1" = -s ] && echo ${system} || echo ${processor}`);
  own.set("getconf", `exit ${glibc ? 0 : 1}`);
  own.set("sysctl", "exit 1");
  for (const tool of tools) {
    const path = Bun.which(tool);
    const text = own.get(tool);
    if (text !== undefined) writeFileSync(join(bin, tool), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    else if (path !== null) symlinkSync(path, join(bin, tool));
  }
  const child = Bun.spawn([Bun.which(shell)!, script], {
    env: { HOME: home, PATH: bin, TMPDIR: home, PARLEY_BASE_URL: base, SHELL: "/bin/bash", ...env },
    stdout: "pipe",
    stderr: "pipe",
    timeout: patienceMs,
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const folder = env["PARLEY_INSTALL"] ?? join(home, ".local/bin");
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const left = readdirSync(home).filter((name) => name !== "tools" && name !== ".local");
  return { code, out, err: err.replaceAll(home, "~"), folder, files, left };
}

const hasTools =
  process.platform === "linux" && ["xz", "curl", "wget"].every((it) => Bun.which(it));
const check = skipUnless(hasTools, "install.sh is tested on Linux with xz, curl and wget");

const shells = ["dash", "bash", "zsh"].filter((shell) => Bun.which(shell) !== null);
describe.each(shells)("with %s", (shell) => {
  check("it installs for this user, and says how to go on", async () => {
    const { code, out, err, folder, files, left } = await install({ shell });
    expect({ code, out, files, left }).toEqual({ code: 0, out: "", files: ["parley"], left: [] });
    expect(err.split("\n")).toEqual([
      "Downloading parley-1.2.3-linux-x64.tar.xz",
      "Installed parley 1.2.3 for linux-x64 as ~/.local/bin/parley",
      "",
      "~/.local/bin is not in your PATH. To call it as parley, add this line to your shell's profile:",
      '  export PATH="~/.local/bin:$PATH"',
      "",
      "Completion with Tab:",
      `  echo 'eval "$(~/.local/bin/parley completions bash)"' >> ~/.bashrc`,
      "First steps: ~/.local/bin/parley server, and in a second terminal ~/.local/bin/parley client",
      "",
    ]);
    const installed = Bun.spawnSync([join(folder, "parley"), "--version"]);
    expect(installed.stdout.toString()).toBe("1.2.3 for linux-x64\n");
  });
});

check("PARLEY_INSTALL is the folder; in the PATH it needs no hint", async () => {
  const folder = join(root, "else where");
  const tools = join(root, `home-${count + 1}`, "tools");
  const { code, err, files } = await install({
    env: { PARLEY_INSTALL: folder, PATH: `${tools}:${folder}`, SHELL: "/usr/bin/fish" },
  });
  expect({ code, files }).toEqual({ code: 0, files: ["parley"] });
  expect(err.split("\n").slice(1)).toEqual([
    `Installed parley 1.2.3 for linux-x64 as ${folder}/parley`,
    "",
    "Completion with Tab:",
    "  parley completions fish > ~/.config/fish/completions/parley.fish",
    "First steps: parley server, and in a second terminal parley client",
    "",
  ]);
});

check("no xz is needed where tar unpacks it itself, as on macOS and Alpine", async () => {
  const tools = everyTool.filter((tool) => tool !== "xz");
  for (const version of ["bsdtar 3.5.3 - libarchive 3.7.4", "tar (busybox) 1.37.0"]) {
    const ended = await install({ tools, programs: { tar: ownTar(version) } });
    expect(ended).toMatchObject({ code: 0, files: ["parley"] });
  }
});

/** A tar that finds its own xz. */
function ownTar(version: string): string {
  const tar = `PATH="${process.env["PATH"]}" exec ${Bun.which("tar")} "$@"`;
  return `case "$1" in --version) echo "${version}" ;; *) ${tar} ;; esac`;
}

check("wget and openssl do, where there is neither curl nor sha256sum", async () => {
  const tools = [...everyTool.filter((tool) => !/^(?:curl|sha256sum)$/.test(tool)), "openssl"];
  expect(await install({ tools })).toMatchObject({ code: 0, files: ["parley"] });
});

describe("it finds the archive for", () => {
  const machines = [
    ["Linux", "aarch64", true, "linux-arm64"],
    ["Linux", "amd64", true, "linux-x64"],
    ["Darwin", "arm64", false, "macos-arm64"],
    ["Darwin", "x86_64", false, "macos-x64"],
  ] as const;
  for (const [system, processor, glibc, platform] of machines) {
    check(`${system} on ${processor}`, async () => {
      const { err } = await install({ machine: { system, processor, glibc } });
      expect(err).toStartWith(`Downloading parley-1.2.3-${platform}.tar.xz\n`);
    });
  }

  const hasMusl = existsSync("/lib/ld-musl-x86_64.so.1");
  skipUnless(hasTools && hasMusl, "musl is not installed")("Linux without glibc", async () => {
    const machine = { system: "Linux", processor: "x86_64", glibc: false };
    const { err } = await install({ machine });
    expect(err).toStartWith("Downloading parley-1.2.3-linux-x64-musl.tar.xz\n");
  });
});

/** The fault, and the beginning of the line that reports it. */
const failures: [what: string, sentence: string | RegExp, options: Options, change?: () => void][] =
  [
    [
      "no address",
      "Set PARLEY_BASE_URL to the address of a release",
      { env: { PARLEY_BASE_URL: "" } },
    ],
    ["no home", "There is no home folder: set PARLEY_INSTALL", { env: { HOME: "" } }],
    [
      "a system without parley",
      "There is no parley for SunOS",
      { machine: { system: "SunOS", processor: "x86_64" } },
    ],
    [
      "a processor without parley",
      "There is no parley for the processor riscv64",
      { machine: { system: "Linux", processor: "riscv64" } },
    ],
    [
      "Windows",
      "On Windows use install.ps1",
      { machine: { system: "MINGW64_NT-10.0", processor: "x86_64" } },
    ],
    ...["tar", "xz", "mktemp"].map((missing): [string, string, Options] => [
      `no ${missing}`,
      `This needs ${missing}, which is not installed`,
      { tools: everyTool.filter((tool) => tool !== missing) },
    ]),
    [
      "neither curl nor wget",
      "This needs curl or wget, and neither is installed",
      { tools: everyTool.filter((tool) => tool !== "curl" && tool !== "wget") },
    ],
    [
      "nothing to check with",
      "This needs sha256sum, shasum or openssl",
      { tools: everyTool.filter((tool) => tool !== "sha256sum") },
    ],
    [
      "no release there",
      /Could not download .*\/SHA256SUMS/,
      {},
      () => served.set("/v1/SHA256SUMS", 404),
    ],
    [
      "no archive for this machine",
      "This release has nothing for linux-x64",
      {},
      () => served.set("/v1/SHA256SUMS", `${"0".repeat(64)}  parley-1.2.3-macos-x64.tar.xz\n`),
    ],
    [
      "a name that leads elsewhere",
      /names a file outside of the release/,
      {},
      () => served.set("/v1/SHA256SUMS", `${"0".repeat(64)}  parley-/../../x-linux-x64.tar.xz\n`),
    ],
    [
      "an archive of another content",
      /^parley-1\.2\.3-linux-x64\.tar\.xz is not what SHA256SUMS says .*: nothing was installed/,
      {},
      () => served.set("/v1/parley-1.2.3-linux-x64.tar.xz", "something else"),
    ],
    [
      "a download that is cut off",
      /Could not download .*linux-x64\.tar\.xz|is not what SHA256SUMS says/,
      {},
      () => {
        const whole = served.get("/v1/parley-1.2.3-linux-x64.tar.xz") as Uint8Array;
        served.set("/v1/parley-1.2.3-linux-x64.tar.xz", { cut: whole });
      },
    ],
    [
      "an executable that does not run",
      "The parley for linux-x64 does not run on this machine: nothing was installed",
      {},
      () => {
        const broken = served.get("/v1/broken.tar.xz") as Uint8Array;
        served.set("/v1/parley-1.2.3-linux-x64.tar.xz", broken);
        const sum = Bun.SHA256.hash(broken, "hex");
        served.set("/v1/SHA256SUMS", `${sum}  parley-1.2.3-linux-x64.tar.xz\n`);
      },
    ],
  ];

describe("nothing is installed, and one line says why, with", () => {
  for (const [what, sentence, options, change] of failures) {
    check(what, async () => {
      const before = new Map(served);
      const program = {
        path: "parley-1.2.3-linux-x64/bin/parley",
        content: "#!/bin/sh\nexit 1\n",
        isExecutable: true,
      };
      served.set("/v1/broken.tar.xz", await tarXz([program], 1));
      change?.();
      try {
        const { code, err, files, left } = await install(options);
        expect({ code, files, left }).toEqual({ code: 1, files: [], left: [] });
        const last = err.trimEnd().split("\n").at(-1) ?? "";
        expect(last).toStartWith("install parley: ");
        expect(last.replace("install parley: ", "")).toMatch(sentence);
      } finally {
        served.clear();
        for (const [path, content] of before) served.set(path, content);
      }
    });
  }
});

check("a failed update keeps the parley that was there", async () => {
  const folder = join(root, "kept");
  mkdirSync(folder);
  writeFileSync(join(folder, "parley"), "old");
  const whole = served.get("/v1/parley-1.2.3-linux-x64.tar.xz")!;
  served.set("/v1/parley-1.2.3-linux-x64.tar.xz", "something else");
  const { code } = await install({ env: { PARLEY_INSTALL: folder } });
  expect({ code, text: readFileSync(join(folder, "parley"), "utf8") }).toEqual({
    code: 1,
    text: "old",
  });
  served.set("/v1/parley-1.2.3-linux-x64.tar.xz", whole);
  expect(await install({ env: { PARLEY_INSTALL: folder } })).toMatchObject({
    code: 0,
    files: ["parley"],
  });
});

check("a folder that can't be made is named", async () => {
  writeFileSync(join(root, "a-file"), "");
  const { code, err } = await install({ env: { PARLEY_INSTALL: join(root, "a-file/bin") } });
  expect(code).toBe(1);
  expect(err).toContain("choose another folder with PARLEY_INSTALL");
});

test("a script that was truncated anywhere installs nothing", async () => {
  const text = readFileSync(script, "utf8");
  const lines = text.trimEnd().split("\n");
  // Only the last line does anything: everything before it only defines functions.
  expect(lines.at(-1)).toBe('main "$@"');
  const part = join(root, "part.sh");
  for (let end = 0; end < lines.length; end += 7) {
    writeFileSync(part, lines.slice(0, end).join("\n"));
    const { stdout } = Bun.spawnSync([Bun.which("sh")!, part], {
      env: { PATH: "/nonexistent", HOME: root },
    });
    expect(stdout.toString()).toBe("");
  }
  expect(existsSync(join(root, ".local"))).toBe(false);
});

skipUnless(Bun.which("shellcheck") !== null, "shellcheck is not installed")(
  "shellcheck finds nothing",
  () => {
    const { stdout, exitCode } = Bun.spawnSync(["shellcheck", script]);
    expect({ exitCode, found: stdout.toString() }).toEqual({ exitCode: 0, found: "" });
  },
);

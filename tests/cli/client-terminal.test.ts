// `parley client` on a real terminal, provided by tmux: the screen while lines arrive, words are
// completed, rooms are switched, the window is narrowed, and the server goes offline and returns.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Parley, parleyCommand } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { environment } from "./run.ts";
import { testFolder } from "../test-folder.ts";
import { until } from "../until.ts";

const tmuxTest = skipUnless(Bun.which("tmux") !== null, "tmux is not installed");
const folder = testFolder("tmux");
const socket = join(folder, "tmux");
let server: Parley;
let port = 0;
let windows = 0;

async function tmux(...args: string[]): Promise<string> {
  const wanted = { LC_ALL: "C.UTF-8", TERM: "xterm" };
  const child = Bun.spawn(["tmux", "-u", "-S", socket, "-f", "/dev/null", ...args], {
    stdout: "pipe",
    stderr: "pipe",
    env: environment(wanted),
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`tmux ${args.join(" ")}: ${err}`);
  return out;
}

/** A client in its own terminal. */
class Pane {
  readonly #target: string;

  constructor(target: string) {
    this.#target = target;
  }

  static async open(name: string, columns: number, rows = 20, variables = ""): Promise<Pane> {
    const session = `w${++windows}`;
    const command = [...parleyCommand(), "client", `127.0.0.1:${port}`, "--name", name];
    const quoted = [...command, "--downloads", join(folder, "saved")]
      .map((w) => `'${w}'`)
      .join(" ");
    const shown = `env ${variables} ${quoted}; echo "exit code $?"; sleep 60`;
    await tmux("new-session", "-d", "-s", session, "-x", `${columns}`, "-y", `${rows}`, shown);
    const pane = new Pane(session);
    await pane.shows(rows < 10 ? ">" : `lobby>`);
    return pane;
  }

  /** Types text, then presses `keys`, named as tmux does. */
  async type(text: string, ...keys: string[]): Promise<void> {
    if (text !== "") await tmux("send-keys", "-t", this.#target, "-l", text);
    if (keys.length > 0) await tmux("send-keys", "-t", this.#target, ...keys);
  }

  async resize(columns: number, rows = 20): Promise<void> {
    await tmux("resize-window", "-t", this.#target, "-x", `${columns}`, "-y", `${rows}`);
  }

  /** Pastes like a terminal in bracketed paste mode. */
  async paste(text: string): Promise<void> {
    const file = join(folder, "paste");
    writeFileSync(file, text);
    await tmux("load-buffer", file);
    await tmux("paste-buffer", "-p", "-t", this.#target);
  }

  /** Whether the output to the terminal contains colours. */
  async colours(): Promise<boolean> {
    return (await tmux("capture-pane", "-e", "-p", "-t", this.#target)).includes("\u001b[");
  }

  /** The non-empty rows of the screen. */
  async rows(): Promise<string[]> {
    const out = await tmux("capture-pane", "-p", "-t", this.#target);
    return out.split("\n").filter((row) => row.trim() !== "");
  }

  async shows(wanted: string): Promise<void> {
    const flat = wanted.replaceAll(/\s/g, "");
    let text = "";
    const isShown = async (): Promise<boolean> => {
      text = (await this.rows()).join("\n");
      return text.replaceAll(/\s/g, "").includes(flat);
    };
    await until(isShown, () => `«${wanted}» on the terminal:\n${text}`);
  }
}

async function startServer(usePort: number): Promise<void> {
  server = new Parley("server", "--no-web", "--files", folder, "--port", `${usePort}`);
  const line = await server.line(/^Server listening on /);
  port = Number(line.split(":").at(-1));
}

beforeAll(async () => {
  writeFileSync(join(folder, "a file.txt"), "content");
  await startServer(0);
});

afterAll(async () => {
  if (windows > 0) await tmux("kill-server");
  await server[Symbol.asyncDispose]();
});

describe("the prompt", () => {
  tmuxTest(
    "stays whole while lines come in, even when it takes several rows",
    async () => {
      const ann = await Pane.open("Ann", 40);
      const bob = await Pane.open("Bob", 60);
      const typed = "this is a line that is much longer than one row of this small terminal";
      await ann.type(typed);
      await ann.shows(`lobby> ${typed}`);
      for (let i = 0; i < 3; i++) await bob.type(`${i}: ${"word ".repeat(15)}end`, "Enter");
      await ann.shows(`Bob: 2: ${"word ".repeat(15)}end lobby> ${typed}`);
      await ann.type("", "C-a");
      await ann.type("XX");
      await bob.type("once more", "Enter");
      await ann.shows(`Bob: once more lobby> XX${typed}`);
      await ann.resize(27);
      // tmux rewraps the screen at once, but may tell the client a quarter of a second later.
      const isRedrawn = async () => (await ann.rows()).includes("t is much longer than one r");
      await until(isRedrawn, () => "the prompt, redrawn for 27 columns");
      await bob.type("after the resize", "Enter");
      await ann.shows(`Bob: after the resize lobby> XX${typed}`);
      const rows = await ann.rows();
      expect(rows.filter((row) => row.includes("lobby>")).length).toBe(1);
      await ann.type("", "Enter");
      await bob.shows(`Ann: XX${typed}`);
      await ann.type("", "Up");
      await ann.shows(`lobby> XX${typed}`);
      await ann.type("", "C-c");
      await ann.type("", "C-c");
      await ann.shows("exit code 130");
      await bob.type("/quit", "Enter");
      await bob.shows("exit code 0");
    },
    180_000,
  );

  tmuxTest(
    "completes words, sends private messages, fetches files",
    async () => {
      const cat = await Pane.open("Cat", 100);
      const dora = await Pane.open("Dora", 100);
      await cat.type("/ms", "Tab");
      await cat.type("do", "Tab");
      await cat.shows("lobby> /msg Dora");
      await cat.type("psst", "Enter");
      await dora.shows("Cat (private, not sealed): psst");
      await cat.type("/files", "Enter");
      await cat.shows("7 B a file.txt");
      await cat.type("/get a", "Tab");
      await cat.shows("/get a file.txt");
      await cat.type("", "Enter");
      await cat.shows("saved/a file.txt': 7 B in");
      expect(await Bun.file(join(folder, "saved/a file.txt")).text()).toBe("content");
      await cat.type("/get nothing", "Enter");
      await cat.shows("nothing");
      await cat.type("/nope", "Enter");
      await cat.shows("There is no command '/nope'");
      await cat.type("日本語", "Left", "BSpace");
      await cat.shows("lobby> 日語");
      await cat.type("", "C-e", "C-u", "C-d");
      await cat.shows("exit code 0");
      await dora.shows("Cat has left");
    },
    180_000,
  );

  tmuxTest(
    "reconnects by itself, and then sends what was typed meanwhile",
    async () => {
      const eve = await Pane.open("Eve", 100);
      await server[Symbol.asyncDispose]();
      await eve.shows("lobby (offline)>");
      await eve.type("typed while away", "Enter");
      await startServer(port);
      await eve.shows("Eve: typed while away");
      await eve.shows("Reconnected after");
      await eve.shows("lobby>");
    },
    180_000,
  );

  tmuxTest(
    "counts the messages of other rooms, marks mentions, and shows what was missed on switching",
    async () => {
      const gil = await Pane.open("Gil", 80);
      const hal = await Pane.open("Hal", 40);
      await gil.type("/join den", "Enter");
      await gil.shows("── den ── den>");
      await hal.type("one", "Enter");
      await gil.shows("[lobby 1] den>");
      await hal.type("two, gil", "Enter");
      await gil.shows("[lobby] Hal: two, gil [lobby 2!] den>");
      await hal.type("/join den", "Enter");
      await gil.shows("Hal has joined");
      await hal.type("hello den", "Enter");
      await gil.shows("Hal: hello den");
      await gil.type("/room", "Enter");
      await gil.shows("Hal: two, gil lobby>");
      expect((await gil.rows()).filter((row) => row.endsWith(" Hal: one")).length).toBe(1);
      await gil.type("/rooms", "Enter");
      await gil.shows("den (2, joined), lobby (");
      await hal.type("/part", "Enter");
      await hal.shows("You are no longer in the room den ── lobby ──");
    },
    180_000,
  );

  tmuxTest(
    "sends a paste of many lines as one message, says what one does, searches the past",
    async () => {
      const ida = await Pane.open("Ida", 80);
      const jon = await Pane.open("Jon", 40, 12);
      await ida.paste("def f(x):\n\treturn x + 1\n\nprint(f(2))\n");
      await ida.shows("print(f(2))");
      await ida.type("", "Enter");
      await jon.shows("Ida: def f(x): return x + 1 print(f(2))");
      expect((await jon.rows()).filter((row) => row.includes("return"))).toEqual([
        "          return x + 1",
      ]);
      await ida.type("/me waves", "Enter");
      await jon.shows("* Ida waves");
      await jon.type("/search RETURN f", "Enter");
      await jon.shows("── 1 message found ──");
      await jon.type("/serch x", "Enter");
      await jon.shows("did you mean /search?");
      await ida.type("", "C-r");
      await ida.type("wav");
      await ida.shows("(search: 'wav') /me waves");
      await ida.type("zz");
      await ida.shows("(not found: 'wavzz')");
      await ida.type("", "C-g");
      await ida.shows("lobby>");
      await ida.type("/topic", "Enter");
      await ida.shows("lobby has no topic");
      await ida.type("/whois Jon", "Enter");
      await ida.shows("Jon is with you in lobby");
    },
    180_000,
  );

  tmuxTest(
    "works in 7 columns and 3 rows, and grows with the window",
    async () => {
      const kay = await Pane.open("Kay", 7, 3);
      const lea = await Pane.open("Lea", 60, 20, "NO_COLOR=1");
      await kay.type("abcdefghij");
      await kay.shows("abcde fghij");
      await kay.resize(60);
      await kay.shows("lobby> abcdefghij");
      await kay.type("", "Enter");
      await lea.shows("Kay: abcdefghij");
      expect([await kay.colours(), await lea.colours()]).toEqual([true, false]);
    },
    180_000,
  );
});

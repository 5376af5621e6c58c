// Makes the picture in the README from the real thing: a page and a terminal in one conversation.
//   bun build.ts && bun tests/page/picture.ts      (needs chromium, tmux and pngquant)

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Parley, parleyBinary } from "../parley.ts";
import { Tab } from "./browser.ts";
import { chromium, closeChromium } from "./chromium.ts";

const picture = resolve(import.meta.dir, "../../docs/parley.png");
for (const tool of ["tmux", "pngquant"]) {
  if (Bun.which(tool) === null) throw new Error(`${tool} is not installed`);
}
if (chromium === undefined) throw new Error("chromium is not installed");

const folder = mkdtempSync(join(tmpdir(), "parley-picture-"));
const socket = join(folder, "tmux");
const files = join(folder, "files");
mkdirSync(files);
const sizes = {
  "floor plan.pdf": 2_400_000,
  "team photo.jpg": 3_900_000,
  "release.iso": 48_000_000,
};
for (const [name, bytes] of Object.entries(sizes))
  writeFileSync(join(files, name), new Uint8Array(bytes));

function tmux(...words: string[]): string {
  const { stdout, exitCode, stderr } = Bun.spawnSync(["tmux", "-S", socket, ...words], {
    env: {
      ...process.env,
      XDG_CONFIG_HOME: folder,
      TERM: "xterm-256color",
      LC_ALL: "C.UTF-8",
      TZ: "UTC",
    },
  });
  if (exitCode !== 0) throw new Error(`tmux ${words.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}

async function shows(text: string): Promise<void> {
  for (let tries = 0; !tmux("capture-pane", "-p", "-t", "ann").includes(text); tries++) {
    if (tries === 200)
      throw new Error(`No ${text} in:\n${tmux("capture-pane", "-p", "-t", "ann")}`);
    await Bun.sleep(50);
  }
}

function type(text: string): void {
  tmux("send-keys", "-t", "ann", "-l", text);
  tmux("send-keys", "-t", "ann", "Enter");
}

{
  await using server = new Parley(
    "server",
    "--port=0",
    "--web-port=0",
    "--json",
    `--files=${files}`,
  );
  const { port, webPort } = JSON.parse(await server.line(/"listening"/)) as Record<string, number>;
  using bob = await Tab.open(
    `http://127.0.0.1:${webPort}/`,
    { width: 900, height: 560 },
    "chromium",
  );
  await bob.colors("light");
  const client = [parleyBinary(), "client", `127.0.0.1:${port}`, "--name", "Ann"];
  const shell = client.map((word) => `'${word}'`).join(" ");
  tmux(
    "new-session",
    "-d",
    "-s",
    "ann",
    "-x",
    "72",
    "-y",
    "16",
    `cd '${folder}' && ${shell}; sleep 60`,
  );
  tmux("set-option", "-t", "ann", "status", "off");
  await shows("Ann in the room lobby");
  await bob.login("Bob", "lobby", "releases");
  await bob.show("lobby");
  await shows("Bob has joined");
  await bob.say("Hi Ann! Is the new floor plan up?");
  await shows("floor plan");
  type("It is: in the shared folder, 2.4 MB. The desks by the window are ours");
  await bob.hears("It is: in the shared folder, 2.4 MB. The desks by the window are ours");
  await bob.say("@Ann great, I take the one on the left");
  await shows("on the left");
  type("/get team photo.jpg");
  await shows("Saved 'Downloads");
  type("/me waters the plants");
  await bob.until(`document.body.innerText.includes("waters the plants")`);
  await bob.say("See you at two, in `meet-2`");
  await shows("See you");
  const terminal = html(tmux("capture-pane", "-e", "-p", "-t", "ann"));
  await bob.until("document.getAnimations().length === 0");
  await bob.shot("picture-page", true);
  tmux("kill-server");
  const page = await Bun.file(join(import.meta.dir, "shots/picture-page.png")).bytes();
  const source = join(folder, "picture.html");
  writeFileSync(source, frame(terminal, Buffer.from(page).toString("base64")));
  using both = await Tab.open(`file://${source}`, { width: 1280, height: 620 }, "chromium");
  await both.shot("picture", true);
}
await closeChromium();
const shot = join(import.meta.dir, "shots/picture.png");
Bun.spawnSync(["pngquant", "--force", "--strip", "--speed", "1", "64", "--output", picture, shot]);
rmSync(folder, { recursive: true, force: true });
console.log(`${picture}: ${Bun.file(picture).size} bytes`);
process.exit(0);

/** A terminal's text with colours, as captured by tmux, converted to HTML. */
function html(captured: string): string {
  const colours = [
    "#555",
    "#e06c75",
    "#98c379",
    "#e5c07b",
    "#61afef",
    "#c678dd",
    "#56b6c2",
    "#ddd",
  ];
  let style = "";
  const out = captured.trimEnd().replace(/[&<>]|\u001b\[([\d;]*)m/g, (found, codes?: string) => {
    if (codes === undefined) return `&#${found.charCodeAt(0)};`;
    const numbers = codes.split(";").map(Number);
    if (numbers.includes(0)) style = "";
    for (const number of numbers) {
      const colour = colours[number % 10];
      if (number === 1) style += "font-weight:bold;";
      else if (number === 2) style += "opacity:.6;";
      else if (number === 7) style += "background:#abb2bf;color:#1e222a;";
      else if (number === 39) style += "color:inherit;";
      else if ((number >= 30 && number < 38) || (number >= 90 && number < 98))
        style += `color:${colour};`;
    }
    return `</span><span style="${style}">`;
  });
  return `<span>${out}</span>`;
}

function frame(terminal: string, page: string): string {
  return `<!doctype html><meta charset="utf-8"><style>
    body { margin: 0; width: 1280px; height: 620px; background: #dfe5ee; position: relative; }
    img, pre { position: absolute; border-radius: 8px; box-shadow: 0 6px 24px #0005; margin: 0; }
    img { right: 24px; top: 24px; }
    pre { left: 24px; bottom: 24px; padding: 14px 16px; background: #1e222a; color: #d5dae3;
      font: 12.5px/1.35 "DejaVu Sans Mono", monospace; width: 560px; height: 250px; }
  </style><img src="data:image/png;base64,${page}" alt=""><pre>${terminal}</pre>`;
}

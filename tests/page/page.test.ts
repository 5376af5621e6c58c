// The page in a real browser: two tabs, a terminal client and a plain socket in one room, and user
// actions there.

import { expect } from "bun:test";
import { existsSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import type { Tab } from "./browser.ts";
import { expectNoComplaints, inBrowser, pageRig } from "./page-rig.ts";
import { until } from "../until.ts";

let ann: Tab;
let bob: Tab;
const rig = pageRig((...tabs) => {
  [ann, bob] = tabs;
});

inBrowser("two tabs, a terminal client and a plain socket hear each other", async () => {
  await ann.login("Ann");
  await bob.login("Bob");
  await ann.sees("Bob joined");
  await using terminal = new Parley(
    "client",
    `127.0.0.1:${rig.port}`,
    "--name",
    "Term",
    "--follow",
    "--json",
  );
  await ann.sees("Term joined");
  let heard = "";
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: rig.port,
    socket: { data: (_, bytes) => void (heard += bytes.toString()) },
  });
  socket.write("Nick");
  await ann.sees("Nick joined");

  await ann.say("from the page");
  expect(await ann.hears("from the page")).toContain("mine");
  expect(await bob.hears("from the page")).not.toContain("mine");
  await ann.until("document.querySelector('.message.mine.sent') !== null");
  await terminal.line(/from the page/);
  terminal.type("from the terminal");
  await ann.hears("from the terminal");
  socket.write("from a socket");
  await ann.hears("from a socket");
  await bob.hears("from a socket");
  for (const line of ["Ann: from the page", "Term: from the terminal"]) {
    await until(() => heard.includes(line), line);
  }
  expect(
    await ann.get("[...document.querySelectorAll('.who')].map((who) => who.textContent)"),
  ).toEqual(["Ann (you)", "Bob", "Nick", "Term"]);
  socket.end();
  await ann.until("document.querySelector('#people-count').textContent === '3'");
});

inBrowser("a name is suggested; what is typed replaces it", async () => {
  using tab = await rig.open();
  const suggested = await tab.get<string>("document.querySelector('#login-name').placeholder");
  expect(suggested).toMatch(/^user-\w{6}$/);
  await tab.click("#login-name");
  await tab.type("Wanda");
  expect(await tab.get("document.querySelector('#login-name').value")).toBe("Wanda");
  await tab.fill("#login-name", "");
  await tab.press("Backspace");
  await tab.press("Enter");
  await tab.shows("#presence", `online as ${suggested}`);
});

inBrowser("chosen recipients get it, and nobody else", async () => {
  using cal = await rig.open();
  await cal.login("Cal");
  await ann.click("#recipients");
  await ann.click(".choice input[value='Bob']");
  await ann.press("Escape");
  await ann.shows("#recipients-text", "Bob");
  await ann.say("for Bob alone");
  expect(await bob.hears("for Bob alone")).toContain("private");
  expect(await ann.hears("for Bob alone")).toContain("private");
  // The page shows that the server can read it.
  await ann.until(
    "document.querySelector('.message.private .to').textContent.endsWith('not sealed')",
  );
  await ann.click("#recipients");
  await ann.click(".choice input[value='Cal']");
  await ann.press("Escape");
  await ann.say("for both");
  expect(await bob.hears("for both")).toContain("private");
  expect(await cal.hears("for both")).toContain("private");
  await ann.click("#recipients");
  await ann.click("#recipient-everyone");
  await ann.press("Escape");
  await ann.say("for everyone");
  expect(await cal.hears("for everyone")).not.toContain("private");
  expect(await cal.get("document.body.textContent.includes('for Bob alone')")).toBe(false);
});

inBrowser("a private chat: invited, declined, invited again, accepted, ended", async () => {
  const invite = "[aria-label='Invite Bob to a private chat']";
  await ann.click(invite);
  await bob.until(
    "document.querySelector('#private-chat-text').textContent.startsWith('Ann invites')",
  );
  await bob.click("#reject");
  await ann.sees("The private chat with Bob was declined");
  await bob.until("document.querySelector('#private-chat').hidden");
  await ann.click(invite);
  await bob.until("!document.querySelector('#accept').hidden");
  await bob.click("#accept");
  await ann.sees("Private chat with Bob started");
  await ann.say("just us");
  expect(await bob.hears("just us")).toContain("private");
  await bob.say("yes");
  expect(await ann.hears("yes")).toContain("private");
  await ann.click("#leave");
  await bob.until("document.querySelector('#private-chat').hidden");
  await ann.shows("#recipients-text", "Everyone");
});

inBrowser("a new name is told to everyone; a taken one is refused with a reason", async () => {
  await bob.click("#rename");
  await bob.fill("#new-name", "Robert");
  await bob.press("Enter");
  await ann.sees("Bob is now Robert");
  await bob.shows("#presence", "online as Robert");
  await bob.click("#rename");
  await bob.fill("#new-name", "Ann");
  await bob.press("Enter");
  await bob.until("/Ann.*(taken|use)/.test(document.querySelector('#rename-problem').textContent)");
  expect(await bob.get("document.querySelector('#rename-dialog').open")).toBe(true);
  expect(await bob.text("#messages")).not.toContain("taken");
  expect(await bob.text("#presence")).toBe("online as Robert");
  await bob.press("Escape");
  await bob.click("#rename");
  await bob.shows("#rename-problem", "");
  await bob.click("#rename-cancel");
  await bob.until("!document.querySelector('#rename-dialog').open");
});

inBrowser("markup stays text wherever it comes from", async () => {
  const evil = "<img src=x onerror=alert(1)>";
  await ann.say(evil);
  await bob.hears(evil);
  await ann.say("<script>document.title='owned'</script>");
  await bob.hears("<script>document.title='owned'</script>");
  await bob.click("#rename");
  await bob.fill("#new-name", "<b>x</b>");
  await bob.press("Enter");
  await bob.until("document.querySelector('#rename-problem').textContent.includes('<b>x</b>')");
  await bob.press("Escape");
  for (const tab of [ann, bob]) {
    expect(await tab.get("document.querySelectorAll('img, b b, script:not([src])').length")).toBe(
      0,
    );
    expect(await tab.get("document.title")).not.toContain("owned");
  }
});

inBrowser("several lines are one message; too many stay in the field", async () => {
  await ann.click("#text");
  await ann.type("line one\n\n  line two\nline three");
  await ann.press("Enter");
  await bob.hears("line one\n\n  line two\nline three");
  await ann.type("x\n".repeat(201));
  await ann.press("Enter");
  await ann.shows("#send-problem", "A message can have at most 200 lines.");
  await ann.clear("#text");
  await ann.say("back to one");
  await ann.shows("#send-problem", "");
});

inBrowser("a far server: history is shown however late it comes", async () => {
  using far = await rig.openFar();
  await far.login("Far");
  await far.hears("from the page");
  await far.join("attic");
  await far.sees("You joined attic");
  await far.show("lobby");
  await far.hears("from the page");
  await ann.say("nobody left");
  await far.hears("nobody left");
});

inBrowser("the button brings earlier messages, also to a reader at the very first", async () => {
  await fill(rig.port, "archive", 500);
  using tab = await rig.open();
  await tab.login("Reader", "archive");
  await tab.hears("line 499");
  const top = `document.querySelector("#scroll").scrollTop = 0`;
  for (const first of [300, 100]) {
    const isShown = `[...document.querySelectorAll(".text")].some((text) => text.textContent === "line ${first}")`;
    await tab.until(`(${top}, ${isShown})`);
    await tab.get(top);
    await tab.click("#earlier");
    await tab.hears(`line ${first - 1}`);
  }
  await tab.until(`(${top}, document.querySelector(".text").textContent === "line 0")`);
  expect(await tab.get("document.querySelector('#earlier').hidden")).toBe(true);
});

/** Sends `count` lines to a room. */
async function fill(port: number, room: string, count: number): Promise<void> {
  let heard = "";
  const hello = JSON.stringify({ type: "hello", version: 2, name: "Scribe", rooms: [{ room }] });
  const lines = Array.from(
    { length: count },
    (_, i) => `${JSON.stringify({ type: "say", room, text: `line ${i}` })}\n`,
  );
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: { data: (_, bytes) => void (heard += bytes.toString()) },
  });
  socket.write(`${hello}\n${lines.join("")}`);
  await until(() => heard.includes(`line ${count - 1}`), "the last line");
  socket.end();
}

inBrowser("a file is downloaded, its hash verified, its bytes equal", async () => {
  await ann.saveDownloadsIn(rig.downloads);
  await ann.click("#files-toggle");
  await ann.until("document.querySelectorAll('.file').length === 4");
  expect(await ann.text(".file-name")).toStartWith("<b>bold<b>.txt");
  await ann.click("[aria-label='Download data.bin']");
  await ann.until("document.querySelector('.file-state.verified') !== null");
  const sha256 = new Bun.CryptoHasher("sha256").update(rig.shared).digest("hex");
  expect(await ann.text(".file-state.verified")).toContain(sha256);
  const path = join(rig.downloads, "data.bin");
  await until(() => Bun.file(path).size === rig.shared.length, path);
  expect(readFileSync(path).equals(rig.shared)).toBe(true);
  await ann.click("#files-close");
});

inBrowser("what was saved of a file is not said of another version of it", async () => {
  const path = join(rig.folder, "files", "changing.txt");
  writeFileSync(path, "before");
  await ann.click("#files-toggle");
  const row = `[...document.querySelectorAll(".file")].find((row) => row.innerText.includes("changing.txt"))`;
  // The server lists the folder anew a moment after a change.
  const refreshUntil = (condition: string) =>
    ann.until(`${condition} || void document.querySelector("#files-refresh").click()`);
  await refreshUntil(row);
  await ann.click("[aria-label='Download changing.txt']");
  await ann.until(`${row}.querySelector(".file-state.verified")`);
  writeFileSync(path, "and after it");
  await refreshUntil(`${row}.innerText.includes("12 B")`);
  expect(await ann.get(`${row}.querySelector(".file-state").hidden`)).toBe(true);
  unlinkSync(path);
  await ann.click("#files-close");
});

inBrowser("the conversation is saved as a file with a line for each entry", async () => {
  await ann.click("#save");
  const path = join(rig.downloads, "Ann_messages_log.txt");
  await ann.say("after the log was saved");
  await until(() => existsSync(path) && readFileSync(path, "utf8").endsWith("\n"), path);
  const text = readFileSync(path, "utf8");
  expect(text).toMatch(/^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] Ann: from the page$/m);
  expect(text).toMatch(/\] Ann \(private to Bob\): for Bob alone$/m);
  expect(text).not.toContain("after the log");
});

inBrowser("the title counts messages that come while nobody looks", async () => {
  await ann.get("(document.hasFocus = () => false, dispatchEvent(new Event('blur')))");
  await bob.say("are you there?");
  await ann.until("document.title.startsWith('(1) ')");
  await ann.get("(delete document.hasFocus, dispatchEvent(new Event('focus')))");
  await ann.until("!document.title.startsWith('(')");
});

inBrowser("a server restart loses no message and doubles none", async () => {
  await rig.kill();
  await ann.until("!document.querySelector('#connection').hidden");
  await ann.say("said while the server was down");
  expect(await ann.hears("said while the server was down")).toContain("waiting");
  await rig.start();
  await ann.until("document.querySelector('#connection').hidden");
  await bob.hears("said while the server was down");
  await ann.until("document.querySelector('.message.waiting') === null");
  const count =
    "[...document.querySelectorAll('.text')].filter((text) => text.textContent === 'said while the server was down').length";
  expect([await ann.get(count), await bob.get(count)]).toEqual([1, 1]);
});

inBrowser("a reload comes back as the same person with the same messages", async () => {
  const privately = `[...document.querySelectorAll(".message.private .text")].map((text) => text.textContent)`;
  const before = await ann.get<string[]>(privately);
  expect(before).toContain("for Bob alone");
  expect(before).toContain("yes");
  await ann.reload();
  await ann.until("document.querySelector('#presence')?.textContent === 'online as Ann'");
  await ann.hears("said while the server was down");
  expect(await ann.get<string[]>(privately)).toEqual(before);
  await ann.until("document.querySelector('.message.private.mine.sent') !== null");
});

inBrowser("disconnecting leaves nothing behind in the tab", async () => {
  await ann.click("#disconnect");
  await ann.reload();
  await ann.until("document.querySelector('#login')?.hidden === false");
  expect(await ann.get("sessionStorage.length")).toBe(0);
});

expectNoComplaints(rig);

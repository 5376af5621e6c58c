// Entry point of the page for files by code, `/code#7-olive-lamp`: the part after the # is never
// sent to the server. It is a separate script, since no other page needs the group and the words of
// codes.

import { wordlist } from "@scure/bip39/wordlists/english.js";
import { ClientSession } from "../../client/session.ts";
import { secretText } from "../../secrets.ts";
import { sizeText } from "../../size-text.ts";
import { harmless } from "../../text.ts";
import { codeText, parseCode } from "../../trust/code.ts";
import { byId, h, saveFile, setProblem, setText } from "../dom.ts";
import { hasCipher } from "../handover/chunk-cipher.ts";
import { offerPort } from "../handover/offer-port.ts";
import { folderAdvice } from "../folder-advice.ts";
import { OwnStore } from "../handover/own-store.ts";
import { canSaveFolders, chooseTarget } from "../handover/save-target.ts";
import { progressText } from "../progress-text.ts";
import { savedFile } from "../views/saved-file.ts";
import { WebSocketDriver } from "../websocket-driver.ts";
import { CodeFetch, type CodeView } from "./code-fetch.ts";
import { type Attempt, endAttempt, noteAttempt, notedAttempt } from "./reloaded.ts";

const form = byId("code-form", HTMLFormElement);
const field = byId("code", HTMLInputElement);
const problem = byId("code-problem", HTMLElement);
const accessPart = byId("code-access-part", HTMLElement);
const access = byId("code-access", HTMLInputElement);
const accessProblem = byId("code-access-problem", HTMLElement);
const found = byId("found", HTMLElement);
const names = byId("found-names", HTMLUListElement);
const facts = byId("found-facts", HTMLElement);
const bar = byId("found-progress", HTMLProgressElement);
const status = byId("code-state", HTMLElement);
const save = byId("found-save", HTMLButtonElement);
const cancel = byId("found-cancel", HTMLButtonElement);
const saved = byId("found-saved", HTMLUListElement);

const socketUrl = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
const store = new OwnStore();
const nothing: CodeView = {
  phase: "joining",
  list: [],
  bytes: 0,
  doneBytes: 0,
  bytesPerSecond: 0,
  detail: "",
};
let view = nothing;
let fetching: CodeFetch | undefined;
/** Ends the session of the try before. */
let leave = (): void => {};
let isConnected = (): boolean => false;

function show(change: Partial<CodeView>): void {
  const { list } = view;
  view = { ...view, ...change };
  const { phase, detail, bytes, doneBytes } = view;
  if (view.list !== list) showList();
  const isRunning = phase === "running" || phase === "interrupted";
  document.body.dataset["phase"] = phase;
  bar.hidden = !isRunning;
  bar.value = bytes === 0 ? 1 : Math.min(1, doneBytes / bytes);
  const text = phase === "joining" ? "Looking for the sender …" : detail;
  noteAttempt(attempt());
  status.setAttribute("aria-live", phase === "running" ? "off" : "polite");
  setText(status, phase === "running" ? `${progressText(view)} · ${stayText}` : text);
  status.classList.toggle("problem", phase === "failed");
  save.hidden = phase !== "listed";
  cancel.hidden = phase === "done" || phase === "failed";
  if (phase === "listed") save.focus();
  if (phase === "failed") askAgain();
}

/** Each code is good for one try. */
function askAgain(): void {
  form.hidden = false;
  field.value = "";
  field.focus();
}

function showList(): void {
  found.hidden = view.list.length === 0;
  names.replaceChildren(
    ...view.list.slice(0, maxNames).map(({ name }) => h("li", {}, h("bdi", {}, harmless(name)))),
  );
  const more = view.list.length - maxNames;
  if (more > 0) names.append(h("li", {}, `and ${more} more`));
  const advice = view.list.some(isFolder) && !canSaveFolders() ? ` · ${folderAdvice}` : "";
  setText(facts, `${sizeText(view.bytes)} · sealed: the server can't read it${advice}`);
}

/** What a page that is loaded after this one has to end. */
function attempt(): Attempt | undefined {
  if (fetching === undefined || !open.has(view.phase)) return undefined;
  return { ...fetching.attempt, isSaving: view.phase !== "listed" };
}

/** Where a reload ends it. */
const open: ReadonlySet<CodeView["phase"]> = new Set(["listed", "running", "interrupted"]);
const stayText = "keep this page open: a reload loses what has arrived";

/** The maximum number of names in the list; the rest is counted. */
const maxNames = 20;

function isFolder({ name }: { name: string }): boolean {
  return name.endsWith("/");
}

function start(text: string): void {
  // About the try before.
  setText(status, "");
  const code = parseCode(text, wordlist);
  if ("problem" in code) return setProblem(field, problem, sentence(code.problem));
  if (!hasCipher) {
    const why =
      "This page was loaded from another machine without encryption, and browsers offer no cipher to such pages: use https, or parley fetch-file.";
    return setProblem(field, problem, why);
  }
  setProblem(field, problem, "");
  setProblem(access, accessProblem, "");
  leave();
  form.hidden = true;
  const session = new ClientSession({
    name: undefined,
    rooms: [],
    secret: secretText(16),
    // The server also accepts it as a pass.
    access: access.value === "" ? {} : { serverPassword: access.value },
    random: Math.random,
  });
  const step = (): void => driver.step();
  const fetch = new CodeFetch({
    code,
    join(offer, number) {
      session.request({ type: "join-code", offer, number });
      step();
    },
    port: offerPort(
      () => session,
      () => driver,
    ),
    show,
    askAccess(why) {
      cancel.hidden = true;
      setText(status, "");
      form.hidden = false;
      accessPart.hidden = false;
      setProblem(access, accessProblem, why);
      access.select();
    },
    save: ({ file, name }) => handOver(file, name),
  });
  fetching = fetch;
  const driver = new WebSocketDriver(session, socketUrl, (events) => {
    for (const event of events) fetch.handle(event);
  });
  leave = () => {
    session.leave();
    step();
  };
  isConnected = () => driver.isConnected;
  show(nothing);
  cancel.focus();
  driver.start();
}

/** Hands a file to the downloads, and lists it, so that it can be saved again. */
function handOver(file: Blob, name: string): void {
  saved.append(savedFile(harmless(name), saveFile(file, name)));
  saved.hidden = false;
}

async function take(): Promise<void> {
  const { list, bytes } = view;
  const expected = { files: list.length, bytes, names: list.map(({ name }) => name) };
  try {
    const target = await chooseTarget(expected, store);
    if (target !== undefined) await fetching?.take(target);
  } catch (error) {
    show({ detail: error instanceof Error ? sentence(error.message) : String(error) });
  }
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Reads the code from the address, and removes it there. */
function readAddress(): void {
  // Codes contain nothing that would be encoded.
  const text = location.hash.slice(1).replaceAll("%20", " ");
  if (text === "" || form.hidden) return;
  history.replaceState(null, "", location.pathname);
  const code = parseCode(text, wordlist);
  field.value = "problem" in code ? text.slice(0, field.maxLength) : codeText(code);
}

field.focus();
// Older browsers lack this, and more that the page needs.
if ("withResolvers" in Promise) byId("too-old", HTMLElement).remove();
// Before this script arrived, it could do nothing.
byId("code-show", HTMLButtonElement).disabled = false;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  start(field.value);
});
save.addEventListener("click", () => void take());
cancel.addEventListener("click", () => fetching?.cancel());
addEventListener("hashchange", readAddress);
addEventListener("beforeunload", (event) => {
  // The code is used up.
  if (open.has(view.phase)) event.preventDefault();
});
window.addEventListener("pagehide", ({ persisted }) => {
  if (persisted || fetching === undefined) return;
  const interrupted = attempt();
  const isEnded = isConnected();
  fetching.cancel();
  noteAttempt(interrupted && { ...interrupted, isEnded });
});
readAddress();
const interrupted = notedAttempt();
noteAttempt(undefined);
if (interrupted?.isEnded === false) endAttempt(socketUrl, interrupted);
if (interrupted?.isSaving === true) {
  const why =
    "The page was reloaded during the transfer: what had arrived is lost, and the code is used up. Ask the sender for a new one.";
  setProblem(field, problem, why);
}

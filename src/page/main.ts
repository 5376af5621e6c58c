// The page: puts state, session and views together. Every change goes through `dispatch`; the views are drawn once a frame.

import type { ListedFile } from "../client/events.ts";
import { runCommand } from "./command-runner.ts";
import { readLine } from "./commands.ts";
import { byId, saveAs } from "./dom.ts";
import { download } from "./download.ts";
import { fetchFilePage } from "./file-api.ts";
import { entriesIn } from "./message-log.ts";
import { Notifier } from "./notifier.ts";
import { reduce } from "./reducer.ts";
import { SessionController } from "./session-controller.ts";
import { loadStored } from "./session-storage.ts";
import { type Action, initialState, type Renaming, type State } from "./state.ts";
import { transcript } from "./transcript.ts";
import { AppShell } from "./views/app-shell.ts";
import { Composer } from "./views/composer.ts";
import { ConnectionBar, PrivateChatBar } from "./views/connection-bars.ts";
import { FileList } from "./views/file-list.ts";
import { LoginForm } from "./views/login-form.ts";
import { MessageList } from "./views/message-list.ts";
import { PeopleList } from "./views/people-list.ts";
import { RecipientPicker } from "./views/recipient-picker.ts";
import { RenameDialog } from "./views/rename-dialog.ts";
import { RoomList } from "./views/room-list.ts";
import { RoomPicker } from "./views/room-picker.ts";

let state: State = initialState;
let isDrawDue = false;

function dispatch(action: Action): void {
  state = reduce(state, action);
  if (isDrawDue) return;
  isDrawDue = true;
  // A hidden tab has no frames, but a title.
  if (document.hidden) setTimeout(draw, 250);
  else requestAnimationFrame(draw);
}

const notifier = new Notifier();
const controller = new SessionController(
  dispatch,
  () => state,
  (events) => notifier.handle(events, state),
);
const shell = new AppShell(() => void loadFiles());
const messages = new MessageList(() => controller.loadEarlier());
const composer = new Composer({
  submit(line) {
    messages.followEnd();
    return runCommand(readLine(line), { controller, state, openFiles, download: startDownload });
  },
  draft: (text) => dispatch({ type: "draft", text }),
  problem: (problem) => dispatch({ type: "problem", origin: "composer", problem }),
});
const views: readonly { render(state: State): void }[] = [
  shell,
  new LoginForm((login) => controller.login(login)),
  new ConnectionBar(() => dispatch({ type: "show-login" })),
  new PrivateChatBar((type) => controller.chat({ type })),
  new RenameDialog({ rename, close: () => setRenaming(undefined) }),
  new RoomList({
    show(room) {
      controller.show(room);
      shell.closeSidebar();
    },
    part: (room) => controller.part(room),
  }),
  new RoomPicker({
    join(room) {
      const problem = controller.join(room, "form");
      if (problem !== undefined) dispatch({ type: "problem", origin: "form", problem });
    },
    load: () => controller.loadDirectory(),
    clearProblem: () => dispatch({ type: "problem", origin: "form", problem: "" }),
  }),
  new PeopleList({
    toggleRecipient(name) {
      const others = state.recipients.filter((other) => other !== name);
      const isChosen = others.length < state.recipients.length;
      choose(isChosen ? others : [...others, name]);
      shell.closeSidebar();
      composer.focus();
    },
    invite: (name) => controller.chat({ type: "invite", to: name }),
  }),
  messages,
  composer,
  new RecipientPicker(choose),
  new FileList({
    download: startDownload,
    more: () => void loadFilePage(state.listing.next),
  }),
  notifier,
];

function draw(): void {
  isDrawDue = false;
  for (const view of views) view.render(state);
}

function choose(to: readonly string[]): void {
  dispatch({ type: "choose-recipients", to });
}

function rename(name: string): void {
  const ref = controller.rename(name);
  setRenaming({ ref, problem: ref === undefined ? "You are offline." : "" });
}

function setRenaming(renaming: Renaming | undefined): void {
  dispatch({ type: "renaming", renaming });
}

function openFiles(): void {
  shell.openFiles();
}

function loadFiles(): Promise<void> {
  return loadFilePage(undefined);
}

/** Loads the page of the list after the file `after`, or the first. */
async function loadFilePage(after: string | undefined): Promise<void> {
  if (state.listing.phase === "loading") return;
  dispatch({ type: "files-loading" });
  try {
    const { files, next } = await fetchFilePage(after);
    dispatch({ type: "files", files, next, isFirst: after === undefined });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    dispatch({ type: "files-failed", problem });
  }
}

function startDownload(file: ListedFile): void {
  void download(file, (progress) => dispatch({ type: "download", download: progress }));
}

/** Whether somebody looks at the page. */
function look(): void {
  dispatch({ type: "away", isAway: document.hidden || !document.hasFocus() });
}

function listen(): void {
  byId("disconnect", HTMLButtonElement).addEventListener("click", () => controller.disconnect());
  byId("rename", HTMLButtonElement).addEventListener("click", () =>
    setRenaming({ ref: undefined, problem: "" }),
  );
  byId("files-refresh", HTMLButtonElement).addEventListener("click", () => void loadFiles());
  byId("save", HTMLButtonElement).addEventListener("click", () => {
    const text = transcript(entriesIn(state.log, state.shown));
    saveAs(new Blob([text], { type: "text/plain" }), `${state.name}_messages_log.txt`);
  });
  document.addEventListener("visibilitychange", look);
  addEventListener("focus", look);
  addEventListener("blur", look);
  look();
}

listen();
const stored = loadStored();
if (stored !== undefined) controller.resume(stored);
draw();

// Entry point of the page: wires state, session and views together. Every change goes through
// `dispatch`; the views render at most once per frame.

import { errorMessage } from "../errors.ts";
import type { FileEntry } from "../client/events.ts";
import { harmless } from "../text.ts";
import { byId, saveAs, saveFile } from "./dom.ts";
import { download } from "./download.ts";
import { OwnStore } from "./handover/own-store.ts";
import { PageHandover } from "./handover/page-handover.ts";
import { fetchFilePage } from "./file-api.ts";
import { ignoredKey } from "./ignored-storage.ts";
import { installWorker } from "./install-worker.ts";
import { entriesIn } from "./message-log.ts";
import { notificationsKey, withLevel } from "./notification-settings.ts";
import { isAllowed, Notifier } from "./notifier.ts";
import { reduce } from "./reducer.ts";
import { listenForRoomLinks } from "./room-links.ts";
import { RoomUploads } from "./room-uploads.ts";
import { submitDraft } from "./submit-draft.ts";
import { SessionController } from "./session-controller.ts";
import { loadStored } from "./session-storage.ts";
import {
  type Action,
  currentDraft,
  type Download,
  initialState,
  isRunning,
  isSharing,
  type Renaming,
  type State,
} from "./state.ts";
import { untilMidnightMs } from "./timeline.ts";
import { transcript } from "./transcript.ts";
import { AppShell } from "./views/app-shell.ts";
import { Composer } from "./views/composer.ts";
import { ConnectionBar, PrivateChatBar } from "./views/connection-bars.ts";
import { FileDrop } from "./views/file-drop.ts";
import { FileList } from "./views/file-list.ts";
import { LoginForm } from "./views/login-form.ts";
import { MessageList } from "./views/message-list.ts";
import { NotificationDialog } from "./views/notification-dialog.ts";
import { OfferCardsView } from "./views/offer-cards-view.ts";
import { PasswordDialog } from "./views/password-dialog.ts";
import { PeopleList } from "./views/people-list.ts";
import { RecipientPicker } from "./views/recipient-picker.ts";
import { RenameDialog } from "./views/rename-dialog.ts";
import { RoomList } from "./views/room-list.ts";
import { RoomPicker } from "./views/room-picker.ts";
import { UploadList } from "./views/upload-list.ts";
import { SearchDialog } from "./views/search-dialog.ts";

let state: State = initialState;
let isDrawDue = false;
/** The list of files has changed since it was asked for. */
let isListOld = false;

function dispatch(action: Action): void {
  state = reduce(state, action);
  if (isDrawDue) return;
  isDrawDue = true;
  // A hidden tab gets no animation frames, but its title changes.
  if (document.hidden) setTimeout(draw, 250);
  else requestAnimationFrame(draw);
}

const notifier = new Notifier(dispatch);
const controller = new SessionController(
  dispatch,
  () => state,
  (events) => notifier.handle(events, state),
);
const ownStore = new OwnStore();
const handover = new PageHandover({
  store: ownStore,
  port: controller.offers,
  dispatch,
  cards: () => state.offers,
  download: saveFile,
  isUploading: () => uploads.isRunning,
  announce: (text) => notifier.tell(text, state),
});
controller.handover = handover;
const uploads = new RoomUploads({
  end: (offer) => controller.offers.end(offer, "cancelled"),
  ask: (request) => controller.own.ask(request),
  dispatch,
  cards: () => state.uploads,
  onShared: () => shell.areFilesOpen && void loadFiles(),
});
controller.uploads = uploads;
/** Stop the downloads of shared files, by name. */
const downloads = new Map<string, AbortController>();
const offerCards = new OfferCardsView(handover);
const shell = new AppShell(() => void loadFiles());
const messages = new MessageList({
  loadEarlier: () => controller.loadEarlier(),
  offerCard: (id, timeMs) => offerCards.node(id, timeMs),
});
const composer = new Composer({
  submit() {
    messages.followEnd();
    submitDraft({
      controller,
      dispatch,
      state: () => state,
      openFiles: () => shell.openFiles(),
      download: startDownload,
      chooseFilesFor: (name) => fileDrop.chooseFor([name]),
      search: (text) => controller.finder.search(text),
      openNotifications: () => notifier.open(),
      askPassword: (purpose) =>
        dispatch({ type: "choosing", choosing: { purpose, ref: undefined, problem: "" } }),
    });
  },
  write: (text) => dispatch({ type: "draft", text }),
  refuse: refuseInComposer,
});
const fileDrop = new FileDrop({ send: sendFiles, share: shareFiles, refuse: refuseInComposer });
const views: readonly { render(state: State): void }[] = [
  shell,
  new LoginForm((login) => controller.login(login)),
  new PrivateChatBar((type) => controller.chat({ type })),
  new RenameDialog({ rename, close: () => setRenaming(undefined) }),
  new PasswordDialog({
    choose: choosePassword,
    refuse: (problem) => setChoosing({ problem }),
    close: () => dispatch({ type: "choosing", choosing: undefined }),
  }),
  new SearchDialog({
    search: (text) => controller.finder.search(text),
    goTo: (room, seq) => controller.finder.goTo(room, seq),
    close: () => dispatch({ type: "search", search: undefined }),
  }),
  new NotificationDialog({
    toggle: () => void notifier.toggle(state.notifications, isAllowed(state)),
    choose: (room, level) =>
      notifier.change(state.notifications, (settings) => withLevel(settings, room, level)),
    close: () => dispatch({ type: "show-notifications", isShown: false }),
  }),
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
      const { recipients } = currentDraft(state);
      const others = recipients.filter((other) => other !== name);
      choose(recipients.includes(name) ? others : [...others, name]);
      shell.closeSidebar();
      composer.focus();
    },
    invite: (name) => controller.chat({ type: "invite", to: name }),
  }),
  offerCards,
  messages,
  composer,
  new RecipientPicker(choose),
  fileDrop,
  new UploadList(uploads),
  new FileList({
    download: toggleDownload,
    remove: (file) => void removeFile(file),
    more: () => void loadFilePage(state.listing.next),
  }),
  // After those that it takes the focus from.
  new ConnectionBar(() => dispatch({ type: "show-login" })),
  notifier,
];

function draw(): void {
  isDrawDue = false;
  for (const view of views) view.render(state);
}

/** Days are called `Today` and `Yesterday`. */
function drawAtMidnight(): void {
  setTimeout(() => {
    draw();
    drawAtMidnight();
  }, untilMidnightMs(Date.now()));
}

function choose(to: readonly string[]): void {
  dispatch({ type: "choose-recipients", to });
}

/** Offers files to each of these people. */
function sendFiles(to: readonly string[], files: readonly File[], isPasted: boolean): void {
  messages.followEnd();
  for (const name of to) {
    const problem = handover.send(name, files, isPasted);
    if (problem !== undefined) return refuseInComposer(problem);
  }
}

/** Uploads files to the shared folder, and announces them in the room. */
function shareFiles(room: string, files: readonly File[], isPasted: boolean): void {
  const problem = uploads.share(room, files, isPasted);
  if (problem !== undefined) refuseInComposer(problem);
}

/** Removes one of the user's own files from the shared folder. */
async function removeFile({ name }: FileEntry): Promise<void> {
  if (!confirm(`Remove ${harmless(name)} from the shared folder?`)) return;
  try {
    await controller.own.ask({ type: "admin", command: `unshare ${name}` });
  } catch (error) {
    controller.notice(errorMessage(error));
  }
  await loadFiles();
}

/** Loads which of the files this user may remove. */
async function loadOwnFiles(): Promise<void> {
  const names = new Set<string>();
  try {
    const answer = await controller.own.ask({ type: "admin", command: "shared" });
    for (const { fields } of answer.type === "admin" ? answer.rows : []) {
      if (typeof fields["name"] === "string") names.add(fields["name"]);
    }
  } catch {
    // The server accepts no files from users, or is offline: none of them is the user's.
  }
  dispatch({ type: "own-files", names });
}

function refuseInComposer(problem: string): void {
  dispatch({ type: "problem", origin: "composer", problem });
}

function rename(name: string): void {
  const ref = controller.rename(name);
  setRenaming({ ref, problem: ref === undefined ? "You are offline." : "" });
}

function setRenaming(renaming: Renaming | undefined): void {
  dispatch({ type: "renaming", renaming });
}

function choosePassword(password: string): void {
  const { choosing } = state;
  if (choosing === undefined) return;
  const ref = controller.choosePassword(choosing.purpose, password);
  setChoosing({ ref, problem: ref === undefined ? "You are offline." : "" });
}

function setChoosing(change: { ref?: number | undefined; problem: string }): void {
  const { choosing } = state;
  if (choosing !== undefined) {
    dispatch({ type: "choosing", choosing: { ...choosing, ref: undefined, ...change } });
  }
}

function loadFiles(): Promise<void> {
  void loadOwnFiles();
  return loadFilePage(undefined);
}

/** Loads the files after `after`, or the first page of the list. */
async function loadFilePage(after: string | undefined): Promise<void> {
  if (state.listing.phase === "loading") {
    isListOld ||= after === undefined;
    return;
  }
  dispatch({ type: "files-loading" });
  try {
    const { files, next } = await fetchFilePage(after);
    dispatch({ type: "files", files, next, isFirst: after === undefined });
  } catch (error) {
    dispatch({ type: "files-failed", problem: errorMessage(error) });
  }
  if (!isListOld) return;
  isListOld = false;
  await loadFilePage(undefined);
}

/** Starts a download, or stops it if it is running. */
function toggleDownload(file: FileEntry): void {
  if (isRunning(state.downloads.get(file.name))) downloads.get(file.name)?.abort();
  else startDownload(file);
}

function startDownload(file: FileEntry): void {
  if (isRunning(state.downloads.get(file.name))) return;
  const stop = new AbortController();
  downloads.set(file.name, stop);
  void download(file, ownStore, showDownload, stop.signal);
}

function showDownload(progress: Download): void {
  dispatch({ type: "download", download: progress });
}

/** Joins the rooms of a link, and shows the first. The login form has its own way with them. */
function joinLinked(rooms: readonly string[]): void {
  if (state.isLoginShown) return;
  for (const room of rooms.toReversed()) {
    const problem = controller.join(room, "composer");
    if (problem !== undefined) refuseInComposer(problem);
  }
  shell.closeSidebar();
}

/** Notes whether the page is visible and has the focus. */
function look(): void {
  dispatch({ type: "away", isAway: document.hidden || !document.hasFocus() });
  // The frame that was requested before the tab was hidden may come hours later.
  if (document.hidden) setTimeout(draw, 250);
}

function listen(): void {
  byId("disconnect", HTMLButtonElement).addEventListener("click", () => controller.disconnect());
  byId("rename", HTMLButtonElement).addEventListener("click", () =>
    setRenaming({ ref: undefined, problem: "" }),
  );
  byId("search", HTMLButtonElement).addEventListener("click", () => controller.finder.search(""));
  byId("files-refresh", HTMLButtonElement).addEventListener("click", () => void loadFiles());
  byId("save", HTMLButtonElement).addEventListener("click", () => {
    const text = transcript(entriesIn(state.log, state.shown));
    saveAs(new Blob([text], { type: "text/plain" }), `${state.name}_messages_log.txt`);
  });
  listenForRoomLinks(joinLinked);
  addEventListener("beforeunload", (event) => {
    if (handover.isBusy || isSharing(state)) event.preventDefault();
  });
  window.addEventListener("pagehide", ({ persisted }) => {
    if (persisted) return;
    handover.leave();
    uploads.leave();
  });
  // Another tab has changed what this browser keeps for all of them.
  window.addEventListener("storage", ({ key, oldValue, newValue }) => {
    if (key === notificationsKey) notifier.load();
    if (key === ignoredKey) controller.ignoredElsewhere(oldValue, newValue);
  });
  document.addEventListener("visibilitychange", look);
  addEventListener("focus", look);
  addEventListener("blur", look);
  look();
}

listen();
installWorker();
notifier.load();
const stored = loadStored();
if (stored !== undefined) controller.resume(stored);
draw();
drawAtMidnight();
// Older browsers lack this, and more that the page needs.
if ("withResolvers" in Promise) byId("too-old", HTMLElement).remove();

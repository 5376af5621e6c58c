// The page: puts state, session and views together. Every change goes through `dispatch`; the views draw once a frame.

import { Attention } from "./attention.ts";
import { Chat, listFiles } from "./chat.ts";
import { byId, saveAs } from "./dom.ts";
import { download } from "./download.ts";
import { oldestSeq } from "./entries.ts";
import { Frame } from "./frame.ts";
import { recall, recallPrivate } from "./session-storage.ts";
import { logText } from "./layout.ts";
import { reduce } from "./reduce.ts";
import { initialState, type Action, type Renaming, type State } from "./state.ts";
import { Composer } from "./view-composer.ts";
import { FilesView } from "./view-files.ts";
import { MessageList } from "./view-messages.ts";
import { PeopleView } from "./view-people.ts";
import { Door, RenameDialog, StatusLine } from "./view-session.ts";

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

const attention = new Attention();
const chat = new Chat(
  dispatch,
  () => state,
  (events) => attention.heard(events, state.away),
);
const door = new Door((name, room) => chat.connect({ name, room }));
const messages = new MessageList(() => chat.earlier(oldestSeq(state.log)));
const composer = new Composer({
  send(text) {
    const result = chat.send(text);
    if (typeof result === "number") messages.follow();
    return result;
  },
  choose: (to) => dispatch({ type: "choose", to }),
});
const people = new PeopleView({
  toggle(name) {
    const others = state.to.filter((other) => other !== name);
    dispatch({
      type: "choose",
      to: others.length === state.to.length ? [...others, name] : others,
    });
    composer.focus();
  },
  invite: (name) => chat.ask({ type: "invite", to: name }),
  enter: (room) => enter(room),
});
const files = new FilesView((file) => {
  void download(file, (progress) => dispatch({ type: "download", download: progress }));
});
const rename = new RenameDialog({
  rename(name) {
    const ref = chat.ask({ type: "rename", name });
    showRename({ ref, problem: ref === undefined ? "You are not connected." : "" });
  },
  close: () => showRename(undefined),
});
const status = new StatusLine({
  answer: (type) => chat.ask({ type }),
  reconnect: () => dispatch({ type: "door" }),
});
const frame = new Frame(() => void listFiles(dispatch));

function draw(): void {
  isDrawDue = false;
  frame.render(state);
  door.render(state);
  status.render(state);
  rename.render(state);
  people.render(state);
  messages.render(state);
  composer.render(state);
  files.render(state);
  attention.render(state);
}

function enter(room: string): void {
  frame.closeSide();
  if (room !== state.room) chat.enter(room);
}

function showRename(renaming: Renaming | undefined): void {
  dispatch({ type: "renaming", renaming });
}

/** Whether somebody looks at the page. */
function look(): void {
  dispatch({ type: "away", away: document.hidden || !document.hasFocus() });
}

function listen(): void {
  byId("disconnect", HTMLButtonElement).addEventListener("click", () => chat.disconnect());
  byId("rename", HTMLButtonElement).addEventListener("click", () =>
    showRename({ ref: undefined, problem: "" }),
  );
  byId("files-refresh", HTMLButtonElement).addEventListener(
    "click",
    () => void listFiles(dispatch),
  );
  byId("save", HTMLButtonElement).addEventListener("click", () => {
    const text = new Blob([logText(state.log.entries)], { type: "text/plain" });
    saveAs(text, `${state.name}_messages_log.txt`);
  });
  const roomName = byId("room-name", HTMLInputElement);
  byId("room-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    if (roomName.value.trim() !== "") enter(roomName.value.trim());
    roomName.value = "";
  });
  document.addEventListener("visibilitychange", look);
  addEventListener("focus", look);
  addEventListener("blur", look);
  look();
}

listen();
const kept = recall();
if (kept !== undefined) {
  dispatch({ type: "restored", said: recallPrivate() });
  chat.connect(kept);
}
draw();

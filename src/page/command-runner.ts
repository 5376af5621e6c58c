// Executes the commands of the composer. Needs no DOM.

import type { FileEntry } from "../client/events.ts";
import type { AccountLine } from "../client/slash-commands.ts";
import { pastedWord } from "../pasted-word.ts";
import { quoted } from "../text.ts";
import { peopleText } from "./command-output.ts";
import { type Command, helpText, type Inquiry } from "./commands.ts";
import type { SessionController } from "./session-controller.ts";
import { orderedRooms, type Room, roomNamed, shownRoom, type State } from "./state.ts";

/** The objects that commands act on. */
export type CommandTargets = {
  controller: Pick<
    SessionController,
    | "chat"
    | "devices"
    | "order"
    | "ignore"
    | "disconnect"
    | "dropPassword"
    | "join"
    | "loadDirectory"
    | "loadEarlier"
    | "notice"
    | "part"
    | "rename"
    | "say"
    | "show"
    | "tell"
    | "motd"
    | "whois"
  >;
  state: () => State;
  openFiles: () => void;
  download: (file: FileEntry) => void;
  /** Lets the user choose files to offer to that person. */
  chooseFilesFor: (name: string) => void;
  /** Searches the current room. */
  search: (text: string) => void;
  openNotifications: () => void;
  /** Opens the dialog for a new password. */
  askPassword: (purpose: "register" | "change") => void;
};

/** Executes a command. Returns the reason if that is impossible. */
export function runCommand(command: Command, targets: CommandTargets): string | undefined {
  const { controller } = targets;
  const state = targets.state();
  switch (command.do) {
    case "explain":
      return command.text;
    case "say":
      return controller.say(command.text, command.kind);
    case "tell":
      return controller.tell(command.to, command.text);
    case "go":
      if (command.room === undefined) return showNext(targets);
      return controller.join(command.room, "composer", command.key);
    case "part":
      return inRoom(command.room, state, ({ name }) => controller.part(name));
    case "nick":
      return controller.rename(command.name) === undefined ? "You are offline." : undefined;
    case "invite":
      return controller.chat({ type: "invite", to: command.name });
    case "accept":
    case "reject":
    case "leave":
      return controller.chat({ type: command.do });
    case "send-files":
      targets.chooseFilesFor(command.to);
      return undefined;
    case "ignore":
    case "unignore":
      controller.notice(controller.ignore(command));
      return undefined;
    case "order":
      return controller.order(command.command);
    case "help":
      controller.notice(helpText(command.about));
      return undefined;
    case "quit":
      controller.disconnect();
      return undefined;
    case "register":
    case "set-password":
    case "drop-password":
    case "devices":
    case "device-code":
    case "revoke":
      return runOnAccount(command, targets);
    default:
      return show(command, targets);
  }
}

function runOnAccount(command: AccountLine, targets: CommandTargets): string | undefined {
  const { controller, askPassword } = targets;
  switch (command.do) {
    case "register":
    case "set-password":
      askPassword(command.do === "register" ? "register" : "change");
      return undefined;
    case "drop-password":
      return controller.dropPassword();
    case "devices":
    case "device-code":
      return controller.devices({ type: command.do });
    case "revoke":
      return controller.devices({ type: "revoke", key: command.key });
  }
}

/** Shows information from the page or the server. */
function show(command: Inquiry, targets: CommandTargets): string | undefined {
  const { controller } = targets;
  switch (command.do) {
    case "topic":
      return topic(command.words, targets);
    case "motd":
      controller.notice(controller.motd() || "There is no message of the day.");
      return undefined;
    case "whois":
      return controller.whois(command.name);
    case "search":
      targets.search(command.text);
      return undefined;
    case "notifications":
      targets.openNotifications();
      return undefined;
    case "who":
      return inRoom(command.room, targets.state(), (room) => controller.notice(peopleText(room)));
    case "get":
      return download(command.name, targets);
    case "rooms":
      controller.loadDirectory(true);
      return undefined;
    case "history":
      controller.loadEarlier();
      return undefined;
    case "files":
      targets.openFiles();
      return undefined;
    default:
      return command satisfies never;
  }
}

/** Calls `act` with the room called `name`, by default the current one. */
function inRoom(
  name: string | undefined,
  state: State,
  act: (room: Room) => void,
): string | undefined {
  const room = name === undefined ? shownRoom(state) : roomNamed(state, name);
  if (room !== undefined) act(room);
  else if (name === undefined) return "You are not in a room.";
  else return `You are not in ${quoted(name)}. Join it with /join.`;
  return undefined;
}

/** If the first word is not one of the user's rooms, the words are about the current room. */
function topic(words: string, { controller, state }: CommandTargets): string | undefined {
  const [, first = "", rest = ""] = /^(\S*)\s*(.*)$/s.exec(words) ?? [];
  const named = first === "" ? undefined : roomNamed(state(), first);
  const room = named ?? shownRoom(state());
  if (room === undefined) return "You are not in a room.";
  const text = named === undefined ? words : rest;
  if (text !== "") return controller.order(`topic ${room.name} ${text === "off" ? "" : text}`);
  controller.notice(
    room.topic === "" ? `${room.name} has no topic.` : `Topic of ${room.name}: ${room.topic}`,
  );
  return undefined;
}

function showNext({ controller, state }: CommandTargets): string | undefined {
  const { shown } = state();
  const next = orderedRooms(state()).find(({ name, unread }) => unread > 0 && name !== shown);
  if (next === undefined) return "There are no unread messages in your other rooms.";
  controller.show(next.name);
  return undefined;
}

function download(
  name: string,
  { state, openFiles, download }: CommandTargets,
): string | undefined {
  const file = state().listing.files.find((file) => file.name === name);
  openFiles();
  if (file === undefined) return `${quoted(name)} is not in the list of files that is shown.`;
  if (name.endsWith("/"))
    return `A browser can't save folders: use parley fetch-file ${pastedWord(name)}.`;
  download(file);
  return undefined;
}

// Executes the commands of the composer. Knows no DOM.

import type { ListedFile } from "../client/events.ts";
import { quoted } from "../text.ts";
import { peopleText } from "./command-output.ts";
import { type Command, helpText } from "./commands.ts";
import type { SessionController } from "./session-controller.ts";
import { roomNamed, shownRoom, type State } from "./state.ts";

/** What commands act upon. */
export type CommandTargets = {
  controller: Pick<
    SessionController,
    | "chat"
    | "devices"
    | "order"
    | "ignore"
    | "disconnect"
    | "join"
    | "loadDirectory"
    | "loadEarlier"
    | "notice"
    | "part"
    | "rename"
    | "say"
    | "show"
    | "tell"
  >;
  state: () => State;
  openFiles: () => void;
  download: (file: ListedFile) => void;
  /** Opens the dialog for a new password. */
  askPassword: (purpose: "register" | "change") => void;
};

/** Executes a command. Returns the reason if that is impossible. */
export function runCommand(command: Command, targets: CommandTargets): string | undefined {
  const { controller } = targets;
  const state = targets.state();
  switch (command.type) {
    case "mistake":
      return command.problem;
    case "say":
      return controller.say(command.text);
    case "tell":
      return controller.tell(command.to, command.text);
    case "join":
      return controller.join(command.room, "composer");
    case "part":
      return inRoom(command.room, state, (room) => controller.part(room));
    case "show-room":
      return inRoom(command.room, state, (room) => controller.show(room));
    case "rename":
      return controller.rename(command.name) === undefined ? "You are offline." : undefined;
    case "invite":
      return controller.chat({ type: "invite", to: command.name });
    case "accept":
    case "reject":
    case "leave":
      return controller.chat({ type: command.type });
    case "register":
    case "password":
      targets.askPassword(command.type === "register" ? "register" : "change");
      return undefined;
    case "devices":
    case "device-code":
      return controller.devices({ type: command.type });
    case "revoke":
      return controller.devices(command);
    case "ignore":
    case "unignore":
      controller.notice(controller.ignore(command));
      return undefined;
    case "order":
      return controller.order(command.command);
    case "who":
      return listPeople(targets);
    case "download":
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
    case "help":
      controller.notice(helpText());
      return undefined;
    case "quit":
      controller.disconnect();
      return undefined;
  }
}

/** Calls `act` with the room called `name`, by default the one that is shown. */
function inRoom(
  name: string | undefined,
  state: State,
  act: (room: string) => void,
): string | undefined {
  const room = name === undefined ? shownRoom(state) : roomNamed(state, name);
  if (room !== undefined) act(room.name);
  else if (name === undefined) return "You are in no room.";
  else return `You are not in ${quoted(name)}. Join it with /join.`;
  return undefined;
}

function listPeople({ controller, state }: CommandTargets): string | undefined {
  const room = shownRoom(state());
  if (room === undefined) return "You are in no room.";
  controller.notice(peopleText(room));
  return undefined;
}

function download(
  name: string,
  { state, openFiles, download }: CommandTargets,
): string | undefined {
  const file = state().listing.files.find((file) => file.name === name);
  openFiles();
  if (file === undefined) return `${quoted(name)} is not in the list of files that is shown.`;
  download(file);
  return undefined;
}

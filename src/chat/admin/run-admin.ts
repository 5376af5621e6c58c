// One order of an operator: is it one, is it allowed, is it done and stored. Knows no way in.

import type { HubState } from "../hub-state.ts";
import type { Actor } from "./actor.ts";
import { type AdminCommand, adminCommands, readAdminCommand } from "./admin-command.ts";
import type { AdminAnswer } from "./answer.ts";
import { info, who } from "./people-commands.ts";
import { impose, kick, lift, listSanctions } from "./sanction-commands.ts";

/** Answers once what has changed is stored. */
export function runAdmin(
  hub: HubState,
  actor: Actor,
  line: string,
  answer: (answer: AdminAnswer) => void,
): void {
  const command = readAdminCommand(line);
  if (typeof command === "string") return answer({ ok: false, code: "usage", message: command });
  const done = handle(hub, actor, command);
  store(hub, (problem) =>
    answer(problem === undefined || !done.ok ? done : unstored(done, problem)),
  );
}

function handle(hub: HubState, actor: Actor, command: AdminCommand): AdminAnswer {
  switch (command.do) {
    case "help":
      return help();
    case "who":
      return who(hub, command.long);
    case "info":
      return info(hub);
    case "kick":
      return kick(hub, actor, command);
    case "ban":
    case "mute":
      return impose(hub, actor, command);
    case "unban":
    case "unmute":
      return lift(hub, actor, command);
    case "bans":
      return listSanctions(hub, "ban");
    case "mutes":
      return listSanctions(hub, "mute");
    case "stop":
      hub.options.control.stop();
      return { ok: true };
  }
}

function help(): AdminAnswer {
  const entries = Object.values(adminCommands);
  const width = Math.max(...entries.map(({ usage }) => usage.length));
  const rows = entries.map(({ usage, help }) => ({
    text: `${usage.padEnd(width)}  ${help}`,
    fields: { event: "command", usage, help },
  }));
  return { ok: true, rows };
}

/** `problem`: why the changes are not stored. They hold all the same. */
function store(hub: HubState, then: (problem: string | undefined) => void): void {
  const { rights } = hub.options;
  const changes = rights.takeChanges();
  if (changes.length === 0) return then(undefined);
  hub.store.changeRights(changes, (outcome) => {
    if (outcome.done) return then(undefined);
    rights.putBack(changes);
    then(outcome.error.message);
  });
}

function unstored(done: AdminAnswer & { ok: true }, problem: string): AdminAnswer {
  const said = done.message === undefined ? "" : `${done.message}. `;
  return { ok: true, message: `${said}It holds until the server stops, for ${problem}` };
}

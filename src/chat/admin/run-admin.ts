// One order of an operator: is it one, is it allowed, is it done and stored. Knows no way in.

import type { HubState } from "../hub-state.ts";
import type { Actor } from "./actor.ts";
import { type AdminCommand, adminCommands, readAdminCommand } from "./admin-command.ts";
import type { AdminAnswer } from "./answer.ts";
import { storeRights } from "../rights-store.ts";
import { logAct } from "./log-act.ts";
import { listPasses, makePass, revoke } from "./pass-commands.ts";
import { info, who } from "./people-commands.ts";
import { isAtLeast } from "../rights/roles.ts";
import { claim, deop, listOps, op } from "./role-commands.ts";
import { setGuest, setMotd, setPrivate, setTopic } from "./room-commands.ts";
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
  const { rank = "operator" } = adminCommands[command.do];
  if (!isAtLeast(actor.rank, rank)) {
    const message = `Only ${rank}s may ${command.do}`;
    return answer({ ok: false, code: "not-allowed", message });
  }
  handle(hub, actor, command, (done) =>
    storeRights(hub, (problem) =>
      answer(problem === undefined || !done.ok ? done : unstored(done, problem)),
    ),
  );
}

function handle(
  hub: HubState,
  actor: Actor,
  command: AdminCommand,
  done: (answer: AdminAnswer) => void,
): void {
  switch (command.do) {
    case "help":
      return done(help());
    case "who":
      return done(who(hub, command.long));
    case "info":
      return done(info(hub));
    case "kick":
      return done(kick(hub, actor, command));
    case "ban":
    case "mute":
      return impose(hub, actor, command, done);
    case "unban":
    case "unmute":
      return done(lift(hub, actor, command));
    case "bans":
      return done(listSanctions(hub, "ban"));
    case "mutes":
      return done(listSanctions(hub, "mute"));
    case "topic":
      return done(setTopic(hub, actor, command));
    case "motd":
      return done(setMotd(hub, actor, command));
    case "private":
    case "public":
      return done(setPrivate(hub, actor, command));
    case "allow":
    case "disallow":
      return setGuest(hub, actor, command, done);
    case "op":
      return op(hub, actor, command.name, done);
    case "deop":
      return deop(hub, actor, command.name, done);
    case "ops":
      return done(listOps(hub));
    case "claim":
      return done(claim(hub, actor, command.code));
    case "pass":
      return done(makePass(hub, actor, command));
    case "passes":
      return done(listPasses(hub));
    case "revoke":
      return done(revoke(hub, actor, command));
    case "reload":
      return done(reload(hub, actor));
    case "stop":
      hub.options.control.stop();
      return done({ ok: true });
  }
}

function reload(hub: HubState, actor: Actor): AdminAnswer {
  const problem = hub.options.control.reload();
  if (problem !== undefined) return { ok: false, code: "failed", message: problem };
  logAct(hub, actor, "files read again", {});
  return { ok: true, message: "The files are read again" };
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

function unstored(done: AdminAnswer & { ok: true }, problem: string): AdminAnswer {
  const said = done.message === undefined ? "" : `${done.message}. `;
  return { ok: true, message: `${said}It holds until the server stops, for ${problem}` };
}

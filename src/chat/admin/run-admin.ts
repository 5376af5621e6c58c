// Runs one operator command: parses it, checks permission, carries it out and stores the result.
// Independent of the entry point.

import type { HubState } from "../hub-state.ts";
import type { Actor } from "./actor.ts";
import { type AdminCommand, adminCommands, readAdminCommand } from "./admin-command.ts";
import type { AdminAnswer } from "./answer.ts";
import { storeRights } from "../rights-store.ts";
import { logAct } from "./log-act.ts";
import { listPasses, makePass, revoke } from "./pass-commands.ts";
import { info, who } from "./people-commands.ts";
import { away, call, mode, remove } from "./member-commands.ts";
import { quoted } from "../../text.ts";
import { isAtLeast } from "../rights/roles.ts";
import { claim, deop, listOps, op } from "./role-commands.ts";
import { deleteMessage, exportRoom, forget } from "./past-commands.ts";
import { setGuest, setMotd, setPrivate, setTopic } from "./room-commands.ts";
import { listTokens, makeToken, revokeToken } from "./token-commands.ts";
import { impose, kick, lift, listSanctions } from "./sanction-commands.ts";
import { listShared, unshare } from "./shared-commands.ts";
import { muteText } from "../suspect.ts";

/** Answers once the change has been stored. */
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
    const message = `Only ${rank}s may use ${quoted(command.do)}`;
    return answer({ ok: false, code: "not-allowed", message });
  }
  // Otherwise they could speak by topics and reasons, or lift the mute.
  const muted = rank !== "member" && actor.session && muteText(hub, actor.session);
  if (muted) return answer({ ok: false, code: "muted", message: muted });
  handle(hub, actor, command, (done) =>
    storeRights(hub, (problem) =>
      answer(problem === undefined || !done.ok ? done : unstored(done, problem)),
    ),
  );
}

type Done = (answer: AdminAnswer) => void;

type Handlers = {
  [K in AdminCommand["do"]]: (
    hub: HubState,
    actor: Actor,
    command: Extract<AdminCommand, { do: K }>,
    done: Done,
  ) => void;
};

const handlers: Handlers = {
  help: (_hub, _actor, _command, done) => done(help()),
  who,
  info: (hub, _actor, _command, done) => done(info(hub)),
  kick,
  ban: impose,
  mute: impose,
  unban: (hub, actor, command, done) => done(lift(hub, actor, command)),
  unmute: (hub, actor, command, done) => done(lift(hub, actor, command)),
  bans: (hub, _actor, _command, done) => done(listSanctions(hub, "ban")),
  mutes: (hub, _actor, _command, done) => done(listSanctions(hub, "mute")),
  pass: (hub, actor, command, done) => done(makePass(hub, actor, command)),
  passes: (hub, _actor, _command, done) => done(listPasses(hub)),
  revoke: (hub, actor, command, done) => done(revoke(hub, actor, command)),
  topic: (hub, actor, command, done) => done(setTopic(hub, actor, command)),
  motd: (hub, actor, command, done) => done(setMotd(hub, actor, command)),
  private: (hub, actor, command, done) => done(setPrivate(hub, actor, command)),
  public: (hub, actor, command, done) => done(setPrivate(hub, actor, command)),
  allow: setGuest,
  disallow: setGuest,
  export: exportRoom,
  delete: deleteMessage,
  forget,
  token: makeToken,
  tokens: (hub, actor, _command, done) => done(listTokens(hub, actor)),
  untoken: (hub, actor, command, done) => done(revokeToken(hub, actor, command)),
  op: (hub, actor, { name }, done) => op(hub, actor, name, done),
  deop: (hub, actor, { name }, done) => deop(hub, actor, name, done),
  ops: (hub, _actor, _command, done) => done(listOps(hub)),
  shared: listShared,
  unshare,
  away: (hub, actor, command, done) => done(away(hub, actor, command)),
  mode: (hub, actor, command, done) => done(mode(hub, actor, command)),
  call,
  remove: (hub, actor, command, done) => done(remove(hub, actor, command)),
  claim: (hub, actor, { code }, done) => done(claim(hub, actor, code)),
  reload: (hub, actor, _command, done) => done(reload(hub, actor)),
  stop(hub, actor, _command, done) {
    logAct(hub, actor, "server stopped", {});
    hub.options.control.stop();
    done({ ok: true });
  },
};

function handle(hub: HubState, actor: Actor, command: AdminCommand, done: Done): void {
  const carryOut = handlers[command.do] as (
    hub: HubState,
    actor: Actor,
    command: AdminCommand,
    done: Done,
  ) => void;
  carryOut(hub, actor, command, done);
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

// Runs one operator command: parses it, checks permission, carries it out and stores the result.
// Independent of the entry point.

import type { HubState } from "../hub-state.ts";
import type { Actor } from "./actor.ts";
import { type AdminCommand, adminCommands, readAdminCommand } from "./admin-command.ts";
import { adminHelp } from "./admin-help.ts";
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
  const finish = (done: AdminAnswer): void => {
    if (readers.has(command.do)) {
      // Earlier changes may be unstored.
      storeRights(hub);
      return answer(done);
    }
    storeRights(hub, (problem) =>
      answer(problem === undefined || !done.ok ? done : unstored(done, problem)),
    );
  };
  const carryOut = handlers[command.do] as Handler<AdminCommand["do"]>;
  const done = carryOut(hub, actor, command, finish);
  if (done) finish(done);
}

/** Returns the answer, or calls `done` with it, which returns nothing. */
type Handler<Do extends AdminCommand["do"]> = (
  hub: HubState,
  actor: Actor,
  command: Extract<AdminCommand, { do: Do }>,
  done: (answer: AdminAnswer) => void,
) => AdminAnswer | void;

type Handlers = { [Do in AdminCommand["do"]]: Handler<Do> };

const handlers: Handlers = {
  help: () => ({ ok: true, rows: adminHelp() }),
  who,
  info,
  kick,
  ban: impose,
  mute: impose,
  unban: lift,
  unmute: lift,
  bans: (hub) => listSanctions(hub, "ban"),
  mutes: (hub) => listSanctions(hub, "mute"),
  pass: makePass,
  passes: listPasses,
  revoke,
  topic: setTopic,
  motd: setMotd,
  private: setPrivate,
  public: setPrivate,
  allow: setGuest,
  disallow: setGuest,
  export: exportRoom,
  delete: deleteMessage,
  forget,
  token: makeToken,
  tokens: listTokens,
  untoken: revokeToken,
  op: (hub, actor, { name }, done) => op(hub, actor, name, done),
  deop: (hub, actor, { name }, done) => deop(hub, actor, name, done),
  ops: listOps,
  shared: listShared,
  unshare,
  away,
  mode,
  call,
  remove,
  claim: (hub, actor, { code }) => claim(hub, actor, code),
  reload,
  stop(hub, actor) {
    logAct(hub, actor, "server stopped", {});
    hub.options.control.stop();
    return { ok: true };
  },
};

/** Commands that change nothing: what they answer holds whether anything can be stored or not. */
const readers: ReadonlySet<AdminCommand["do"]> = new Set<AdminCommand["do"]>([
  "help",
  "who",
  "info",
  "bans",
  "mutes",
  "passes",
  "tokens",
  "ops",
  "export",
  "shared",
]);

function reload(hub: HubState, actor: Actor): AdminAnswer {
  const problem = hub.options.control.reload();
  if (problem !== undefined) return { ok: false, code: "failed", message: problem };
  logAct(hub, actor, "files read again", {});
  return { ok: true, message: "The files are read again" };
}

function unstored(done: AdminAnswer & { ok: true }, problem: string): AdminAnswer {
  const said = done.message === undefined ? "" : `${done.message}. `;
  const lost = "It is not stored yet, and would be lost if the server stopped";
  return { ...done, message: `${said}${lost}: ${problem}` };
}

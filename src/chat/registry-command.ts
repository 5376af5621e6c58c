// The registry of peers for a session: `parley peer` at a server that is not open to everybody,
// where the cpp dialect, which has no login, is closed.

import { networkOf } from "../addresses.ts";
import { requestAnswer, requestOf } from "../cpp/registry-connection.ts";
import { quoted } from "../text.ts";
import type { Account } from "./accounts/account-store.ts";
import type { Command } from "./events.ts";
import type { HubState } from "./hub-state.ts";
import { fold } from "./names/grammar.ts";
import { reject, rejectUnread } from "./rejections.ts";
import type { Session } from "./session.ts";
import { sessionFields } from "./session-log.ts";
import { banOf, banText, suspectOf } from "./suspect.ts";
import { askStore } from "./turn/store-queries.ts";

type Asked = Extract<Command, { type: "registry" }>;
type Message = NonNullable<ReturnType<typeof requestOf>>;

export function askRegistry(hub: HubState, session: Session, command: Asked): void {
  const { ref } = command;
  const message = requestOf(command.request);
  if (message === undefined) {
    const problem = "`request` must be a REGISTER or BRIDGE of CPP, with its headers";
    return reject(hub, session, "protocol", problem, { ref });
  }
  const { id } = message;
  const lookup = { name: fold(id) };
  askStore(hub, session, { type: "find-account", lookup }, (found) => {
    if (!found.done) return rejectUnread(hub, session, command, found.error);
    const ban = banOf(hub, suspectOf(session, { names: [id] }));
    if (ban !== undefined) return reject(hub, session, "banned", banText(ban), { ref });
    if (found.result !== undefined && !isOwner(found.result, session)) {
      const problem = `The name ${quoted(id)} is registered: use another, or its owner's key`;
      return reject(hub, session, "name-registered", problem, { ref, subject: id });
    }
    answer(hub, session, command, message);
  });
}

function isOwner({ id, keys }: Account, { identity, proven }: Session): boolean {
  if (identity.account === id || proven.account === id) return true;
  return keys.some(({ key, revokedMs }) => key === proven.key && revokedMs === undefined);
}

function answer(hub: HubState, session: Session, command: Asked, message: Message): void {
  const { registry, print } = hub.options;
  const { ref } = command;
  if (registry === undefined) {
    return reject(hub, session, "not-allowed", "There is no registry of peers here", { ref });
  }
  const network = networkOf(session.peer.address);
  // Later commands wait, so that a session has one request at a time.
  session.queue.block();
  requestAnswer(
    registry,
    message,
    { nowMs: hub.nowMs, network },
    ({ reply = "", log: lines, did, id }) => {
      hub.unblock(session);
      for (const line of lines) print(line);
      if (did !== undefined) hub.log.info(did, { ...sessionFields(session), id });
      if (session.hasEnded) return;
      if (did !== "request refused") {
        return hub.send(session, { type: "registry", answer: reply, ref });
      }
      reject(hub, session, "storage", reply.trimEnd(), { ref });
    },
  );
}

// Handles decisions that people on other servers have made about somebody who is connected here.

import { expel } from "../disconnect.ts";
import type { PersonSignal } from "./hub-signal.ts";
import type { HubState } from "../hub-state.ts";
import { signalPerson } from "./signal-person.ts";
import { storeRights } from "../rights-store.ts";
import { applyChanges, rankMember } from "../rooms/room-changes.ts";
import { hearCall } from "../rooms/call-into.ts";
import { expelFrom } from "../rooms/room-commands.ts";
import type { Session } from "../session.ts";

type Of<T extends PersonSignal["type"]> = Extract<PersonSignal, { type: T }>;
type Handlers = {
  [K in PersonSignal["type"]]: (hub: HubState, holder: Session, signal: Of<K>) => void;
};

const handlers: Handlers = {
  rank(hub, holder, { to, room: name, what, isOn, by, isAnnounced }) {
    const room = hub.rooms.get(name);
    // With any of their devices.
    if (room?.roster.has(to) !== true) return;
    if (isAnnounced === true) return rankMember(hub, room, holder, { what, isOn });
    const change = { what, name: holder.name, isOn };
    applyChanges(hub, here(by), room, [change], () => {});
    storeRights(hub);
  },
  "remove-member"(hub, holder, { room: name, by, text }) {
    const room = hub.rooms.get(name);
    if (room !== undefined) expelFrom(hub, room, holder, here(by), text);
  },
  call(hub, holder, call) {
    hearCall(hub, call, holder);
  },
  tags(hub, holder, { from, persona, shown: to, tags, timeMs }) {
    const id = hub.pipeline.nextOrder();
    for (const one of hub.names.devices(holder)) {
      hub.send(one, { type: "signal", from, persona, to, isRoom: false, tags, timeMs, id });
    }
  },
  "account-changed"(hub, holder, { change, device, key, proof }) {
    // Only its owner can have a registered name.
    for (const one of hub.names.devices(holder)) {
      hub.send(one, { type: "account-changed", change, device, key, proof });
    }
  },
  expel(hub, holder, { reason }) {
    for (const one of hub.names.devices(holder)) expel(hub, one, "kicked", reason);
  },
};

/** Forwards a decision about somebody who has moved to another server meanwhile. */
function passOn(hub: HubState, signal: PersonSignal): void {
  const isDecision =
    signal.type === "rank" || signal.type === "remove-member" || signal.type === "expel";
  if (!isDecision || signal.isPassedOn === true) return;
  signalPerson(hub, { ...signal, isPassedOn: true });
}

export function handlePersonSignal(hub: HubState, signal: PersonSignal): void {
  const holder = hub.names.holder(signal.to);
  if (holder === undefined) return passOn(hub, signal);
  const handle = handlers[signal.type] as (
    hub: HubState,
    holder: Session,
    signal: PersonSignal,
  ) => void;
  handle(hub, holder, signal);
}

/** Sends the signals for which the store could not say where people are. */
export function resendSignals(hub: HubState): void {
  for (const signal of hub.unsentSignals.splice(0)) {
    // They were elsewhere, and may have come back here since.
    if (signal.isPassedOn === true) handlePersonSignal(hub, signal);
    signalPerson(hub, signal);
  }
}

/** Session numbers of other servers are meaningless here. */
function here<T extends { author: number }>(by: T): T {
  return { ...by, author: by.author === 0 ? 0 : -1 };
}

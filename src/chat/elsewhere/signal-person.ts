// Sends a signal about a person to every other server that the person is connected to.

import { postgres as limits } from "../../limits.ts";
import type { HubState } from "../hub-state.ts";
import type { PersonSignal } from "./hub-signal.ts";

/** If the store can't say now where they are, it is asked again later. */
export function signalPerson(hub: HubState, signal: PersonSignal): void {
  hub.store.ask({ type: "find-elsewhere", names: [signal.to] }, (outcome) => {
    if (!outcome.done) {
      const { unsentSignals } = hub;
      if (unsentSignals.length === 0) hub.log.warn(outcome.error.message);
      unsentSignals.push(signal);
      if (unsentSignals.length > limits.signalsWaiting) unsentSignals.shift();
      return;
    }
    for (const { server } of outcome.result) hub.signal(server, signal);
  });
  hub.wake();
}

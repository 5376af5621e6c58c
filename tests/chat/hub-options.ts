// The options of hubs in tests: nobody has decided anything, and nothing is there but the hub.

import type { HubOptions } from "../../src/chat/hub-state.ts";
import type { DoorOptions } from "../../src/chat/login/door-options.ts";
import { createMetrics } from "../../src/chat/metrics/metrics.ts";
import { Rights } from "../../src/chat/rights/rights.ts";
import type { ServerControl } from "../../src/chat/server-control.ts";
import { reservedNames } from "../../src/dialects/reserved-names.ts";
import { silentLog } from "../silent-log.ts";
import { fakeCredentials } from "./fake-credentials.ts";

export const noControl: ServerControl = {
  registrations: () => [],
  dropRegistrations() {},
  claimHash: undefined,
  claimUsed() {},
  reload: () => undefined,
  stop() {},
};

/** Everyone is admitted. */
export const openDoor: DoorOptions = { checkPassword: undefined, isMembersOnly: false };

const noFiles: HubOptions["files"] = {
  list: (_request, answer) => answer({ files: [], next: undefined }),
  transfer() {},
  download() {},
  closed() {},
};

/**
 * Secrets contain `name`, since no two hubs of a test must make the same ones, and end in their
 * number, since the code for a device is made from the end.
 */
export function hubOptions(name = ""): Omit<HubOptions, "wake"> {
  let secrets = 0;
  return {
    epoch: "epoch-1",
    stampMs: (nowMs) => nowMs,
    metrics: createMetrics(),
    rates: undefined,
    files: noFiles,
    sharing: undefined,
    relay: undefined,
    page: () => undefined,
    control: noControl,
    registry: undefined,
    door: openDoor,
    motd: () => "",
    rights: new Rights(),
    reservedNames,
    print() {},
    log: silentLog,
    past: undefined,
    shared: undefined,
    hashSecret: (secret) => `hash of ${secret}`,
    credentials: fakeCredentials,
    newSecret: () => `secret-number-${name}-${String(++secrets).padStart(10, "0")}`,
  };
}

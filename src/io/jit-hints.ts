// Disables JavaScriptCore's top-tier compiler (FTL) for the transfer code. Compiling takes longer
// than most transfers, and on a machine with few cores it competes with them: 0.2 s at either end
// of a fast fetch, and 50 ms of a server that relays. Without it, gigabytes over loopback take no
// longer. The chat code keeps FTL.

import { noFTL } from "bun:jsc";
import * as transferModules from "../transfer/modules.ts";
import * as batchReader from "./udp/batch-reader.ts";
import * as batchWriter from "./udp/batch-writer.ts";
import * as listeningSocket from "./udp/listening-socket.ts";

/** What a socket with many peers does for each datagram. */
export const socketModules = { batchReader, batchWriter, listeningSocket };

let isApplied = false;

/** Call it before the first transfer; later calls do nothing. */
export function applyJitHints(): void {
  if (isApplied) return;
  isApplied = true;
  const modules = { ...transferModules, ...socketModules };
  for (const hot of hotFunctions(modules)) noFTL(hot as () => void);
}

/** All functions that the modules export, and all methods and accessors of their classes. */
export function hotFunctions(modules: Readonly<Record<string, object>>): Set<Function> {
  const found = new Set<Function>();
  for (const module of Object.values(modules)) {
    for (const exported of Object.values(module)) {
      if (typeof exported === "function") addFunctionsOf(exported, found);
    }
  }
  return found;
}

/** Plain loops, since each start of a fetch runs this once, before anything is compiled. */
function addFunctionsOf(exported: Function, found: Set<Function>): void {
  // Of a class, it can't be replaced; arrow functions have none.
  const own = Object.getOwnPropertyDescriptor(exported, "prototype");
  if (own === undefined || own.writable === true) found.add(exported);
  const methods: unknown = own?.value;
  if (typeof methods !== "object" || methods === null) return;
  for (const name of Object.getOwnPropertyNames(methods)) {
    if (name === "constructor") continue;
    const { value, get, set } = Object.getOwnPropertyDescriptor(methods, name) ?? {};
    if (typeof value === "function") found.add(value);
    if (get !== undefined) found.add(get);
    if (set !== undefined) found.add(set);
  }
}

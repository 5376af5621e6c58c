// Disables JavaScriptCore's top-tier compiler (FTL) for the transfer code. Compiling takes longer
// than most transfers, and on a machine with few cores it competes with them: 0.2 s at either end
// of a fast fetch. Without it, gigabytes over loopback take no longer. The chat code keeps FTL.

import { noFTL } from "bun:jsc";
import * as transferModules from "../transfer/modules.ts";

let isApplied = false;

/** Call it before the first transfer; later calls do nothing. */
export function applyJitHints(): void {
  if (isApplied) return;
  isApplied = true;
  for (const hot of hotFunctions(transferModules)) noFTL(hot as () => void);
}

/** All functions that the modules export, and all methods and accessors of their classes. */
export function hotFunctions(modules: Readonly<Record<string, object>>): Set<Function> {
  const found = new Set<Function>();
  for (const module of Object.values(modules)) {
    for (const exported of Object.values(module)) {
      if (typeof exported !== "function") continue;
      const isClass = /^class\b/.test(Function.prototype.toString.call(exported));
      if (!isClass) found.add(exported);
      for (const method of methodsOf(exported)) found.add(method);
    }
  }
  return found;
}

function methodsOf(type: Function): Function[] {
  const prototype: unknown = type.prototype;
  if (typeof prototype !== "object" || prototype === null) return [];
  const descriptors = Object.entries(Object.getOwnPropertyDescriptors(prototype));
  return descriptors
    .filter(([name]) => name !== "constructor")
    .flatMap(([, { value, get, set }]) => [value, get, set])
    .filter((method) => typeof method === "function");
}

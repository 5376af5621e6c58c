// This machine's network interfaces.

import { networkInterfaces } from "node:os";

export type Interfaces = Readonly<
  Record<string, readonly { address: string; family: string; internal: boolean }[] | undefined>
>;

/** Undefined: they can't be told now, as without a free descriptor. */
export function presentInterfaces(): Interfaces | undefined {
  try {
    return networkInterfaces();
  } catch {
    return undefined;
  }
}

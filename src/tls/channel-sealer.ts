// Seals what passes through a channel between two people, by HPKE (RFC 9180) in Auth mode with their
// devices' keys: a context each way, each made for one channel alone. What both contexts export
// together is the secret from which the keys of transfers are derived.

import type { DeviceKeys, HpkeContext } from "./hpke.ts";

/** One direction of a channel, at its sealing end: `enc` makes the other end able to open. */
export type Sealing = {
  enc: Uint8Array;
  seal(bytes: Uint8Array): Promise<Uint8Array>;
  export(): Promise<Uint8Array>;
};

/** At its opening end. `open` throws for whatever is not the next thing that was sealed. */
export type Opening = {
  open(bytes: Uint8Array): Promise<Uint8Array>;
  export(): Promise<Uint8Array>;
};

export interface ChannelSealer {
  /** To another device. @throws if that is not a key */
  sealingTo(key: string, info: Uint8Array): Promise<Sealing>;
  /** From another device. @throws if `enc` is none, or not from that key in that context */
  openingFrom(key: string, enc: Uint8Array, info: Uint8Array): Promise<Opening>;
}

const exportBytes = 32;
const exportLabel = new TextEncoder().encode("parley file channel");

async function exported(context: HpkeContext): Promise<Uint8Array> {
  return new Uint8Array(await context.export(exportLabel, exportBytes));
}

export function channelSealer(keys: DeviceKeys): ChannelSealer {
  return {
    async sealingTo(key, info) {
      const context = await keys.senderTo(key, info);
      return {
        enc: new Uint8Array(context.enc),
        seal: async (bytes) => new Uint8Array(await context.seal(bytes)),
        export: () => exported(context),
      };
    },
    async openingFrom(key, enc, info) {
      const context = await keys.recipientFrom(key, enc, info);
      return {
        open: async (bytes) => new Uint8Array(await context.open(bytes)),
        export: () => exported(context),
      };
    },
  };
}

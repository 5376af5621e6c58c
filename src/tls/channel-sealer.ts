// Seals the traffic of a channel between two people with HPKE (RFC 9180) in Auth mode, using the
// keys of their devices: one context for each direction, each created for a single channel. The
// secret that both contexts export together is the base of the transfer keys.

import type { DeviceKeys } from "./device-keys.ts";
import type { RecipientContext, SenderContext } from "./hpke.ts";

/** The sealing end of one direction of a channel. The other end needs `enc` to open. */
export type Sealing = {
  enc: Uint8Array;
  seal(bytes: Uint8Array): Promise<Uint8Array>;
  export(): Promise<Uint8Array>;
};

/** The opening end. `open` throws for anything but the next sealed message in order. */
export type Opening = {
  open(bytes: Uint8Array): Promise<Uint8Array>;
  export(): Promise<Uint8Array>;
};

export interface ChannelSealer {
  /** To another device. @throws if `key` is not a public key */
  sealingTo(key: string, info: Uint8Array): Promise<Sealing>;
  /** From another device. @throws if `enc` is invalid, or not from that key in that context */
  openingFrom(key: string, enc: Uint8Array, info: Uint8Array): Promise<Opening>;
}

const exportBytes = 32;
const exportLabel = new TextEncoder().encode("parley file channel");

async function exported(context: SenderContext | RecipientContext): Promise<Uint8Array> {
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

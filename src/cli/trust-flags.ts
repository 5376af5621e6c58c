// How a command's server is trusted: `ADDRESS#PIN`, the known servers, `--plain`.

import { join } from "node:path";
import { isLoopback } from "../addresses.ts";
import { ParleyError } from "../errors.ts";
import { homeFolder } from "../io/home-folder.ts";
import { hostPortText, type ServerAddress } from "../io/host-port.ts";
import type { Access } from "../protocol/messages.ts";
import { say } from "../terminal/output/diagnostics.ts";
import { configFolder, type Surroundings } from "../tls/folders.ts";
import { readIfThere } from "../tls/read-if-there.ts";
import { type ExposedSecret, ServerTrust } from "../tls/server-trust.ts";
import { findKnownServer } from "../trust/known-servers.ts";
import { clientTransport } from "../trust/transport.ts";
import type { WrittenAddress } from "./address.ts";

export const plainFlag = {
  type: "boolean",
  description: "Connect without TLS (on loopback the default, unless there is a #PIN)",
} as const;

type TrustOptions = {
  plain?: boolean | undefined;
  quiet?: boolean;
  access?: Access | undefined;
  /** The code that makes somebody the owner of the server will be sent. */
  sendsClaim?: boolean;
};

/** @throws ParleyError `usage` */
export function trusted(
  { host, port, pin }: WrittenAddress,
  { plain = false, quiet = false, access = {}, sendsClaim = false }: TrustOptions,
): ServerAddress {
  if (plain && pin !== undefined) {
    const sentence = "--plain does not check keys: leave it out, or the #PIN of the address";
    throw new ParleyError("usage", sentence);
  }
  const secret: ExposedSecret | undefined =
    access.serverPassword !== undefined ? "password" : sendsClaim ? "claim" : undefined;
  if (plain && secret !== undefined && !isLoopback(host)) {
    const sentence = `--plain would expose the ${secret} to everybody on the network path: leave it out`;
    throw new ParleyError("usage", sentence);
  }
  if (clientTransport({ host, pin, plain }) === "plain") return { host, port, access };
  const folder = configFolder(surroundings());
  const trust = new ServerTrust({
    server: hostPortText({ host, port }),
    pin,
    file: folder === undefined ? undefined : join(folder, "known_servers"),
    secret,
    say: quiet ? () => {} : say,
  });
  return { host, port, trust, access };
}

/**
 * Whether the key of that server is remembered, or may be: the file can't be read, which its
 * connection reports.
 */
export function isKnownServer(server: WrittenAddress): boolean {
  const folder = configFolder(surroundings());
  if (folder === undefined) return false;
  try {
    const text = readIfThere(join(folder, "known_servers")) ?? "";
    return findKnownServer(text, hostPortText(server)).kind !== "unknown";
  } catch {
    return true;
  }
}

export function surroundings(): Surroundings {
  return { platform: process.platform, home: homeFolder(), environment: process.env };
}

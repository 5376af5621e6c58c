// The line with which each end of a channel tells the other where datagrams may reach it
// (docs/transfer.md, "Paths"). An end that does not send it receives everything in frames.

import { isIP } from "../../addresses.ts";
import { isLoopback } from "../../addresses.ts";
import { hostPortText, parseHostPort } from "../../io/host-port.ts";
import { paths as limits } from "../../limits.ts";
import { FieldReader, parseObject } from "../../protocol/field-reader.ts";
import type { Route } from "../../transfer/paths/path-finder.ts";

export type PathsLine = {
  /** Random; both ends' values go into the key of their probes. */
  readonly secret: Uint8Array;
  /** Whether this end has reached the server over loopback. */
  readonly local: boolean;
  /** The addresses of its interfaces. */
  readonly addresses: readonly Route[];
  /** Its address as seen by the server, if a router has translated it. */
  readonly seen: Route | undefined;
};

const mark = '"paths"';
/** Lower ports belong to services; routers never assign them to programs. */
const minPort = 1_024;

export function encodePaths({ secret, local, addresses, seen }: PathsLine): string {
  const text = Buffer.from(secret).toString("base64url");
  const places = { addresses: addresses.map(written), seen: seen && written(seen) };
  return JSON.stringify({ type: "paths", secret: text, local, ...places });
}

function written({ address: host, port }: Route): string {
  return hostPortText({ host, port });
}

/** Undefined: another line, or an invalid one. Addresses that must not be tried are omitted. */
export function decodePaths(text: string): PathsLine | undefined {
  // Most lines contain tags, and are long. Programs order and space their JSON as they like.
  if (!text.includes(mark)) return undefined;
  const fields = parseObject(text, { maxValues: 64 });
  if (fields?.["type"] !== "paths") return undefined;
  const r = new FieldReader(fields);
  const secret = new Uint8Array(Buffer.from(r.text("secret"), "base64url"));
  const [local, texts, seen] = [r.flag("local"), r.texts("addresses"), r.optionalText("seen")];
  if (r.problem !== undefined || secret.length !== limits.secretBytes) return undefined;
  const addresses = texts.slice(0, limits.maxTold).flatMap((text) => readRoute(text) ?? []);
  return { secret, local, addresses, seen: seen === undefined ? undefined : readRoute(seen) };
}

function readRoute(text: string): Route | undefined {
  const found = parseHostPort(text);
  if (found === undefined || !isUsable(found.host) || found.port < minPort) return undefined;
  return { address: found.host, port: found.port };
}

/** Whether a program on another machine, or on this one, may have this address. */
export function isUsable(address: string): boolean {
  if (isLoopback(address)) return isIP(address) !== 0;
  if (isIP(address) === 4) {
    const [first = 0, second = 0] = address.split(".").map(Number);
    const isLinkLocal = first === 169 && second === 254;
    return first !== 0 && first !== 127 && first < 224 && !isLinkLocal;
  }
  const isSpecial = /^(?:::|fe[89ab]|ff)/i.test(address);
  return isIP(address) === 6 && !isSpecial && !address.includes("%");
}

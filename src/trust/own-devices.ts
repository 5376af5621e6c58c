// Which other devices of its user a device knows, for each server: those that a code has connected
// it to (device-vouch.ts), and those that they vouch for. One `HOST:PORT NAME key KEY` per line;
// `gone KEY` once that device is no longer the user's; `code SECRET UNTIL` after this device has
// joined with a code, until the other one has proved its key. Lines are appended: the last one for
// a key counts, and the last `code`. Pure; the file is read and written elsewhere.

import { fold } from "../chat/names/grammar.ts";
import { linkSecretForm } from "./device-vouch.ts";
import { publicKeyForm } from "./login-proof.ts";

export type OwnDevices = {
  readonly keys: readonly string[];
  /** Never trusted again, unless another code connects them. */
  readonly gone: readonly string[];
  /** The secret of the code, with which the other device proves its key. */
  readonly secret: string | undefined;
};

/** `until`: Unix milliseconds. */
export type OwnDeviceNews =
  | { readonly key: string }
  | { readonly gone: string }
  | { readonly secret: string; readonly until: number };

/** Ignores malformed lines: a device that is not known gets no copies. */
export function findOwnDevices(
  text: string,
  server: string,
  name: string,
  nowMs: number,
): OwnDevices {
  const where = server.toLowerCase();
  const who = fold(name);
  const isKnown = new Map<string, boolean>();
  let secret: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const [host = "", named = "", kind = "", value = "", until = ""] = line.split(" ");
    if (host.toLowerCase() !== where || named !== who) continue;
    if (kind === "code" && linkSecretForm.test(value)) {
      secret = nowMs <= Number(until) ? value : undefined;
    }
    if (!publicKeyForm.test(value)) continue;
    if (kind === "key" || kind === "gone") isKnown.set(value, kind === "key");
    // The code has served its purpose.
    if (kind === "key") secret = undefined;
  }
  const keysThatAre = (known: boolean): string[] =>
    [...isKnown].flatMap(([key, is]) => (is === known ? [key] : []));
  return { keys: keysThatAre(true), gone: keysThatAre(false), secret };
}

/** The line to append, given the text so far. */
export function ownDeviceLine(
  text: string,
  server: string,
  name: string,
  news: OwnDeviceNews,
): string {
  const separator = text === "" || text.endsWith("\n") ? "" : "\n";
  return `${separator}${server.toLowerCase()} ${fold(name)} ${newsText(news)}\n`;
}

function newsText(news: OwnDeviceNews): string {
  if ("key" in news) return `key ${news.key}`;
  return "gone" in news ? `gone ${news.gone}` : `code ${news.secret} ${news.until}`;
}

// Offers of files as sentences for people. Pure.

import { basename } from "node:path";
import { fold } from "../../chat/names/grammar.ts";
import type { FetchEvent } from "../../files/fetch-events.ts";
import type { LeftOut } from "../../handover/offered-folder.ts";
import type { IncomingOfferEvent, PathName, SendEvent } from "../../handover/handover-events.ts";
import { offers } from "../../limits.ts";
import type { OfferEnd } from "../../protocol/messages.ts";
import { sizeText } from "../../size-text.ts";
import { harmless, quoted } from "../../text.ts";
import { countText } from "../output/units.ts";

export function incomingText(event: IncomingOfferEvent): string {
  const from = harmless(event.from);
  switch (event.event) {
    case "offer-received": {
      const { files, size, names, sealed, verified } = event;
      const shown = names.map((name) => quoted(name, 60)).join(", ");
      // Files in folders are not named.
      const more = names.length >= offers.shownNames && files > names.length ? ", …" : "";
      const what = `${countText(files, "file")}, ${sizeText(size)}: ${shown}${more}`;
      return `${from} offers ${what} (${sealText(sealed, verified)})`;
    }
    case "offer-refused":
      return harmless(event.reason);
    case "offer-ended":
      return `${endings[event.reason]} (offer ${event.id} of ${from})`;
    case "path":
      return `From ${from}: ${pathText(event)}`;
    case "received": {
      const { files, failed, folder } = event;
      const missing = failed === 0 ? "" : `; ${failed} could not be saved`;
      return `Saved ${countText(files, "file")} from ${from} in ${quoted(folder, 200)}${missing}`;
    }
  }
}

/** What the recipient has to know of one file: why it failed, or that it has another name here. */
export function incomingFileText(event: FetchEvent): string | undefined {
  switch (event.event) {
    case "failed":
      return harmless(event.message);
    case "renamed":
      return renamedText(event);
    case "done":
    case "unchanged":
    case "folder": {
      const isKept = basename(event.path) === basename(event.name);
      return isKept ? undefined : renamedText(event);
    }
    default:
      return undefined;
  }
}

function renamedText({ name, path }: { name: string; path: string }): string {
  return `${quoted(name, 200)} is saved as ${quoted(path, 200)}`;
}

/** Why an offer waits. `self`: the sender's own name. */
export function waitText(to: string, isOnline: boolean, self: string | undefined): string {
  if (fold(to) === fold(self ?? "")) {
    return isOnline
      ? "Your other devices are using programs that can't receive files (parley client and the page can)"
      : "No other device of yours is here";
  }
  return isOnline
    ? `${harmless(to)} is using a program that can't receive files (parley client and the page can)`
    : `${harmless(to)} is away`;
}

/** Describes the path of a transfer. */
export function pathText({ path, via }: PathName): string {
  if (path === "call") return "over this call";
  if (path === "server") return "through the server";
  if (path === "relayed") return "relayed by the server";
  return `directly, ${directly[via ?? "punched"]}`;
}

const directly: Readonly<Record<NonNullable<PathName["via"]>, string>> = {
  loopback: "on this machine",
  lan: "over the local network",
  ipv6: "over IPv6",
  punched: "over the Internet",
};

function sealText(sealed: boolean, verified: boolean): string {
  if (!sealed) return "not sealed: the server can read it";
  return verified ? "sealed" : "sealed with a key that you have not compared";
}

const endings: Readonly<Record<OfferEnd, string>> = {
  done: "Everything has arrived",
  declined: "Declined",
  cancelled: "The sender has withdrawn it",
  lost: "The sender has disconnected",
  elsewhere: "You accepted it in another client",
  overrun: "More data arrived than was requested",
  failed: "It has failed",
};

type Sharing = Extract<SendEvent, { event: "sharing" | "shared" }>;

/** For files in the shared folder. */
export function sharingText(event: Sharing): string {
  const { files, size, names, room } = event;
  const shown = names.map((name) => quoted(name, 200));
  const list = shown.length > 1 ? `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}` : shown[0];
  const count = `${countText(files, "file")}, ${sizeText(size)}`;
  if (event.event === "sharing") return `Sending ${list ?? "nothing"} (${count}) to the server`;
  if (event.unchanged) return `Already shared as ${list ?? "nothing"} (${count})`;
  const where = room === undefined ? "" : `; the room ${quoted(room)} has been told`;
  return `Shared as ${list ?? "nothing"} (${count})${where}`;
}

/** What is in the folders and is not sent; undefined if there is nothing. */
export function leftOutText({ links, others, hidden }: LeftOut): string | undefined {
  const counts: [count: number, words: string][] = [
    [links, countText(links, "link")],
    [others, `${others} that can't be sent`],
    [hidden, `${hidden} hidden (names that begin with a dot)`],
  ];
  const parts = counts.flatMap(([count, words]) => (count > 0 ? [words] : []));
  return parts.length === 0 ? undefined : `Left out: ${parts.join(", ")}`;
}

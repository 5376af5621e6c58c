// The requests of somebody who fetches files, which a server takes, and anybody who sends files
// through a channel. Bounded; never throws.

import { protocol as limits, transfer } from "../limits.ts";
import { FieldReader, parseObject } from "./field-reader.ts";
import type { ClientMessage, FetchRequest } from "./messages.ts";

type RequestType = "files" | "tree" | "fetch" | "pull" | "fetched" | "ping" | "pong";
type Request<T extends RequestType> = Extract<ClientMessage, { type: T }>;

export const recipientReaders: { [T in RequestType]: (reader: FieldReader) => Request<T> } = {
  files: (r) => ({
    type: "files",
    after: r.optionalText("after"),
    limit: r.optionalCount("limit", 1),
    folders: r.optionalFlag("folders"),
    ref: r.ref(),
  }),
  tree: (r) => ({
    type: "tree",
    name: r.text("name"),
    after: r.optionalText("after"),
    ref: r.ref(),
  }),
  fetch: readFetch,
  pull: readPull,
  fetched: (r) => ({ type: "fetched", transfer: r.count("transfer", 1) }),
  ping: (r) => ({ type: "ping", ref: r.ref() }),
  pong: () => ({ type: "pong" }),
};

/** Undefined: it is not one of these requests, or invalid. */
export function decodeRecipient(line: string): Request<RequestType> | undefined {
  const fields = parseObject(line, { maxValues: limits.maxClientValues });
  if (fields === undefined || !isRequestType(fields["type"])) return undefined;
  const reader = new FieldReader(fields);
  const request = recipientReaders[fields["type"]](reader);
  return reader.problem === undefined ? request : undefined;
}

function isRequestType(type: unknown): type is RequestType {
  return typeof type === "string" && Object.hasOwn(recipientReaders, type);
}

const tokenPattern = /^[A-Za-z0-9_-]{22}$/;
const requestPattern = new RegExp(
  `^[A-Za-z0-9+/]{1,${Math.ceil(transfer.maxRequestBytes / 3) * 4}}={0,2}$`,
);

function readFetch(r: FieldReader): FetchRequest {
  const check = r.optionalFlag("check");
  const token = r.optionalPattern("token", tokenPattern, "16 bytes in base64url");
  if (check !== true && token === undefined) r.refuse("`token` must be 16 bytes in base64url");
  const port = r.optionalCount("port", 1);
  if (port !== undefined && port > 65_535) r.refuse("`port` must be at most 65535");
  return {
    type: "fetch",
    name: r.text("name"),
    token,
    request: r.optionalPattern("request", requestPattern, "a REQUEST datagram in base64"),
    address: r.optionalText("address"),
    port,
    held: r.optionalFlag("held"),
    check,
    sha256: r.optionalFlag("sha256"),
    batch: r.optionalObject("batch", (batch) => ({
      after: batch.optionalText("after"),
      until: batch.optionalText("until"),
      version: batch.optionalText("version"),
    })),
    ref: r.ref(),
  };
}

function readPull(r: FieldReader): Extract<ClientMessage, { type: "pull" }> {
  const offset = r.count("offset");
  const length = r.count("length", 1);
  if (length > transfer.maxPullBytes) {
    r.refuse(`\`length\` must be at most ${transfer.maxPullBytes}`);
  }
  return { type: "pull", transfer: r.count("transfer", 1), offset, length };
}

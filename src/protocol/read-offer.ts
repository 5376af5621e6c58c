// Reads the fields of messages about files for a person, for both directions. Sealed content and
// the frames of a channel are opaque here.

import { offers as limits } from "../limits.ts";
import { publicKeyForm } from "../trust/login-proof.ts";
import type { FieldReader } from "./field-reader.ts";
import type { OfferContent, OfferEnd, OfferSummary, PassRequest } from "./messages.ts";
import { readSealed } from "./read-sealed.ts";

const idForm = /^[A-Za-z0-9_-]{22}$/;

/** The ID of the offer that a message is about. */
export function offerId(r: FieldReader): string {
  return r.pattern("offer", idForm, "16 bytes in base64url");
}

export function optionalOfferId(r: FieldReader): string | undefined {
  return r.optionalPattern("offer", idForm, "16 bytes in base64url");
}

export function offerIds(r: FieldReader, key: string, most: number): readonly string[] | undefined {
  const ids = r.optionalTexts(key);
  if (ids === undefined || (ids.length <= most && ids.every((id) => idForm.test(id)))) return ids;
  r.refuse(`\`${key}\` must be at most ${most} times 16 bytes in base64url`);
  return undefined;
}

export function deviceKey(r: FieldReader): string | undefined {
  return r.optionalPattern("key", publicKeyForm, "an Ed25519 public key in base64url");
}

/** The files as far as the server may know, or sealed: exactly one of the two. */
export function readContent(r: FieldReader): OfferContent {
  const summary = r.optionalObject("summary", readSummary);
  const sealed = r.optionalObject("sealed", readSealed);
  if ((summary === undefined) === (sealed === undefined)) {
    r.refuse("there must be either `summary` or `sealed`");
  }
  return { summary, sealed };
}

export function readSummary(r: FieldReader): OfferSummary {
  const names = r.texts("names");
  if (names.length > limits.shownNames) {
    r.refuse(`\`names\` must have at most ${limits.shownNames} entries`);
  }
  if (names.some(({ length }) => length > limits.maxNameChars)) {
    r.refuse(`a name must have at most ${limits.maxNameChars} characters`);
  }
  const folders = r.optionalCount("folders");
  const summary = { files: r.count("files"), bytes: r.count("bytes"), names };
  return folders === undefined ? summary : { ...summary, folders };
}

export function relayEnd(r: FieldReader): { token: string; port: number } {
  const token = r.pattern("token", idForm, "16 bytes in base64url");
  const port = r.count("port", 1);
  if (port > 65_535) r.refuse("`port` must be a port");
  return { token, port };
}

export function passedFrame(r: FieldReader): Omit<PassRequest, "type"> {
  const data = r.text("data");
  if (data.length > limits.maxFrameChars) {
    r.refuse(`\`data\` must have at most ${limits.maxFrameChars} characters`);
  }
  return { offer: offerId(r), channel: r.count("channel", 1), data };
}

const ends: Readonly<Record<OfferEnd, true>> = {
  done: true,
  declined: true,
  cancelled: true,
  lost: true,
  elsewhere: true,
  overrun: true,
  failed: true,
};

/** The offer has ended, whatever the reason; an unknown reason counts as `cancelled`. */
export function offerEnd(r: FieldReader): OfferEnd {
  return r.choice("reason", ends) ?? "cancelled";
}

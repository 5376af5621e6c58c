// Records of uploads to the shared folder, complete or in progress, as rows of JSON next to them.
// Hostile input: the folder may be on a network. Pure.

import { accountMark } from "../../../chat/accounts/account-store.ts";
import { sharing as limits } from "../../../limits.ts";
import { FieldReader, parseObject } from "../../../protocol/field-reader.ts";
import { nameProblem } from "./item-name.ts";

/** The user who uploaded something, in a form that identifies them later. */
export type Owner = {
  /** Their name at that time. */
  readonly by: string;
  /** The account or the session's secret, and the device's key that they had proved. */
  readonly person: string;
  readonly device?: string | undefined;
  /** Keys of the owners whose share it uses (`ShareOwner.kept`). */
  readonly shares: readonly string[];
};

/** The room to notify; undefined: none. */
type Told = { readonly room?: string | undefined };

/** The size of an upload. */
export type Amount = {
  readonly bytes: number;
  readonly files: number;
  /** The number of files and folders. */
  readonly entries: number;
};

/** An entry at the top of the shared folder. */
export type SharedItem = Owner &
  Amount &
  Told & {
    /** Unique. */
    readonly id: string;
    /** The upload it belongs to, and how many top-level entries that had. */
    readonly upload: string;
    readonly parts: number;
    readonly name: string;
    readonly isFolder: boolean;
    /** Distinguishes it from another entry of the same name. */
    readonly version: string;
    /** Unix milliseconds. */
    readonly atMs: number;
    /** The reading of the clock by which it ages (upload-clock.ts). */
    readonly clockMs: number;
  };

/** An upload in progress, with its reserved space. */
export type Upload = Owner & Amount & Told & { readonly id: string; readonly atMs: number };

/** The bytes that count against the quota. */
export function chargeOf({ bytes, entries }: Pick<Amount, "bytes" | "entries">): number {
  return bytes + entries * limits.entryBytes;
}

export function encodeRow(row: SharedItem | Upload): string {
  return JSON.stringify(row);
}

/** Undefined: not a row, or damaged. */
export function decodeItem(id: string, text: string): SharedItem | undefined {
  return read(text, (r) => ({
    ...common(r),
    id,
    upload: r.text("upload"),
    parts: r.count("parts", 1),
    name: itemName(r),
    isFolder: r.flag("isFolder"),
    version: r.text("version"),
    // Rows of earlier versions have none.
    clockMs: r.optionalNumber("clockMs") ?? r.number("atMs"),
  }));
}

export function decodeUpload(id: string, text: string): Upload | undefined {
  return read(text, (r) => ({ ...common(r), id }));
}

function read<Row>(text: string, of: (r: FieldReader) => Row): Row | undefined {
  if (text.length > limits.maxRowBytes) return undefined;
  const fields = parseObject(text, { maxValues: 64 });
  if (fields === undefined) return undefined;
  const reader = new FieldReader(fields);
  const row = of(reader);
  return reader.problem === undefined ? row : undefined;
}

/** It is removed by this name some day, which must not lead out of the folder. */
function itemName(r: FieldReader): string {
  const name = r.text("name");
  const problem = nameProblem(name);
  if (problem !== undefined) r.refuse(problem);
  return name;
}

function common(r: FieldReader): Owner & Amount & Told & { atMs: number } {
  return {
    room: r.optionalText("room"),
    by: r.text("by"),
    person: r.text("person"),
    device: r.optionalText("device"),
    shares: r.texts("shares"),
    bytes: r.count("bytes"),
    files: r.count("files"),
    entries: r.count("entries"),
    atMs: r.number("atMs"),
  };
}

/**
 * Whether `other` is the same user as the owner `one`: by account, or else by the session's secret
 * or the device's key. (An account's device may have been revoked since.)
 */
export function isSameOwner(
  one: Pick<Owner, "person" | "device">,
  other: Pick<Owner, "person" | "device">,
): boolean {
  if (one.person === other.person) return true;
  const hasAccount = one.person.startsWith(accountMark);
  return !hasAccount && one.device !== undefined && one.device === other.device;
}

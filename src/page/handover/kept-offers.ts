// Notes about the files that this tab receives into its own store, kept across a reload, so that
// the page can continue where the one before was stopped. The user has accepted these offers.

import { pageFiles as limits } from "../../limits.ts";
import { FieldReader, parseObject } from "../../protocol/field-reader.ts";

const key = "parley-received";
const numberForm = /^[A-Za-z0-9_-]{22}$/;
const uuidForm = /^[0-9a-f-]{36}$/;
/** Seven values for each note, and a few for each offer. */
const maxValues = 8 * limits.maxKeptFiles + 4 * limits.maxCards;

/** What is in the store of one file. */
export type FileNote = {
  /** Its name there. */
  readonly own: string;
  readonly version: string;
  readonly size: number;
  /** The first bytes, which are written for good. */
  readonly bytes: number;
  /** It is complete, and was handed to the downloads. */
  readonly isSaved: boolean;
};

/** An offer that the user has accepted. */
export type Accepted = {
  /** The sender's number for it. */
  readonly offer: string;
  /** Sender, files and bytes: nothing else is accepted under that number. */
  readonly terms: string;
};

/** The notes about one offer, by the files' paths in it. */
export interface KeptOffer {
  noteOf(path: string): FileNote | undefined;
  note(path: string, note: FileNote): void;
}

export class KeptOffers {
  readonly #offers = new Map<string, { terms: string; notes: Map<string, FileNote> }>();

  constructor() {
    try {
      this.#decode(sessionStorage.getItem(key) ?? "");
    } catch {
      // Storage may be disabled. Then nothing is kept.
    }
  }

  has({ offer, terms }: Accepted): boolean {
    return this.#offers.get(offer)?.terms === terms;
  }

  /** Whether there is a note about the file with that name. */
  isNoted(own: string): boolean {
    return this.#all().some((note) => note.own === own);
  }

  /** Bytes in the store that belong to an offer. */
  bytesOf(offer: string): number {
    const notes = this.#offers.get(offer)?.notes.values() ?? [];
    return Array.from(notes).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The notes about an offer that the user has accepted. */
  open({ offer, terms }: Accepted): KeptOffer {
    const notes = this.#offers.get(offer)?.notes ?? new Map<string, FileNote>();
    this.#offers.set(offer, { terms, notes });
    this.#store();
    return {
      noteOf: (path) => notes.get(path),
      note: (path, note) => {
        if (!notes.has(path) && this.#all().length >= limits.maxKeptFiles) return;
        notes.set(path, note);
        this.#store();
      },
    };
  }

  /** The offer is over. */
  drop(offer: string): void {
    if (this.#offers.delete(offer)) this.#store();
  }

  /** All offers are over. */
  clear(): void {
    this.#offers.clear();
    this.#store();
  }

  #all(): FileNote[] {
    return Array.from(this.#offers.values(), ({ notes }) => [...notes.values()]).flat();
  }

  #store(): void {
    try {
      if (this.#offers.size === 0) return sessionStorage.removeItem(key);
      const offers = Array.from(this.#offers, ([offer, { terms }]) => ({ offer, terms }));
      const files = Array.from(this.#offers, ([offer, { notes }]) =>
        Array.from(notes, ([path, note]) => ({ offer, path, ...note })),
      );
      sessionStorage.setItem(key, JSON.stringify({ offers, files: files.flat() }));
    } catch {
      // Storage may be disabled, or full. Then a reload loses what has been received.
    }
  }

  #decode(text: string): void {
    const fields = parseObject(text, { maxValues });
    if (fields === undefined) return;
    const reader = new FieldReader(fields);
    const offers = reader.list("offers", readOffer);
    const files = reader.list("files", readFile);
    if (reader.problem !== undefined) return;
    for (const { offer, terms } of offers.slice(0, limits.maxCards)) {
      this.#offers.set(offer, { terms, notes: new Map() });
    }
    for (const { offer, path, note } of files) this.#offers.get(offer)?.notes.set(path, note);
  }
}

function readOffer(reader: FieldReader): Accepted {
  return { offer: readNumber(reader), terms: reader.text("terms") };
}

function readFile(reader: FieldReader): { offer: string; path: string; note: FileNote } {
  const own = reader.optionalPattern("own", uuidForm, "a name") ?? "";
  const [version, size] = [reader.text("version"), reader.count("size")];
  const note = {
    own,
    version,
    size,
    bytes: reader.count("bytes"),
    isSaved: reader.flag("isSaved"),
  };
  return { offer: readNumber(reader), path: reader.text("path"), note };
}

function readNumber(reader: FieldReader): string {
  return reader.optionalPattern("offer", numberForm, "an offer's number") ?? "";
}

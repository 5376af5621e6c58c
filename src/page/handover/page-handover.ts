// All files that this page sends to and receives from people: makes and finds offers, passes the
// session's events to the offer they concern, and maintains the cards that show them.

import { errorMessage } from "../../errors.ts";
import type { OfferEvent, SessionEvent } from "../../client/events.ts";
import { offers as limits, pageFiles } from "../../limits.ts";
import type { OfferSummary } from "../../protocol/messages.ts";
import { secretText } from "../../secrets.ts";
import { harmless } from "../../text.ts";
import { isOver, type OfferCard, type OfferCards } from "../offer-cards.ts";
import { folderAdvice } from "../folder-advice.ts";
import type { Action } from "../state.ts";
import { fileTime } from "../timeline.ts";
import { hasCipher } from "./chunk-cipher.ts";
import { IncomingFiles } from "./incoming-files.ts";
import type { OfferPort } from "./offer-port.ts";
import { noFiles, outgoingNames } from "./outgoing-names.ts";
import { OutgoingFiles } from "./outgoing-files.ts";
import { loadOffers, storeOffers } from "./own-offers.ts";
import { PassBudget } from "./pass-window.ts";
import type { Accepted } from "./kept-offers.ts";
import type { OwnStore } from "./own-store.ts";
import { canSaveFolders, chooseTarget } from "./save-target.ts";

export interface PageHandoverOptions {
  readonly port: OfferPort;
  readonly dispatch: (action: Action) => void;
  readonly cards: () => OfferCards;
  readonly store: OwnStore;
  /** Hands a file to the browser's downloads; returns its address. */
  readonly download: (file: Blob, name: string) => string;
  /** Whether a file is on its way to the shared folder. */
  readonly isUploading: () => boolean;
  /** Tells the user about something that may be out of sight. */
  readonly announce: (text: string) => void;
}

type Incoming = { readonly id: number; readonly files: IncomingFiles };
type Outgoing = { readonly id: number; readonly files: OutgoingFiles };
type Offered = Extract<OfferEvent, { type: "offered" }>;

export class PageHandover {
  readonly #options: PageHandoverOptions;
  /** By the sender's number. */
  readonly #incoming = new Map<string, Incoming>();
  readonly #outgoing = new Map<string, Outgoing>();
  readonly #budget = new PassBudget();
  /** Offers that are sealed for devices: the server repeats them after each lost connection. */
  readonly #sealed = new Set<string>();
  /** Cards for which the browser is asking the user where to save. */
  readonly #choosing = new Set<number>();
  /** Offers made by this tab before it was reloaded. */
  readonly #lost: string[] = loadOffers("own");
  /** Offers that it was saving then, and whose files are lost. */
  readonly #lostFiles = new Set(loadOffers("saving"));
  #lastId = 0;

  constructor(options: PageHandoverOptions) {
    this.#options = options;
  }

  /** Returns whether the event was handled here. */
  handle(event: SessionEvent): boolean {
    switch (event.type) {
      case "offer":
        this.#handleOffer(event.about);
        return true;
      case "online":
        this.#handleOnline();
        return false;
      case "offline":
        for (const { files } of this.#all()) files.handleOffline();
        return false;
      case "response": {
        const { response } = event;
        if (response.type !== "offering") return false;
        this.#outgoing.get(response.offer)?.files.handleAnswer(response);
        return true;
      }
      case "ended":
        // After a reload, a closed server asks for its password before anything goes on.
        if (this.#all().length > 0) this.#stop(harmless(event.message));
        return false;
      case "error":
        return this.#handleError(event);
      default:
        return false;
    }
  }

  /** Offers files to somebody. Returns the reason if that is impossible. */
  send(to: string, chosen: readonly File[], isPasted: boolean): string | undefined {
    if (!hasCipher) return noCipher;
    if (chosen.length === 0) return noFiles;
    if (chosen.length > pageFiles.maxFiles) {
      return `That is more than ${pageFiles.maxFiles} files: send them in parts, or use parley send-file.`;
    }
    if (this.#live().length >= pageFiles.maxCards)
      return "Too many offers at once: wait for one to end.";
    const { port } = this.#options;
    const offer = secretText(offerBytes);
    const id = ++this.#lastId;
    const names = outgoingNames(
      chosen.map(({ name }) => name),
      isPasted,
      fileTime(Date.now()),
    );
    const files = chosen.map((file, i) => {
      return { name: names[i] ?? file.name, file, version: `${offer}.${i}` };
    });
    const outgoing = new OutgoingFiles({
      offer,
      to,
      files,
      port,
      budget: this.#budget,
      show: (change) => this.#show(id, change),
      mayMove: () => this.#mayMove(),
      onOver: () => this.#forget(offer),
    });
    this.#outgoing.set(offer, { id, files: outgoing });
    storeOffers("own", [...this.#outgoing.keys()]);
    const bytes = chosen.reduce((sum, { size }) => sum + size, 0);
    this.#add(
      outgoingCard(id, to, {
        files: files.length,
        bytes,
        names: names.slice(0, limits.shownNames),
      }),
    );
    outgoing.make();
    return undefined;
  }

  #mayMove(): boolean {
    const isUnderWay = [...this.#outgoing.values()].some(({ files }) => files.isUnderWay);
    const isReceiving = this.#live().some(({ phase }) => phase === "running");
    return !isUnderWay && !isReceiving && !this.#options.isUploading();
  }

  #forget(offer: string): void {
    this.#outgoing.delete(offer);
    storeOffers("own", [...this.#outgoing.keys()]);
  }

  /** Called by a click: the browser asks the user where to save. */
  async accept(id: number): Promise<void> {
    const files = this.#find(id);
    if (files === undefined || this.#choosing.has(id)) return;
    this.#choosing.add(id);
    try {
      const target = await chooseTarget(files.summary, this.#options.store, acceptedIn(files));
      this.#choosing.delete(id);
      if (target === undefined) return;
      this.#lostFiles.delete(files.offer);
      const done = files.accept(target);
      this.#storeSaving();
      await done;
    } catch (error) {
      this.#choosing.delete(id);
      // Another client can still accept it.
      this.#show(id, {
        detail: `Not taken: ${errorMessage(error)}`,
      });
    }
  }

  decline(id: number): void {
    this.#find(id)?.decline();
  }

  cancel(id: number): void {
    this.#find(id)?.cancel();
    for (const { id: own, files } of this.#outgoing.values()) if (own === id) files.cancel();
  }

  /** Whether a transfer is in progress that would be lost with the page. */
  get isBusy(): boolean {
    const kept = new Set<number>();
    for (const { id, files } of this.#incoming.values()) if (files.isKept) kept.add(id);
    return this.#live().some(
      ({ id, phase }) => !kept.has(id) && (phase === "running" || phase === "interrupted"),
    );
  }

  /**
   * The page is closing, and the files that it offers are lost with it; files that it receives are
   * offered again.
   */
  leave(): void {
    for (const offer of this.#outgoing.keys()) this.#options.port.end(offer, "cancelled");
  }

  /** The user has ended the session. */
  disconnect(): void {
    this.#stop("you have disconnected");
  }

  #stop(reason: string): void {
    this.#lostFiles.clear();
    for (const { files } of this.#all()) files.fail(`Stopped: ${reason}`);
    this.#storeSaving();
    this.#options.store.dropAll();
  }

  #handleOnline(): void {
    // Offers of this tab before it was reloaded: their files are lost.
    for (const offer of this.#lost.splice(0)) this.#options.port.end(offer, "cancelled");
    storeOffers("own", [...this.#outgoing.keys()]);
    for (const { files } of this.#outgoing.values()) files.make();
  }

  #all(): (Incoming | Outgoing)[] {
    return [...this.#incoming.values(), ...this.#outgoing.values()];
  }

  #live(): OfferCard[] {
    return [...this.#options.cards().values()].filter((card) => !isOver(card));
  }

  #find(id: number): IncomingFiles | undefined {
    for (const incoming of this.#incoming.values()) if (incoming.id === id) return incoming.files;
    return undefined;
  }

  #handleOffer(about: OfferEvent): void {
    if (about.type === "offered") return this.#handleOffered(about);
    const known = (this.#outgoing.get(about.offer) ?? this.#incoming.get(about.offer))?.files;
    if (known === undefined) {
      if (about.type === "channel") this.#options.port.end(about.offer, "cancelled");
      return;
    }
    known.handleOffer(about);
  }

  #handleOffered({ offer, from, summary, sealed }: Offered): void {
    const known = this.#incoming.get(offer)?.files;
    // The sender, or this page, has returned.
    if (known !== undefined) return known.isAccepted ? known.answer() : undefined;
    if (this.#live().length >= pageFiles.maxCards) return;
    const id = ++this.#lastId;
    if (summary === undefined) {
      if (sealed !== undefined && !this.#sealed.has(offer)) this.#showSealed(id, offer, from);
      return;
    }
    const { port, download } = this.#options;
    const show = (change: Partial<OfferCard>): void => this.#show(id, change);
    const onOver = (): void => {
      if (this.#incoming.get(offer)?.id !== id) return;
      this.#incoming.delete(offer);
      this.#options.store.drop(offer);
      this.#storeSaving();
    };
    const files = new IncomingFiles({ offer, from, summary, port, show, download, onOver });
    this.#incoming.set(offer, { id, files });
    const card = incomingCard(id, from, summary);
    this.#add(this.#lostFiles.has(offer) ? { ...card, detail: lostText } : card);
    if (this.#options.store.has(acceptedIn(files))) void this.#continue(files);
    else this.#options.announce(`${harmless(from)} offers you files`);
  }

  /** For the next page: nothing of these files is kept for it. */
  #storeSaving(): void {
    const saving = [...this.#incoming.values()].filter(
      ({ files }) => files.isAccepted && !files.isKept,
    );
    storeOffers("saving", [...saving.map(({ files }) => files.offer), ...this.#lostFiles]);
  }

  /** The user has accepted it before the page was reloaded. */
  async #continue(files: IncomingFiles): Promise<void> {
    const { store } = this.#options;
    try {
      await files.accept(await store.target(files.summary.bytes, acceptedIn(files)));
    } catch {
      // There is no room any more: the user is asked again.
      store.drop(files.offer);
    }
  }

  /** A browser has no key to open it. */
  #showSealed(id: number, offer: string, from: string): void {
    if (this.#sealed.size >= limits.maxKnown) this.#sealed.clear();
    this.#sealed.add(offer);
    const name = harmless(from);
    const detail = `${name} has sealed this for your devices: take it with parley client. A browser has no key to open it.`;
    const nothing = { files: 0, bytes: 0, names: [] };
    this.#add({ ...incomingCard(id, from, nothing), canAccept: false, phase: "failed", detail });
  }

  #add(card: OfferCard): void {
    this.#options.dispatch({ type: "offer", card, nowMs: Date.now() });
  }

  #show(id: number, change: Partial<OfferCard>): void {
    this.#options.dispatch({ type: "offer-change", id, change });
  }

  /** An offer or an answer was refused. */
  #handleError(error: Extract<SessionEvent, { type: "error" }>): boolean {
    const { code, subject } = error;
    const shown = harmless(error.message);
    for (const { files } of this.#outgoing.values()) {
      if (files.handleError({ ...error, message: shown })) return true;
    }
    const taken = subject === undefined ? undefined : this.#incoming.get(subject)?.files;
    if (taken === undefined || subject === undefined) return false;
    // A restarted server has forgotten the offer: the sender makes it again.
    if (code === "not-found" && taken.isAccepted) return true;
    taken.fail(shown);
    return true;
  }
}

/** The length of an offer's number. */
const offerBytes = 16;

const lostText =
  "The page was reloaded during the transfer, and what had arrived is lost: accept it again.";

const noCipher =
  "This page was loaded from another machine without encryption, and browsers offer no cipher to such pages: use https, or parley send-file.";

function acceptedIn({ offer, from, summary: { files, bytes, names } }: IncomingFiles): Accepted {
  return { offer, terms: JSON.stringify([from, files, bytes, names]) };
}

function outgoingCard(id: number, to: string, { files, bytes, names }: OfferSummary): OfferCard {
  return {
    id,
    isMine: true,
    with: harmless(to),
    files,
    bytes,
    names: names.map(harmless),
    phase: "waiting",
    doneBytes: 0,
    bytesPerSecond: 0,
    detail: "",
    canAccept: false,
    saved: [],
  };
}

function incomingCard(id: number, from: string, { files, bytes, names }: OfferSummary): OfferCard {
  const shown = names.slice(0, limits.shownNames).map(harmless);
  return {
    id,
    isMine: false,
    with: harmless(from),
    files,
    bytes,
    names: shown,
    phase: "asking",
    doneBytes: 0,
    bytesPerSecond: 0,
    detail: adviceFor(names),
    canAccept: true,
    saved: [],
  };
}

function adviceFor(names: readonly string[]): string {
  if (!names.some(isFolder) || canSaveFolders()) return "";
  return folderAdvice;
}

function isFolder(name: string): boolean {
  return name.endsWith("/");
}

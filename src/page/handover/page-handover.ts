// All files that this page sends to people and takes from them: makes and finds offers, passes the
// session's events on to the one they are about, and keeps the cards that show them.

import type { OfferEvent, SessionEvent } from "../../client/events.ts";
import { offers as limits, pageFiles } from "../../limits.ts";
import type { OfferSummary } from "../../protocol/messages.ts";
import { harmless } from "../../text.ts";
import { isOver, type OfferCard, type OfferCards } from "../offer-cards.ts";
import type { Action } from "../state.ts";
import { IncomingFiles } from "./incoming-files.ts";
import type { OfferPort } from "./offer-port.ts";
import { canSaveFolders, chooseTarget } from "./save-target.ts";

export interface PageHandoverOptions {
  readonly port: OfferPort;
  readonly dispatch: (action: Action) => void;
  readonly cards: () => OfferCards;
  /** Hands a file to the browser's downloads; returns its address. */
  readonly download: (file: Blob, name: string) => string;
  /** Tells the user what may not be in sight. */
  readonly announce: (text: string) => void;
}

type Offered = Extract<OfferEvent, { type: "offered" }>;

export class PageHandover {
  readonly #options: PageHandoverOptions;
  /** By the sender's number. */
  readonly #incoming = new Map<string, { id: number; files: IncomingFiles }>();
  #lastId = 0;

  constructor(options: PageHandoverOptions) {
    this.#options = options;
  }

  /** Whether the event is dealt with here. */
  handle(event: SessionEvent): boolean {
    switch (event.type) {
      case "offer":
        this.#handleOffer(event.about);
        return true;
      case "offline":
        for (const { files } of this.#incoming.values()) files.handleOffline();
        return false;
      case "ended":
        this.#stop(harmless(event.message));
        return false;
      case "error":
        return this.#handleError(event);
      default:
        return false;
    }
  }

  /** Called by a click: the browser asks where the files are to go. */
  async accept(id: number): Promise<void> {
    const files = this.#find(id);
    if (files === undefined) return;
    try {
      const target = await chooseTarget(files.summary);
      if (target !== undefined) await files.accept(target);
    } catch (error) {
      // It can still be taken with another client.
      this.#show(id, {
        detail: `Not taken: ${error instanceof Error ? error.message : String(error)}`,
      });
    }
  }

  decline(id: number): void {
    this.#find(id)?.decline();
  }

  cancel(id: number): void {
    this.#find(id)?.cancel();
  }

  /** The user has ended the session. */
  disconnect(): void {
    this.#stop("you have disconnected");
  }

  #stop(reason: string): void {
    for (const { files } of this.#incoming.values()) files.fail(`Stopped: ${reason}`);
    this.#incoming.clear();
  }

  #find(id: number): IncomingFiles | undefined {
    for (const incoming of this.#incoming.values()) if (incoming.id === id) return incoming.files;
    return undefined;
  }

  #handleOffer(about: OfferEvent): void {
    if (about.type === "offered") return this.#handleOffered(about);
    const incoming = this.#incoming.get(about.offer)?.files;
    if (incoming === undefined) {
      if (about.type === "channel") this.#options.port.end(about.offer, "cancelled");
      return;
    }
    incoming.handleOffer(about);
  }

  #handleOffered({ offer, from, summary, sealed }: Offered): void {
    const known = this.#incoming.get(offer)?.files;
    // The sender, or this page, is back.
    if (known !== undefined) return known.isAccepted ? known.answer() : undefined;
    const waiting = [...this.#options.cards().values()].filter((card) => !isOver(card));
    if (waiting.length >= pageFiles.maxCards) return;
    const id = ++this.#lastId;
    if (summary === undefined) {
      if (sealed !== undefined) this.#showSealed(id, from);
      return;
    }
    const { port, download } = this.#options;
    const show = (change: Partial<OfferCard>): void => this.#show(id, change);
    const onOver = (): void => {
      if (this.#incoming.get(offer)?.id === id) this.#incoming.delete(offer);
    };
    const files = new IncomingFiles({ offer, from, summary, port, show, download, onOver });
    this.#incoming.set(offer, { id, files });
    this.#add(incomingCard(id, from, summary));
    this.#options.announce(`${harmless(from)} offers you files`);
  }

  /** A browser has no key to open it. */
  #showSealed(id: number, from: string): void {
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

  /** An answer was refused. */
  #handleError({ code, message, subject }: Extract<SessionEvent, { type: "error" }>): boolean {
    const taken = subject === undefined ? undefined : this.#incoming.get(subject)?.files;
    if (taken === undefined || subject === undefined) return false;
    // Forgotten by a server that has been restarted: the sender makes it again.
    if (code === "not-found" && taken.isAccepted) return true;
    taken.fail(harmless(message));
    return true;
  }
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
    canAccept: !names.every(isFolder) || canSaveFolders(),
    saved: [],
  };
}

function adviceFor(names: readonly string[]): string {
  if (!names.some(isFolder) || canSaveFolders()) return "";
  return "This browser saves no folders: take them with parley client, or with a browser like Chromium.";
}

function isFolder(name: string): boolean {
  return name.endsWith("/");
}

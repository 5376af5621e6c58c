// What a page for files by code leaves behind for the one that is loaded after it. It can't go on,
// and the sender should hear so at once. Some browsers close the connection before a page that is
// being left can say so; the next page does.

import { ClientSession } from "../../client/session.ts";
import type { SessionEvent } from "../../client/events.ts";
import { offers as limits } from "../../limits.ts";
import { secretText } from "../../secrets.ts";
import { offerPort } from "../handover/offer-port.ts";
import { WebSocketDriver } from "../websocket-driver.ts";

/** An attempt that only this page could have continued. */
export type Attempt = {
  readonly offer: string;
  readonly number: number;
  /** Something was being saved. */
  readonly isSaving: boolean;
  /**
   * Noted when the page is left: whether the server has heard that it is over; to ask for the code
   * again would count as a guess. Undefined: it may go on elsewhere, since a tab that is duplicated
   * takes the note along.
   */
  readonly isEnded?: boolean | undefined;
};

const key = "parley-code";

/** Undefined: there is nothing to be ended. */
export function noteAttempt(attempt: Attempt | undefined): void {
  try {
    if (attempt === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(attempt));
  } catch {
    // Storage may be disabled.
  }
}

export function notedAttempt(): Attempt | undefined {
  try {
    const noted: Partial<Attempt> | null = JSON.parse(sessionStorage.getItem(key) ?? "null");
    const { offer, number, isSaving, isEnded } = noted ?? {};
    if (typeof offer !== "string" || typeof number !== "number") return undefined;
    const wasLeft = typeof isEnded === "boolean";
    return { offer, number, isSaving: isSaving === true, isEnded: wasLeft ? isEnded : undefined };
  } catch {
    return undefined;
  }
}

/** Tells the server that the attempt is over, if it lets anybody in. */
export function endAttempt(url: string, { offer, number }: Attempt): void {
  const session = new ClientSession({
    name: undefined,
    rooms: [],
    secret: secretText(16),
    random: Math.random,
  });
  let moves = 0;
  let isMoving = false;
  /** The code may be at another server. */
  const follow = (at: string | undefined): boolean => {
    if (at === undefined || moves++ >= limits.maxMoves) return false;
    isMoving = true;
    const hasMoved = driver.moveTo(at);
    isMoving = false;
    return hasMoved;
  };
  const handle = (event: SessionEvent): void => {
    switch (event.type) {
      case "online":
        return void session.request({ type: "join-code", offer, number });
      case "response":
        port.end(offer, "cancelled");
        return session.leave();
      case "error":
        if (event.code === "elsewhere" && follow(event.at)) return;
        return session.leave();
      case "offline":
        if (!isMoving) session.leave();
    }
  };
  const driver: WebSocketDriver = new WebSocketDriver(session, url, (events) => {
    for (const event of events) handle(event);
    driver.step();
  });
  const port = offerPort(
    () => session,
    () => driver,
  );
  driver.start();
}

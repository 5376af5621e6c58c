// Answers the hub's requests from a store in this process, each one synchronously: done or failed.

import type { PrivateMessage } from "../chat/events.ts";
import type { LocalStore, StoreReply, StoreRequest } from "../chat/turn/store.ts";
import { ParleyError } from "../errors.ts";

/** @throws anything that is not a store failure but a bug in this program */
export function answerRequest(store: LocalStore, request: StoreRequest): StoreReply {
  try {
    return answer(store, request);
  } catch (error) {
    if (!(error instanceof ParleyError)) throw error;
    return { id: request.id, outcome: "failed", error };
  }
}

function answer(store: LocalStore, request: StoreRequest): StoreReply {
  const done = { id: request.id, outcome: "done" } as const;
  switch (request.type) {
    case "commit":
      return { ...done, type: "commit", result: store.commit(request.batch) };
    case "room-bounds": {
      const { room, since } = request;
      return { ...done, type: "room-bounds", result: store.rooms.bounds(room, since) };
    }
    case "read-room": {
      const { rooms } = store;
      const result =
        "after" in request
          ? rooms.after(request.room, request.after, request.limit)
          : rooms.before(request.room, request.before, request.limit);
      return { ...done, type: "read-room", result };
    }
    case "read-mail":
      return { ...done, type: "read-mail", result: mailOf(store, request) };
    case "count-mail": {
      const result = store.mailboxes.countAfter(request.session, request.after);
      return { ...done, type: "count-mail", result };
    }
    case "list-mail":
      return { ...done, type: "list-mail", result: store.mailboxes.list(request.session) };
    case "load-session":
      return { ...done, type: "load-session", result: store.sessions.load(request.session) };
    case "find-name": {
      const result = store.sessions.find(request.name, request.sinceMs);
      return { ...done, type: "find-name", result };
    }
    case "claim-name":
      // There is no other server that could have it.
      return { ...done, type: "claim-name", result: { isFree: true } };
    case "find-elsewhere":
    case "list-elsewhere":
      return { ...done, type: request.type, result: [] };
    case "overview":
      return { ...done, type: "overview", result: { rooms: [], people: 0 } };
    case "erase-message": {
      const result = store.rooms.erase(request.room, request.seq);
      return { ...done, type: "erase-message", result };
    }
    case "change-rights":
      return { ...done, type: "change-rights", result: store.rights.change(request.changes) };
    case "find-account":
      return { ...done, type: "find-account", result: store.accounts.find(request.lookup) };
    // Charges and codes are in the hub's memory, where no other server could want them.
    case "find-claimant":
    case "tell-charges":
    case "put-code":
    case "find-code":
      return { ...done, type: request.type, result: undefined };
    case "change-account":
      return { ...done, type: "change-account", result: store.accounts.change(request.change) };
  }
}

function mailOf(
  { mailboxes }: LocalStore,
  request: Extract<StoreRequest, { type: "read-mail" }>,
): readonly PrivateMessage[] {
  return "numbers" in request
    ? mailboxes.pick(request.session, request.numbers)
    : mailboxes.after(request.session, request.after, request.limit);
}

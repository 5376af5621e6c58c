// Answers the hub's requests from a store in this process: each at once, done or failed.

import type {
  LocalStore,
  StoreQuestion,
  StoreReply,
  StoreRequest,
  StoreResults,
} from "../chat/store.ts";
import { ParleyError } from "../errors.ts";

/** @throws what is no failure of the store but a mistake in this program */
export function answerRequest(store: LocalStore, request: StoreRequest): StoreReply {
  const { id } = request;
  try {
    return { id, outcome: "done", result: resultOf(store, request) };
  } catch (error) {
    if (!(error instanceof ParleyError)) throw error;
    return { id, outcome: "failed", error };
  }
}

function resultOf(store: LocalStore, question: StoreQuestion): StoreResults[keyof StoreResults] {
  switch (question.type) {
    case "commit":
      return store.commit(question.batch);
    case "room-bounds":
      return store.rooms.bounds(question.room);
    case "read-room":
      return "after" in question
        ? store.rooms.after(question.room, question.after, question.limit)
        : store.rooms.before(question.room, question.before, question.limit);
    case "read-mail":
      return store.mailboxes.after(question.session, question.after, question.limit);
    case "load-session":
      return store.sessions.load(question.session);
    case "find-name":
      return store.directory.find(question.name, question.sinceMs);
    default:
      return question satisfies never;
  }
}

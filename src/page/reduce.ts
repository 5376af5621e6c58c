// How the page's state changes: one pure function from state and action to state.

import { noChat } from "../client/private-chat-state.ts";
import { append, forgetNumbers, restore, type Log } from "./entries.ts";
import { hear } from "./hear.ts";
import { banner, maxFiles, maxPeople, over, sortNames, type Action, type State } from "./state.ts";

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "connect":
      return {
        ...state,
        phase: "connecting",
        name: action.name,
        room: action.room,
        status: "",
        problem: "",
      };
    case "disconnect":
      return over(state, "", action.nowMs);
    case "door":
      return { ...state, atDoor: true };
    case "session":
      return hear(state, action.event, action.nowMs);
    case "said":
      return { ...state, log: said(state, action) };
    case "people": {
      const names = action.isFirst ? action.names : [...state.people, ...action.names];
      return {
        ...state,
        people: sortNames(names).slice(0, maxPeople),
        peopleTotal: action.total,
        // Only a whole list says who is gone.
        to: names.length < action.total ? state.to : state.to.filter((to) => names.includes(to)),
      };
    }
    case "choose":
      return { ...state, to: action.to };
    case "chat-over":
      return { ...state, chat: noChat };
    case "restored":
      return { ...state, log: restore(state.log, action.said) };
    case "renaming":
      return { ...state, renaming: action.renaming };
    case "new-epoch":
      return { ...state, log: forgetNumbers(state.log) };
    case "away":
      return { ...state, away: action.away, unread: action.away ? state.unread : 0 };
    case "files": {
      const files = action.isFirst ? action.files : [...(state.files ?? []), ...action.files];
      return { ...state, files: files.slice(0, maxFiles), filesProblem: "" };
    }
    case "files-failed":
      return { ...state, filesProblem: action.problem };
    case "download": {
      const { download } = action;
      return { ...state, downloads: { ...state.downloads, [download.name]: download } };
    }
    case "banner":
      return { ...state, log: banner(state.log, action.text, action.nowMs) };
  }
}

function said(state: State, action: Action & { type: "said" }): Log {
  return append(state.log, {
    kind: "said",
    from: state.name,
    text: action.text,
    timeMs: action.nowMs,
    mine: true,
    to: action.to,
    seq: undefined,
    id: action.id,
    delivery: "waiting",
    problem: undefined,
  });
}

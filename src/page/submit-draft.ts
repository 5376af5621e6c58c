// Sends the composer's text as one message, or executes it as a command. Text that can't be sent
// stays in the composer, with the reason. Needs no DOM.

import { tabSpaces } from "../text.ts";
import { type CommandTargets, runCommand } from "./command-runner.ts";
import { isCommand, readComposed } from "./commands.ts";
import { type Action, currentDraft, type State } from "./state.ts";

export function submitDraft(
  targets: CommandTargets & { dispatch: (action: Action) => void },
): void {
  const { dispatch, state } = targets;
  const { text } = currentDraft(state());
  const put = (problem: string): void => {
    dispatch({ type: "draft", text });
    dispatch({ type: "problem", origin: "composer", problem });
  };
  const refusal = refusalOf(text) ?? audienceRefusal(text, state());
  // Clear it first: a command may switch to another room, which has its own draft.
  dispatch({ type: "draft", text: "" });
  if (refusal !== undefined) return put(refusal);
  if (text.trim() === "") return;
  const sent = text.includes("\n") ? text.replaceAll("\t", tabSpaces) : text;
  const problem = runCommand(readComposed(sent), targets);
  if (problem !== undefined) put(problem);
}

/** Commands that send text, which may have several lines. */
const saying = /^\s*\/(?:me|msg)\s/i;

/** Pasted text that happens to begin with a command must not be executed. */
function refusalOf(text: string): string | undefined {
  const isPasted = isCommand(text) && text.trim().includes("\n") && !saying.test(text);
  if (!isPasted) return undefined;
  return "The first line starts with /. A command has one line; start with // to send it as text.";
}

/** Text written to a partner must not go to the room because the chat ended meanwhile. */
function audienceRefusal(text: string, state: State): string | undefined {
  const { writtenTo, recipients } = currentDraft(state);
  const { partner } = state.chat;
  const isSaid = !isCommand(text) || /^\s*\/me\s/i.test(text);
  if (writtenTo === undefined || writtenTo === partner || !isSaid) return undefined;
  const others = recipients.length > 0 ? recipients.join(", ") : state.shown;
  const audience = partner ?? others ?? "nobody";
  return `The private chat with ${writtenTo} is over. Press Enter again to send this to ${audience}.`;
}

// Sends the composer's text line by line, or executes it as a command. What can't be sent stays in
// the composer, with the reason. Knows no DOM.

import { type CommandTargets, runCommand } from "./command-runner.ts";
import { isCommand, readLine } from "./commands.ts";
import { type Action, currentDraft, type State } from "./state.ts";

/** Most lines sent at once, so that an accidental paste does not flood the room. */
const maxLines = 20;

export function submitDraft(
  targets: CommandTargets & { dispatch: (action: Action) => void },
): void {
  const { dispatch, state } = targets;
  const { text } = currentDraft(state());
  const lines = text.split(/\r\n|[\r\n]/).filter((line) => line.trim() !== "");
  const put = (rest: readonly string[], problem: string): void => {
    dispatch({ type: "draft", text: rest.join("\n") });
    dispatch({ type: "problem", origin: "composer", problem });
  };
  const refusal = refusalOf(lines) ?? audienceRefusal(lines, state());
  // Clear it first: a command may switch to another room, which has its own draft.
  dispatch({ type: "draft", text: "" });
  if (refusal !== undefined) return put([text], refusal);
  for (const [i, line] of lines.entries()) {
    const problem = runCommand(readLine(line), targets);
    if (problem !== undefined) return put(lines.slice(i), problem);
  }
}

function refusalOf(lines: readonly string[]): string | undefined {
  if (lines.length > maxLines) return `At most ${maxLines} lines can be sent at once.`;
  // Commands in pasted text must not be executed.
  if (lines.length <= 1 || !lines.some(isCommand)) return undefined;
  return (
    "A line starts with /. Send commands one at a time, " +
    "or start the line with // to send it as text."
  );
}

/** Text written to a partner must not go to the room because the chat ended meanwhile. */
function audienceRefusal(lines: readonly string[], state: State): string | undefined {
  const { writtenTo, recipients } = currentDraft(state);
  const { partner } = state.chat;
  if (writtenTo === undefined || writtenTo === partner || lines.every(isCommand)) return undefined;
  const others = recipients.length > 0 ? recipients.join(", ") : state.shown;
  const audience = partner ?? others ?? "nobody";
  return `The private chat with ${writtenTo} is over. Press Enter again to send this to ${audience}.`;
}

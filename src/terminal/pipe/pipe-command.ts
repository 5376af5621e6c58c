// The commands of `parley client --json-in` (docs/json.md): one JSON object per line, parsed into a
// typed command or a problem to report. Pure.

import { roomProblem } from "../../chat/names/grammar.ts";
import { personNameProblem } from "../../dialects/reserved-names.ts";
import type { ErrorCode } from "../../errors.ts";
import { message as limits, protocol } from "../../limits.ts";
import { FieldReader, type Fields, parseObject } from "../../protocol/field-reader.ts";
import type { MessageKind, Ref } from "../../protocol/messages.ts";
import { quoted } from "../../text.ts";
import { distinctPeople } from "./recipients.ts";

export type PipeCommand =
  /** `room` undefined: the room of `--room`. */
  | { do: "say"; room: string | undefined; text: string; kind: MessageKind | undefined }
  | { do: "tell"; to: readonly string[]; text: string; kind: MessageKind | undefined }
  | { do: "enter"; room: string; key: string | undefined }
  | { do: "part"; room: string }
  | { do: "get"; file: string }
  /** Offers files and folders to a person. */
  | { do: "send"; paths: readonly string[]; to: string }
  /** Puts files into the shared folder. `room`: the room to notify; undefined: that of `--room`. */
  | { do: "share"; paths: readonly string[]; room: string | undefined };

export type CommandProblem = { code: ErrorCode; message: string };

/** A parsed line. `ref` is chosen by the sender and repeated in the answer. */
export type ReadCommand = { ref: Ref | undefined } & (
  { command: PipeCommand } | { problem: CommandProblem }
);

/** A command is identified by which one of these fields it has. */
const readers: Readonly<Record<string, (reader: FieldReader) => PipeCommand>> = {
  say: (r) => {
    return { do: "say", room: optionalRoom(r, "room"), text: r.text("say"), kind: kind(r) };
  },
  to: (r) => ({ do: "tell", to: recipients(r), text: r.text("text"), kind: kind(r) }),
  enter: (r) => ({ do: "enter", room: room(r, "enter"), key: r.optionalText("key") }),
  part: (r) => ({ do: "part", room: room(r, "part") }),
  get: (r) => ({ do: "get", file: r.text("get") }),
  send: (r) => ({ do: "send", paths: paths(r, "send"), to: person(r, "to") }),
  share: (r) => ({ do: "share", paths: paths(r, "share"), room: optionalRoom(r, "room") }),
};

const known = Object.keys(readers)
  .map((name) => `"${name}"`)
  .join(", ");

export function readPipeCommand(line: string): ReadCommand {
  const fields = parseObject(line, { maxValues: protocol.maxClientValues });
  if (fields === undefined) {
    const message = `The line is not a JSON object: write one such as {"say":"hello"}`;
    return { ref: undefined, problem: { code: "usage", message } };
  }
  const reader = new FieldReader(fields);
  const ref = reader.ref();
  // The recipient of files is part of that command.
  const isSend = Object.hasOwn(fields, "send");
  const verbs = Object.keys(readers).filter(
    (name) => Object.hasOwn(fields, name) && !(isSend && name === "to"),
  );
  const [verb = "", second] = verbs;
  const read = readers[verb];
  if (read === undefined || second !== undefined) {
    return { ref, problem: { code: "usage", message: verbProblem(fields, verbs) } };
  }
  const command = read(reader);
  const { problem } = reader;
  if (problem === undefined) return { ref, command };
  return { ref, problem: { code: "usage", message: `Bad "${verb}": ${problem}` } };
}

function verbProblem(fields: Fields, verbs: readonly string[]): string {
  if (verbs.length > 1) return `One command a line: this one has ${verbs.join(" and ")}`;
  const first = Object.keys(fields).find((name) => name !== "ref");
  const what = first === undefined ? "There is no command" : `There is no command ${quoted(first)}`;
  return `${what} in this object: the commands are ${known}`;
}

/** One path or a list of paths. */
function paths(reader: FieldReader, key: string): readonly string[] {
  const given = reader.textOrTexts(key);
  if (given.length === 0 || given.includes("")) reader.refuse(`\`${key}\` names no file`);
  return given;
}

function person(reader: FieldReader, key: string): string {
  const name = reader.text(key);
  const problem = personNameProblem(name);
  if (problem !== undefined) reader.refuse(`in \`${key}\`, ${problem}`);
  return name;
}

/** One name or a list of names. */
function recipients(reader: FieldReader): readonly string[] {
  const names = distinctPeople(reader.textOrTexts("to"));
  if (names.length === 0) reader.refuse("`to` names nobody");
  if (names.length > limits.maxRecipients) {
    reader.refuse(`\`to\` has ${names.length} names, at most ${limits.maxRecipients} are allowed`);
  }
  for (const name of names) {
    const problem = personNameProblem(name);
    if (problem !== undefined) reader.refuse(`in \`to\`, ${problem}`);
  }
  return names;
}

function kind(reader: FieldReader): MessageKind | undefined {
  const given = reader.optionalText("kind");
  if (given === undefined || given === "emote" || given === "notice") return given;
  reader.refuse("`kind` must be emote or notice");
  return undefined;
}

function room(reader: FieldReader, key: string): string {
  const name = reader.text(key);
  const problem = roomProblem(name);
  if (problem !== undefined) reader.refuse(problem);
  return name;
}

function optionalRoom(reader: FieldReader, key: string): string | undefined {
  const name = reader.optionalText(key);
  return name === undefined ? undefined : room(reader, key);
}

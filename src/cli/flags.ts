// Strict flag parsing in front of citty: unknown flags, missing values and surplus arguments are
// errors that suggest the nearest flag. Missing flags are read from the environment
// (PARLEY_COMMAND_FLAG). Returns arguments that citty can't misread. Pure: arguments and
// environment are passed in.

import type { ArgDef, ArgsDef } from "citty";
import { quoted } from "../text.ts";
import { ParleyError } from "../errors.ts";
import { nearestWord } from "../nearest-word.ts";
import { variableOf } from "./command-model.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export type Arguments = {
  /** Normalized arguments for citty. */
  raw: string[];
  /** For flags taken from the environment: their variables, by every spelling of the flag. */
  variables: ReadonlyMap<string, Variable>;
};

type Variable = { name: string; value: string };

/** A flag whose value hint ends in this may be repeated; its values are joined by commas. */
const repeatable = "…";

/** The value hint of words that are a command themselves. */
export const orderHint = `COMMAND${repeatable}`;

type Flag = { name: string; kind: "switch" | "value" };

/** @throws ParleyError `usage` */
export function strictArguments(
  command: string,
  definitions: ArgsDef,
  given: readonly string[],
  environment: Environment,
): Arguments {
  const found = new Map<string, string | boolean>();
  const words: string[] = [];
  for (let i = 0; i < given.length; i++) {
    const token = given[i]!;
    if (token === "--") {
      words.push(...given.slice(i + 1));
      break;
    }
    if (!token.startsWith("-") || token === "-" || isOrderWord(definitions, words, token)) {
      words.push(token);
      continue;
    }
    const [written, attached] = splitFlag(token);
    const { flag, value: switchValue } = findFlag(command, definitions, written);
    if (flag.kind === "switch") {
      found.set(flag.name, readSwitch(written, attached, switchValue));
      continue;
    }
    const value = attached ?? given[++i];
    // A negative number is a value; the command itself rejects it.
    if (value === undefined || (attached === undefined && /^-[^\d]/.test(value))) {
      throw usage(`${written} needs a value: write ${example(definitions[flag.name], written)}`);
    }
    addValue(definitions, found, flag.name, written, value);
  }
  const variables = fromEnvironment(command, definitions, found, environment);
  checkWords(command, definitions, words);
  const flags = Array.from(found, ([name, value]) =>
    typeof value === "string" ? `--${name}=${value}` : value ? `--${name}` : `--no-${name}`,
  );
  return { raw: [...flags, "--", ...words], variables };
}

/**
 * Names the variable in an error message instead of the flag if the value came from the
 * environment.
 */
export function blameVariables(sentence: string, variables: Arguments["variables"]): string {
  // Leave quoted values alone, even if they look like flags.
  const named = sentence.replace(/'[^']*'|(?<![\w-])--?[\w-]+/g, (part) => {
    return variables.get(part)?.name ?? part;
  });
  if (named !== sentence) return named;
  const origin = [...variables.values()].find(({ value }) => sentence.includes(quoted(value)));
  return origin === undefined ? sentence : `${origin.name}: ${sentence}`;
}

/** The port in a flag's value, which may be 0. @throws ParleyError `usage` */
export function portOf(flag: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  const sentence = `${flag} ${quoted(text)} is not a port: use a number from 0 to 65535`;
  throw new ParleyError("usage", sentence);
}

/** `mode den -m`: letters to take away, in a command for the server that has its own words. */
function isOrderWord(definitions: ArgsDef, words: readonly string[], token: string): boolean {
  if (words.length === 0 || !/^-[a-z][-+a-z]*$/i.test(token)) return false;
  return Object.values(definitions).some(
    (definition) => "valueHint" in definition && definition.valueHint === orderHint,
  );
}

function splitFlag(token: string): [string, string | undefined] {
  const equals = token.indexOf("=");
  return equals < 0 ? [token, undefined] : [token.slice(0, equals), token.slice(equals + 1)];
}

function findFlag(
  command: string,
  definitions: ArgsDef,
  written: string,
): { flag: Flag; value: boolean } {
  const name = written.replace(/^--?/, "");
  const positive = name.startsWith("no-") ? name.slice(3) : undefined;
  for (const [key, definition] of Object.entries(definitions)) {
    if (definition.type === "positional") continue;
    const kind = definition.type === "boolean" ? "switch" : "value";
    const aliases = aliasesOf(definition);
    const matches = written.startsWith("--") ? key === name : aliases.includes(name);
    if (matches) return { flag: { name: key, kind }, value: true };
    if (kind === "switch" && key === positive && definition.default === true) {
      return { flag: { name: key, kind }, value: false };
    }
  }
  // Without a value they never come here.
  if (["--help", "--version"].includes(written)) throw usage(`${written} takes no value`);
  const near = nearestWord(written, [...flagNames(definitions), "--help", "--version"]);
  const hint = near === undefined ? `see parley ${command} --help` : `did you mean ${near}?`;
  throw usage(`unknown flag ${quoted(written)}: ${hint}`);
}

/** Flags as people type them; a switch that is on by default in its negative form. */
function flagNames(definitions: ArgsDef): string[] {
  return Object.entries(definitions).flatMap(([name, definition]) => {
    if (definition.type === "positional") return [];
    const off = definition.type === "boolean" && definition.default === true;
    const aliases = aliasesOf(definition).map((alias) => `-${alias}`);
    return [off ? `--no-${name}` : `--${name}`, ...aliases];
  });
}

function aliasesOf(definition: ArgDef): string[] {
  return "alias" in definition ? [definition.alias ?? []].flat() : [];
}

/** The flag with a placeholder value, as an example of correct usage. */
function example(definition: ArgDef | undefined, written: string): string {
  const hint = definition !== undefined && "valueHint" in definition ? definition.valueHint : "";
  const value = (hint ?? "").replace(repeatable, "").replace(/\|-$/, "");
  return `${written}${written.startsWith("--") ? "=" : " "}${value === "" ? "VALUE" : value}`;
}

function readSwitch(written: string, attached: string | undefined, value: boolean): boolean {
  if (attached === undefined) return value;
  if (attached === "1" || attached === "true") return value;
  if (attached === "0" || attached === "false") return !value;
  // Unlike a flag, a variable needs a value.
  const isVariable = !written.startsWith("-");
  const takes = isVariable ? "takes 0 or 1" : "is a switch and takes no value";
  throw usage(`${written} ${takes}, not ${quoted(attached)}`);
}

function addValue(
  definitions: ArgsDef,
  found: Map<string, string | boolean>,
  name: string,
  written: string,
  value: string,
): void {
  const before = found.get(name);
  const definition = definitions[name];
  const hint = definition !== undefined && "valueHint" in definition ? definition.valueHint : "";
  if (before === undefined) found.set(name, value);
  else if (hint?.endsWith(repeatable)) found.set(name, `${before},${value}`);
  else throw usage(`${written} is given twice: give it once`);
}

/** Adds flags from the environment; returns their variables, by every spelling of the flag. */
function fromEnvironment(
  command: string,
  definitions: ArgsDef,
  found: Map<string, string | boolean>,
  environment: Environment,
): Map<string, Variable> {
  const variables = new Map<string, Variable>();
  for (const [name, definition] of Object.entries(definitions)) {
    if (definition.type === "positional" || found.has(name)) continue;
    const variable = variableOf(command, name);
    const value = environment[variable];
    if (definition.type !== "boolean") {
      if (value === undefined || value === "") continue;
      found.set(name, value);
      for (const flag of flagNames({ [name]: definition })) {
        variables.set(flag, { name: variable, value });
      }
      continue;
    }
    const negative = variableOf(command, `no-${name}`);
    const off = definition.default === true ? environment[negative] : undefined;
    if (value !== undefined && value !== "") found.set(name, readSwitch(variable, value, true));
    else if (off !== undefined && off !== "") found.set(name, readSwitch(negative, off, false));
  }
  return variables;
}

function checkWords(command: string, definitions: ArgsDef, words: readonly string[]): void {
  const places = Object.values(definitions).filter(({ type }) => type === "positional");
  const last = places.at(-1);
  const many = last !== undefined && "valueHint" in last && last.valueHint?.endsWith(repeatable);
  if (many || words.length <= places.length) return;
  const extra = quoted(words[places.length]!);
  throw usage(`unexpected argument ${extra}: see parley ${command} --help`);
}

function usage(sentence: string): ParleyError {
  return new ParleyError("usage", sentence);
}

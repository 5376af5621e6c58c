// Reads fields of a JSON object into typed values and remembers the first invalid one, so that a
// decoder can read all fields and check once at the end. Never throws. Knows no message.

import { protocol as limits } from "../limits.ts";
import { isBounded } from "./json-bounds.ts";
import type { Ref } from "./messages.ts";

export type Fields = Readonly<Record<string, unknown>>;

/**
 * The JSON object in a line; undefined if there is none or it exceeds the bounds of all messages.
 */
export function parseObject(line: string, bounds: { maxValues: number }): Fields | undefined {
  if (!/^[ \t\r\n]*\{/.test(line)) return undefined;
  if (!isBounded(line, limits.maxDepth, bounds.maxValues)) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export class FieldReader {
  readonly #fields: Fields;
  #problem: string | undefined;

  constructor(fields: Fields) {
    this.#fields = fields;
  }

  /** What is wrong with the first invalid field: "`n` must be …". */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Records a problem found by the decoder; only the first one counts. */
  refuse(problem: string): void {
    this.#problem ??= problem;
  }

  text(key: string): string {
    return this.optionalText(key) ?? this.#bad(key, "a string", "");
  }

  optionalText(key: string): string | undefined {
    const value = this.#fields[key];
    if (value === undefined || typeof value === "string") return value;
    return this.#bad(key, "a string", undefined);
  }

  /** A string that matches `pattern`, which `form` describes. */
  pattern(key: string, pattern: RegExp, form: string): string {
    return this.optionalPattern(key, pattern, form) ?? this.#bad(key, form, "");
  }

  optionalPattern(key: string, pattern: RegExp, form: string): string | undefined {
    const value = this.#fields[key];
    if (value === undefined || (typeof value === "string" && pattern.test(value))) return value;
    return this.#bad(key, form, undefined);
  }

  /** A string that is one of these; undefined if it is another, perhaps of a later version. */
  choice<T extends string>(key: string, known: Readonly<Record<T, true>>): T | undefined {
    const value = this.text(key);
    return isKeyOf(known, value) ? value : undefined;
  }

  /** A safe integer of at least `least`. */
  count(key: string, least = 0): number {
    return this.optionalCount(key, least) ?? this.#bad(key, countForm(least), least);
  }

  optionalCount(key: string, least = 0): number | undefined {
    const value = this.#fields[key];
    if (value === undefined || isCount(value, least)) return value;
    return this.#bad(key, countForm(least), undefined);
  }

  /** A finite number: a time, which may be before 1970. */
  number(key: string): number {
    return this.optionalNumber(key) ?? this.#bad(key, "a number", 0);
  }

  optionalNumber(key: string): number | undefined {
    const value = this.#fields[key];
    if (value === undefined || (typeof value === "number" && Number.isFinite(value))) return value;
    return this.#bad(key, "a number", undefined);
  }

  flag(key: string): boolean {
    return this.optionalFlag(key) ?? this.#bad(key, "true or false", false);
  }

  optionalFlag(key: string): boolean | undefined {
    const value = this.#fields[key];
    if (value === undefined || typeof value === "boolean") return value;
    return this.#bad(key, "true or false", undefined);
  }

  texts(key: string): readonly string[] {
    const value = this.#fields[key];
    return isTexts(value) ? value : this.#bad(key, "a list of strings", []);
  }

  /** A list of strings; a lone string counts as a list of one. */
  textOrTexts(key: string): readonly string[] {
    const value = this.#fields[key];
    if (typeof value === "string") return [value];
    return isTexts(value) ? value : this.#bad(key, "a string or a list of strings", []);
  }

  optionalTexts(key: string): readonly string[] | undefined {
    return this.#fields[key] === undefined ? undefined : this.texts(key);
  }

  /** An object whose values are strings, numbers and booleans. */
  scalars(key: string): Readonly<Record<string, string | number | boolean>> {
    const value = this.#fields[key];
    return isScalars(value) ? value : this.#bad(key, "an object of plain values", {});
  }

  object<T>(key: string, read: (reader: FieldReader) => T): T | undefined {
    const value = this.#fields[key];
    if (!isObject(value)) return this.#bad(key, "an object", undefined);
    return this.#nested(key, value, read);
  }

  optionalObject<T>(key: string, read: (reader: FieldReader) => T): T | undefined {
    return this.#fields[key] === undefined ? undefined : this.object(key, read);
  }

  /** A list of objects; empty if one of them is invalid. */
  list<T>(key: string, read: (reader: FieldReader) => T): readonly T[] {
    return this.optionalList(key, read) ?? this.#bad(key, "a list of objects", []);
  }

  optionalList<T>(key: string, read: (reader: FieldReader) => T): readonly T[] | undefined {
    const value = this.#fields[key];
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) return this.#bad(key, "a list of objects", undefined);
    const given: readonly unknown[] = value;
    const items: T[] = [];
    for (const item of given) {
      if (!isObject(item)) return this.#bad(key, "a list of objects", undefined);
      items.push(this.#nested(key, item, read));
      if (this.#problem !== undefined) return undefined;
    }
    return items;
  }

  ref(): Ref | undefined {
    const value = this.#fields["ref"];
    if (value === undefined || isRef(value)) return value;
    const form = `a whole number, or a string of at most ${limits.maxRefChars} characters`;
    return this.#bad("ref", form, undefined);
  }

  #nested<T>(key: string, fields: Fields, read: (reader: FieldReader) => T): T {
    const reader = new FieldReader(fields);
    const value = read(reader);
    if (reader.problem !== undefined) this.refuse(`in \`${key}\`, ${reader.problem}`);
    return value;
  }

  #bad<T>(key: string, form: string, fallback: T): T {
    this.refuse(`\`${key}\` must be ${form}`);
    return fallback;
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isCount(value: unknown, least: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= least;
}

export function isRef(value: unknown): value is Ref {
  if (typeof value === "number") return Number.isSafeInteger(value);
  return typeof value === "string" && value.length <= limits.maxRefChars;
}

function isKeyOf<T extends string>(known: Readonly<Record<T, true>>, text: string): text is T {
  return Object.hasOwn(known, text);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function countForm(least: number): string {
  return `a whole number of at least ${least}`;
}

function isScalars(value: unknown): value is Readonly<Record<string, string | number | boolean>> {
  if (!isObject(value)) return false;
  return Object.values(value).every((one) => /^(?:string|number|boolean)$/.test(typeof one));
}

// Strict flags: every notation, the environment, and errors. For any input the result is either
// arguments that citty can't misread or a ParleyError.

import { describe, expect, test } from "bun:test";
import type { ArgsDef } from "citty";
import * as fc from "fast-check";
import { blameVariables, type Environment, strictArguments } from "../../src/cli/flags.ts";
import { exitCodeOf, ParleyError } from "../../src/errors.ts";
import { anyCharacter } from "../any-character.ts";

const definitions: ArgsDef = {
  port: { type: "string", default: "55000" },
  "web-port": { type: "string" },
  listen: { type: "string", valueHint: "DIALECT=PORT…" },
  web: { type: "boolean", default: true },
  json: { type: "boolean" },
  output: { type: "string", alias: "o", valueHint: "PATH|-" },
};

function read(words: string, environment: Environment = {}, more: ArgsDef = {}): string {
  const given = words === "" ? [] : words.split(" ");
  return strictArguments("server", { ...definitions, ...more }, given, environment).raw.join(" ");
}

function complaint(words: string, environment: Environment = {}, more: ArgsDef = {}): string {
  try {
    return `no complaint but ${read(words, environment, more)}`;
  } catch (error) {
    if (!(error instanceof ParleyError)) throw error;
    expect(exitCodeOf(error)).toBe(2);
    return error.message;
  }
}

test("letters with a minus are words in a command for the server, flags elsewhere", () => {
  const order: ArgsDef = { order: { type: "positional", valueHint: "COMMAND…" } };
  expect(read("mode den -m+n Ann --json", {}, order)).toBe("--json -- mode den -m+n Ann");
  expect(complaint("-mn", {}, order)).toContain("unknown flag '-mn'");
  expect(complaint("mode den -mn")).toContain("unknown flag '-mn'");
});

describe("flags", () => {
  test.each([
    ["", "--"],
    ["--port 1", "--port=1 --"],
    ["--port=1", "--port=1 --"],
    ["--port=", "--port= --"],
    ["--port=a=b", "--port=a=b --"],
    ["-o x", "--output=x --"],
    ["-o=x", "--output=x --"],
    ["-o -", "--output=- --"],
    ["--port -1", "--port=-1 --"],
    ["--json", "--json --"],
    ["--json=0", "--no-json --"],
    ["--no-web", "--no-web --"],
    ["--no-web=0", "--web --"],
    ["--web=false", "--no-web --"],
    ["--listen a=1 --listen=b=2", "--listen=a=1,b=2 --"],
    ["--json --json=0", "--no-json --"],
  ])("%j", (words, expected) => expect(read(words)).toBe(expected));

  test.each([
    ["--prot 1", "unknown flag '--prot': did you mean --port?"],
    ["--out x", "unknown flag '--out': did you mean --output?"],
    ["--no-json", "unknown flag '--no-json': did you mean --json?"],
    ["--qwertyuiop", "unknown flag '--qwertyuiop': see parley server --help"],
    ["--PORT 1", "unknown flag '--PORT': did you mean --port?"],
    ["--vers", "unknown flag '--vers': did you mean --version?"],
    ["--hlep", "unknown flag '--hlep': did you mean --help?"],
    ["--help=1", "--help takes no value"],
    ["-x", "unknown flag '-x'"],
    ["-port 1", "unknown flag '-port': did you mean --port?"],
    ["--port", "--port needs a value: write --port=VALUE"],
    ["--port --json", "--port needs a value"],
    ["--listen", "--listen needs a value: write --listen=DIALECT=PORT"],
    ["-o", "-o needs a value: write -o PATH"],
    ["--output -o", "--output needs a value: write --output=PATH"],
    ["--port 1 --port 1", "--port is given twice: give it once"],
    ["--json=x", "--json is a switch and takes no value, not 'x'"],
    ["word", "unexpected argument 'word': see parley server --help"],
    ["-- --json", "unexpected argument '--json'"],
    ["\u001b[2J", "unexpected argument ''"],
  ])("%j is named", (words, sentence) => expect(complaint(words)).toStartWith(sentence));
});

describe("words", () => {
  const one: ArgsDef = { address: { type: "positional" } };
  const many: ArgsDef = { name: { type: "positional", valueHint: "NAME…" } };

  test("as many as the command takes", () => {
    expect(read("a --json", {}, one)).toBe("--json -- a");
    expect(complaint("a b", {}, one)).toStartWith("unexpected argument 'b'");
    expect(read("a b c", {}, many)).toBe("-- a b c");
  });

  test("after -- everything is a word; - always is one", () => {
    expect(read("--json -- --port -o", {}, many)).toBe("--json -- --port -o");
    expect(read("-", {}, many)).toBe("-- -");
  });
});

describe("the environment", () => {
  test("supplies flags that are not given", () => {
    const environment = {
      PARLEY_SERVER_PORT: "1",
      PARLEY_SERVER_WEB_PORT: "2",
      PARLEY_SERVER_LISTEN: "a=1,b=2",
      PARLEY_SERVER_JSON: "1",
      PARLEY_SERVER_OUTPUT: "",
      PARLEY_CLIENT_PORT: "9",
    };
    expect(read("--web-port 3", environment)).toBe(
      "--web-port=3 --port=1 --listen=a=1,b=2 --json --",
    );
  });

  test("turns switches on and off, by either name", () => {
    expect(read("", { PARLEY_SERVER_WEB: "0" })).toBe("--no-web --");
    expect(read("", { PARLEY_SERVER_NO_WEB: "1" })).toBe("--no-web --");
    expect(read("", { PARLEY_SERVER_NO_WEB: "0" })).toBe("--web --");
    expect(read("--web", { PARLEY_SERVER_NO_WEB: "1" })).toBe("--web --");
    expect(complaint("", { PARLEY_SERVER_JSON: "yes" })).toBe(
      "PARLEY_SERVER_JSON takes 0 or 1, not 'yes'",
    );
  });
});

describe("an error names the variable instead of a flag that nobody typed", () => {
  const environment = {
    PARLEY_SERVER_PORT: "--web-port",
    PARLEY_SERVER_WEB_PORT: "x",
    PARLEY_SERVER_OUTPUT: "a b",
  };
  const { variables } = strictArguments("server", definitions, ["--web-port=1"], environment);

  test.each([
    ["--port '--port' is not a port", "PARLEY_SERVER_PORT '--port' is not a port"],
    ["--web-port 'x' is not a port", "--web-port 'x' is not a port"],
    ["choose another --port", "choose another PARLEY_SERVER_PORT"],
    ["-o 'a' or --output", "PARLEY_SERVER_OUTPUT 'a' or PARLEY_SERVER_OUTPUT"],
    ["--porter, a--port and ---port", "--porter, a--port and ---port"],
    ["The name 'a b' is taken", "PARLEY_SERVER_OUTPUT: The name 'a b' is taken"],
    ["The name 'a' is taken", "The name 'a' is taken"],
  ])("%j", (sentence, expected) => expect(blameVariables(sentence, variables)).toBe(expected));
});

test("random command lines: arguments that citty can't misread, or an error message", () => {
  const word = fc.oneof(
    fc.constantFrom("--port", "--json", "--no-web", "-o", "--", "-", "=", "--=", "---", "--port=1"),
    fc.string({ maxLength: 6 }),
    fc.string({ unit: anyCharacter, maxLength: 6 }).map((text) => `--${text}`),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 5 }), (words) => {
      let args: string[];
      try {
        args = strictArguments("server", definitions, words, {}).raw;
      } catch (error) {
        expect(error).toBeInstanceOf(ParleyError);
        expect((error as ParleyError).message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        return;
      }
      expect(args.at(-1)).toBe("--");
      for (const arg of args.slice(0, -1)) {
        expect(arg).toMatch(/^--(?:(?:port|web-port|listen|output)=|(?:no-)?(?:web|json)$)/s);
      }
    }),
    { numRuns: 10_000 },
  );
});

// The calculator's numbers: against a table, and against a real Python if there is one.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { parsePythonFloat, pythonRepr } from "../../../src/dialects/calculator/python-float.ts";
import { cpuMsOf } from "../../cpu-time.ts";
import { python3, runPython } from "../../python.ts";
import { skipUnless } from "../../skip.ts";

const readable: [string, string][] = [
  ["0", "0.0"],
  ["-0", "-0.0"],
  ["15", "15.0"],
  ["+3.24", "3.24"],
  [" 7 ", "7.0"],
  ["\t7\r\n", "7.0"],
  ["1.", "1.0"],
  [".5", "0.5"],
  ["1_000.5_0", "1000.5"],
  ["1_0e1_0", "100000000000.0"],
  ["1e16", "1e+16"],
  ["1e15", "1000000000000000.0"],
  ["9999999999999998", "9999999999999998.0"],
  ["99999999999999999", "1e+17"],
  ["1e-4", "0.0001"],
  ["1e-5", "1e-05"],
  ["1.25e-7", "1.25e-07"],
  ["1.5E300", "1.5e+300"],
  ["1e400", "inf"],
  ["-1e400", "-inf"],
  ["5e-324", "5e-324"],
  ["1e-400", "0.0"],
  ["123456789012345680", "1.2345678901234568e+17"],
  ["0.1", "0.1"],
  ["0.30000000000000004", "0.30000000000000004"],
  ["1.7976931348623157e308", "1.7976931348623157e+308"],
  ["inf", "inf"],
  ["-Infinity", "-inf"],
  ["NaN", "nan"],
  ["-nan", "nan"],
  ["007", "7.0"],
  ["١٢٫", ""],
  ["١٢", "12.0"],
  ["𝟗𝟎", "90.0"],
  ["\u20287\u0085", "7.0"],
  // Longer than any meaningful number, but still read.
  ["1".repeat(5_000), "inf"],
  [`0.${"1".repeat(5_000)}`, "0.1111111111111111"],
  [`${"0".repeat(5_000)}7`, "7.0"],
  [`0.${"0".repeat(5_000)}7e5001`, "7.0"],
  ["١".repeat(300), "1.1111111111111112e+299"],
];

const unreadable = [
  "",
  " ",
  ".",
  "+",
  "e5",
  "1e",
  "1e+",
  "_1",
  "1_",
  "1__0",
  "1._5",
  "1_.5",
  "1e_5",
  "0x10",
  "1,5",
  "1 2",
  "--1",
  "infinit",
  "in_f",
  "1d",
  "½",
  "\ufeff1",
  "1\u0000",
  "\u001c1",
  "1\u001f",
];

test("reads and prints numbers like Python", () => {
  for (const [text, printed] of readable) {
    const value = parsePythonFloat(text);
    expect([text, value === undefined ? "" : pythonRepr(value)]).toEqual([text, printed]);
  }
});

test("refuses the same input as Python", () => {
  for (const text of unreadable) expect([text, parsePythonFloat(text)]).toEqual([text, undefined]);
});

test("a printed number reads back as the same number", () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      expect(Object.is(parsePythonFloat(pythonRepr(value)), value)).toBe(true);
    }),
    { numRuns: 20_000 },
  );
});

test("a long number is read in linear time", () => {
  const units = ["1", "1_1", "١", "𝟗", "1 ", "  ", "1.", "_", "e1", "\ufeff"];
  for (const unit of units) {
    const long = unit.repeat(Math.ceil(131_072 / unit.length));
    const cpuMs = cpuMsOf(() => {
      for (const text of [long, `${long}x`, `0.${long}`, `1${long}1`]) parsePythonFloat(text);
    });
    expect(cpuMs).toBeLessThan(500);
  }
});

skipUnless(python3 !== undefined, "no python3 on this machine")(
  "agrees with a real Python",
  async () => {
    const doubles = fc.sample(fc.double(), { numRuns: 2_000, seed: 1 });
    const strange = fc.sample(
      fc.string({
        unit: fc.constantFrom(..."0123456789._eE+-infa \u0663x".split("")),
        maxLength: 9,
      }),
      { numRuns: 5_000, seed: 2 },
    );
    const texts = [
      ...readable.map(([text]) => text),
      ...unreadable,
      ...strange,
      ...doubles.map(String),
    ];
    const program = `
import json, sys
out = []
for text in json.load(sys.stdin):
    try:
        out.append(repr(float(text)))
    except ValueError:
        out.append("")
print(json.dumps(out))
`;
    const theirs: unknown = JSON.parse(await runPython(program, JSON.stringify(texts)));
    const ours = texts.map((text) => {
      const value = parsePythonFloat(text);
      return value === undefined ? "" : pythonRepr(value);
    });
    const differing = texts.filter((_, i) => (theirs as string[])[i] !== ours[i]);
    expect(differing).toEqual([]);
  },
);

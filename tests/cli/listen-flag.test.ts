// Which dialects get their own port, and which port.

import { expect, test } from "bun:test";
import { dialectNames, dialectPorts } from "../../src/cli/listen-flag.ts";

function ports(...given: Parameters<typeof dialectPorts>): Record<string, number> {
  return Object.fromEntries(dialectPorts(...given).map(({ dialect, port }) => [dialect, port]));
}

/** IRC is not a dialect of the five systems. */
const classic = dialectNames.filter((name) => !name.startsWith("irc"));

test("--classic opens a port for every dialect but the main port's own", () => {
  const there = ports(undefined, true, 55_000);
  expect(Object.keys(there).sort()).toEqual(classic.filter((name) => name !== "open-chat").sort());
  expect(there).toMatchObject({ cpp: 8080, greeting: 43_386, "select-chat": 10_000 });
  for (const mainPort of [0, 45_000]) {
    expect(ports(undefined, true, mainPort)).toEqual({ ...there, "open-chat": 55_000 });
  }
  expect(ports(undefined, true, 8080)).not.toContainKey("cpp");
  // The main port does not speak it; the conflict is reported when the ports are opened.
  expect(ports(undefined, true, 1234)).toMatchObject({ "line-chat": 1234 });
});

test("--listen chooses the port, with --classic too", () => {
  expect(ports("cpp=1,line-chat=0", false, 45_000)).toEqual({ cpp: 1, "line-chat": 0 });
  const both = ports("cpp=1,open-chat=2", true, 45_000);
  expect(both).toMatchObject({ cpp: 1, "open-chat": 2, "line-chat": 1234 });
  expect(Object.keys(both).sort()).toEqual([...classic].sort());
});

test.each(["cpp", "cpp=", "cpp=x", "cpp=1=2", "foo=1", "", "cpp=1,cpp=2"])(
  "--listen %p is wrong usage",
  (listen) => expect(() => dialectPorts(listen, false, 0)).toThrow("--listen "),
);

// Why a server can't start with its database.

import { expect, test } from "bun:test";
import { ParleyError } from "../../../src/errors.ts";
import { DatabaseAway, Refused } from "../../../src/store/postgres/database.ts";
import { startError } from "../../../src/store/postgres/start-error.ts";

const cases: [Error, string][] = [
  [new DatabaseAway("db:5432: Failed to connect"), "can't be reached: db:5432: Failed to connect"],
  [new Refused("permission denied for schema parley", "42501"), "can't be used: permission denied"],
  [new DatabaseAway("db:5432: unable to verify the first certificate"), "NODE_EXTRA_CA_CERTS"],
  [new DatabaseAway("db: password authentication failed for user 'parley'"), "into ~/.pgpass, as"],
  [new DatabaseAway("unsupported startup parameter: lock_timeout"), "ignore_startup_parameters = "],
  [new DatabaseAway("cannot execute INSERT in a read-only transaction"), "must be off"],
];

test.each(cases)("%s", (error, expected) => {
  const told = startError(error);
  expect(told).toBeInstanceOf(ParleyError);
  expect(String(told)).toContain(expected);
});

test("other errors stay", () => {
  const error = new ParleyError("usage", "no");
  expect(startError(error)).toBe(error);
});

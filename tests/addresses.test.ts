// Which texts are numeric addresses: as `node:net` decides, which no command needs to load for it.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { isIP as isIpInNode } from "node:net";
import { isIP } from "../src/addresses.ts";

const part = fc.constantFrom(
  ..."1 255 256 01 0 a ffff fffff g 1.2.3.4 1:2:3:4:5:6: 1:2:3:4:5:6:7:8 fe80::1 ::ffff:".split(
    " ",
  ),
  ..."% %eth0 %1 %a.b %a:b %_ :: : . - [ ] /".split(" "),
  " ",
  "",
);

test("an address is recognized, and nothing else", () => {
  const anything = fc.oneof(
    fc.array(part, { maxLength: 6 }).map((parts) => parts.join("")),
    fc.ipV4(),
    fc.ipV6(),
    fc.string(),
  );
  fc.assert(
    fc.property(anything, (text) => expect(isIP(text)).toBe(isIpInNode(text) as 0 | 4 | 6)),
    { numRuns: 20_000 },
  );
});

// What telnet clients send apart from text: taken out, and refused.

import { expect, test } from "bun:test";
import { TelnetFilter } from "../../src/dialects/telnet.ts";

/** As `telnet` sends it after Ctrl-C: interrupt the process, and mark the time. */
const interrupt = "\xff\xf4\xff\xfd\x06";
/** As PuTTY begins: offers of its window's size and terminal, and a wish to echo. */
const opening = "\xff\xfb\x1f\xff\xfb\x18\xff\xfd\x01";

test.each([
  ["Ann\r\nhi\r\n", "Ann\r\nhi\r\n", ""],
  [`${opening}Ann\r\n`, "Ann\r\n", "\xff\xfe\x1f\xff\xfe\x18\xff\xfc\x01"],
  [`one ${interrupt}two`, "one two", "\xff\xfc\x06"],
  ["\xff\xfa\x1f\0\x50\xff\xff\x18\xff\xf0Ann", "Ann", ""],
  ["\xff\xfe\x01\xff\xfc\x03\xff\xf6Ann\xff\xff", "Ann", ""],
  ["\xff\xfanever ended", "", ""],
])("%j is the text %j, and answered with %j, however it is split", (sent, text, answer) => {
  const bytes = Buffer.from(sent, "latin1");
  for (let size = 1; size <= bytes.length; size++) {
    const filter = new TelnetFilter();
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      filter.push(bytes.subarray(i * size, (i + 1) * size)),
    );
    const all = (part: "text" | "answer") =>
      Buffer.concat(pieces.map((piece) => piece[part])).toString("latin1");
    expect([all("text"), all("answer")]).toEqual([text, answer]);
  }
});

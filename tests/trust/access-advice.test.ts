// The flags that a refused client is told of.

import { expect, test } from "bun:test";
import { withAccessAdvice } from "../../src/trust/access-advice.ts";

test("advice names the flags that help against a refusal", () => {
  const sentence = withAccessAdvice("members-only", "Only members may enter.");
  expect(sentence).toBe("Only members may enter. (give it by --pass CODE)");
});

test("a server's own code adds nothing to its sentence", () => {
  for (const code of ["full", "constructor", "toString", "__proto__"]) {
    expect(withAccessAdvice(code, "No.")).toBe("No.");
  }
});

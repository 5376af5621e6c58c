// Pictures for names.

import { expect, test } from "bun:test";
import { avatarOf } from "../../src/page/avatar.ts";

test("a picture depends only on the name, in any letter case, and names have different pictures", () => {
  expect(avatarOf("Ann")).toEqual(avatarOf("Ann"));
  expect(avatarOf("ann")).toEqual(avatarOf("ANN"));
  const pictures = new Set(
    Array.from({ length: 200 }, (_, i) => JSON.stringify(avatarOf(`p${i}`))),
  );
  expect(pictures.size).toBeGreaterThan(195);
});

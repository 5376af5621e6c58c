// The order of uploads to the shared folder, without a browser.

import { expect, test } from "bun:test";
import { RoomUploads } from "../../src/page/room-uploads.ts";
import { changeUploads, type UploadCards } from "../../src/page/upload-cards.ts";

const unused = (): never => {
  throw new Error("nothing is sent");
};

test("more files than can wait are refused together, with the numbers", () => {
  const uploads = new RoomUploads({
    ask: unused,
    end: unused,
    dispatch: unused,
    cards: () => new Map(),
    onShared: unused,
  });
  const files = Array.from({ length: 500 }, (_, i) => new File([""], `${i}`));
  expect(uploads.share("lobby", files, false)).toContain(
    "At most 64 files can wait to be shared, and 500 more",
  );
});

test("whoever disconnects stops all uploads, and begins none of those that wait", () => {
  let cards: UploadCards = new Map();
  const [asked, ended]: [unknown[], string[]] = [[], []];
  const uploads = new RoomUploads({
    ask(request) {
      asked.push(request);
      return new Promise(() => {});
    },
    end: (offer) => void ended.push(offer),
    dispatch: (action) => (cards = changeUploads(cards, action)),
    cards: () => cards,
    onShared() {},
  });
  const files = ["a", "b", "c"].map((name) => new File([name], name));
  expect(uploads.share("lobby", files, false)).toBeUndefined();
  uploads.disconnect();
  expect(asked).toMatchObject([{ type: "upload", name: "a", room: "lobby" }]);
  expect(new Set(ended).size).toBe(3);
  expect(cards.size).toBe(0);
});

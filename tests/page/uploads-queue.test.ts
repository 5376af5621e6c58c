// The order of uploads to the shared folder, without a browser.

import { expect, test } from "bun:test";
import { RoomUploads } from "../../src/page/room-uploads.ts";
import { changeUploads, type UploadCards } from "../../src/page/upload-cards.ts";

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

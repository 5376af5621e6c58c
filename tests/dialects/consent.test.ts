// Private chat by consent: who receives a text. Private text never reaches the room.

import { describe, expect, test } from "bun:test";
import type { ChatState } from "../../src/chat/events.ts";
import { chatRoom } from "../../src/dialects/chat-room.ts";
import { lineChat } from "../../src/dialects/line-chat.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { privateChat as limits } from "../../src/limits.ts";
import { peer, welcome } from "./events.ts";

describe.each([
  ["open-chat", openChat],
  ["chat-room", chatRoom],
  ["line-chat", lineChat],
] as const)("%s", (_name, dialect) => {
  function chatting() {
    const conversation = dialect.open(peer);
    conversation.receive("Emil");
    conversation.render(welcome("Emil"));
    const tell = (state: ChatState) => conversation.render({ type: "chat", state, with: "Ann" });
    tell("invited");
    expect(conversation.receive("accept")).toEqual({ type: "accept" });
    tell("started");
    return { conversation, tell };
  }

  test("in a private chat a text is addressed to the partner", () => {
    const { conversation } = chatting();
    const say = { type: "say", text: "just us", to: "partner" } as const;
    expect(conversation.receive("just us")).toEqual(say);
  });

  test.each(["left", "lost"] as const)(
    "texts that cross the partner's departure (%s) are not sent to the room, later ones are",
    (state) => {
      const { conversation, tell } = chatting();
      tell(state);
      const startMs = 10_000;
      for (const [text, afterMs] of [
        ["still for Ann", 0],
        ["and this", 0],
        ["under way for longer", limits.crossingMs - 1],
      ] as const) {
        expect(conversation.receive(text, startMs + afterMs)).toMatchObject({
          type: "reply",
          text: expect.stringContaining("not said: your private chat with Ann has ended"),
        });
      }
      const all = { type: "say", text: "hello all" } as const;
      expect(conversation.receive("hello all", startMs + limits.crossingMs)).toEqual(all);
      expect(conversation.receive("hello all", startMs + limits.crossingMs + 1)).toEqual(all);
    },
  );

  test("another invitation does not send a crossing text to the room", () => {
    const { conversation, tell } = chatting();
    tell("left");
    conversation.render({ type: "chat", state: "invited", with: "Zoe" });
    expect(conversation.receive("still for Ann")).toMatchObject({ type: "reply" });
  });

  test("an answer to a withdrawn invitation is not sent to the room, even after another text", () => {
    const conversation = dialect.open(peer);
    conversation.receive("Emil");
    conversation.render(welcome("Emil"));
    for (const state of ["invited", "left"] as const) {
      conversation.render({ type: "chat", state, with: "Ann" });
    }
    const startMs = 10_000;
    const early = { type: "say", text: "under way" } as const;
    expect(conversation.receive("under way", startMs)).toEqual(early);
    const lastMs = startMs + limits.withdrawnMs - 1;
    expect(conversation.receive("reject", lastMs)).toEqual({ type: "reject" });
    const late = { type: "say", text: "reject" } as const;
    expect(conversation.receive("reject", lastMs + 1)).toEqual(late);
  });

  test("a leave that crosses the partner's is not sent to the room either", () => {
    const { conversation, tell } = chatting();
    tell("left");
    expect(conversation.receive("leave")).toMatchObject({ type: "reply" });
  });

  test("after one's own leave, texts go to the room again", () => {
    const { conversation, tell } = chatting();
    expect(conversation.receive("leave")).toEqual({ type: "leave" });
    tell("left");
    expect(conversation.receive("hello all")).toEqual({ type: "say", text: "hello all" });
  });
});

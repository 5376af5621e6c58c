// Which private messages a client has certainly received, since many acknowledge nothing.

import { expect, test } from "bun:test";
import { MailboxPosition } from "../../../src/chat/private/mailbox-position.ts";

test("what has still to be replayed was not received, however long the client has been heard of", () => {
  const mailbox = new MailboxPosition();
  mailbox.restore(10);
  // The login is being stored.
  mailbox.notice(0, 0);
  mailbox.replayAfter(3);
  mailbox.notice(40_000, 40_000);
  expect(mailbox.received).toBe(0);
  mailbox.replayed(7);
  mailbox.notice(80_000, 80_000);
  expect(mailbox.received).toBe(3);
  mailbox.replayed(10);
  for (const ms of [120_000, 160_000]) mailbox.notice(ms, ms);
  expect(mailbox.received).toBe(10);
});

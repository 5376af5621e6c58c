// Which private messages are sent live and which are replayed, and which ones a client has
// certainly received, since many acknowledge nothing.

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

test("a message is not sent again that was replayed before its commit was known to have succeeded", () => {
  const mailbox = new MailboxPosition();
  mailbox.restore(10);
  expect(mailbox.arrivedElsewhere(12)).toBe(true);
  expect(mailbox.replayedTo).toBe(10);
  mailbox.replayed(12);
  expect(mailbox.arrived(11, true)).toBe(false);
  expect(mailbox.arrived(12, true)).toBe(false);
  expect(mailbox.replayedTo).toBeUndefined();
  expect(mailbox.arrived(13, true)).toBe(true);
});

test("a message that another server stores during a login does not repeat the whole mailbox", () => {
  const mailbox = new MailboxPosition();
  expect(mailbox.arrivedElsewhere(12)).toBe(true);
  mailbox.restore(11);
  expect(mailbox.replayedTo).toBe(11);
  expect(mailbox.last).toBe(12);
  const read = new MailboxPosition();
  read.arrivedElsewhere(12);
  read.restore(12);
  expect(read.replayedTo).toBeUndefined();
});

test("nothing is sent to a session that is ended while it logs in", () => {
  const mailbox = new MailboxPosition();
  mailbox.arrivedElsewhere(12);
  expect(mailbox.arrived(13, true)).toBe(false);
});

test("a message that the client has is not sent again when its commit settles during the login", () => {
  // Before the store has answered, after that, and once the client has its welcome.
  for (const at of ["asked", "restored", "welcomed"]) {
    const mailbox = new MailboxPosition();
    if (at === "asked") expect(mailbox.arrived(33, false)).toBe(false);
    mailbox.restore(33);
    if (at === "restored") expect(mailbox.arrived(33, false)).toBe(false);
    mailbox.replayAfter(33);
    if (at === "welcomed") expect(mailbox.arrived(33, true)).toBe(false);
    expect(mailbox.replayedTo).toBeUndefined();
    expect(mailbox.arrived(34, true)).toBe(true);
  }
});

test("a message that arrives during a login is replayed to a client that does not say what it has", () => {
  const mailbox = new MailboxPosition();
  mailbox.restore(10);
  // Another server has stored the one before it.
  expect(mailbox.arrived(12, false)).toBe(false);
  expect(mailbox.replayedTo).toBe(10);
});

// A client's bytes may be split anywhere: a framed session produces the same commands, and an
// unframed one loses no character.

import { expect, test } from "bun:test";
import type { Received } from "../../src/chat/events.ts";
import { ReadFramer } from "../../src/dialects/framing.ts";
import { LineSplitter, tooLong } from "../../src/line-splitter.ts";
import { message as limits } from "../../src/limits.ts";
import { dialects } from "../../src/dialects/table.ts";
import { peer, welcome } from "./events.ts";

const sessions: Record<string, string> = {
  "open-chat":
    "Alice\r\nshow\n~Bob grüße 🎈\ndownload_file a.txt\r\nCHANGENAME Alice Eve\nhello\n{quit}\n",
  "line-chat": "Emil\nhej æøå\r\n\nto\n",
  "chat-room": ":Ann:annie\n:Ann:text: 漢字\n:Bob:forged\n",
  "select-chat": "Ann\nBen,Cal - tëxt - more\nBen\naccept\nALL - 🎈\nnonsense here\nexit\n",
  calculator: "Ann\n15 + 35\n1 / 0\n٣ * 2\nq\n",
  irc:
    "CAP LS 302\r\nNICK Ann\r\nUSER ann 0 * :Ann Ärger\r\nCAP END\r\nJOIN #den,#lobby\r\n" +
    "@+typing=active;label=x TAGMSG #den\r\nPRIVMSG #den :grüße 🎈\r\nMODE #den +k 漢字\n",
  greeting: "Knock knock..\n",
};

test("every TCP dialect has a session here", () => {
  const tcp = Object.entries(dialects).flatMap(([name, { transport }]) =>
    transport === "udp" ? [] : [name],
  );
  expect(Object.keys(sessions).toSorted()).toEqual(tcp.toSorted());
});

/** The commands of a session whose bytes arrive in these pieces. */
function commands(name: string, pieces: readonly Uint8Array[]): (Received | undefined)[] {
  const entry = dialects[name];
  if (entry === undefined || entry.transport === "udp") throw new Error(`no dialect ${name}`);
  const conversation = entry.dialect.open(peer);
  const splitter = new LineSplitter(limits.maxLineBytes);
  const all: (Received | undefined)[] = [];
  for (const piece of pieces) {
    const trouble = splitter.push(piece, (line) => {
      const command = conversation.receive(line);
      if (command?.type === "login") conversation.render(welcome(command.name));
      all.push(command);
      return true;
    });
    expect(trouble).not.toBe(tooLong);
  }
  return all;
}

for (const [name, text] of Object.entries(sessions)) {
  const bytes = new TextEncoder().encode(text);
  const whole = commands(name, [bytes]);

  test(`${name}: every split in two and in three, and byte by byte`, () => {
    expect(whole.length).toBe(text.split("\n").length - 1);
    for (let a = 0; a <= bytes.length; a++) {
      const head = bytes.subarray(0, a);
      expect(commands(name, [head, bytes.subarray(a)])).toEqual(whole);
      for (let b = a; b <= bytes.length; b += 5) {
        expect(commands(name, [head, bytes.subarray(a, b), bytes.subarray(b)])).toEqual(whole);
      }
    }
    expect(
      commands(
        name,
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
      ),
    ).toEqual(whole);
  });

  test(`${name}: every truncation produces the same commands up to its end`, () => {
    for (let end = 0; end <= bytes.length; end++) {
      const some = commands(name, [bytes.subarray(0, end)]);
      expect(some).toEqual(whole.slice(0, some.length));
    }
  });
}

test("one read is one message, and a character split over two reads stays whole", () => {
  const bytes = new TextEncoder().encode("grüße 🎈 漢字");
  for (let a = 0; a <= bytes.length; a++) {
    const splitter = new ReadFramer();
    const messages = [splitter.push(bytes.subarray(0, a)), splitter.push(bytes.subarray(a))];
    expect(messages.map(String).join("")).toBe("grüße 🎈 漢字");
  }
});

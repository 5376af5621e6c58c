// greeting, date-time and calculator: requests and answers.

import { expect, test } from "bun:test";
import { calculator, parseExpression } from "../../src/dialects/calculator/calculator.ts";
import { answerDateTime, dateTime } from "../../src/dialects/date-time.ts";
import { refusalOf } from "../../src/dialects/datagram-guard.ts";
import { greeting, greetingDatagrams } from "../../src/dialects/greeting.ts";
import { peer } from "./events.ts";

const now = { year: 2023, month: 2, day: 2, hour: 4, minute: 6, second: 21 };

test("greeting: a datagram gets Ok, without the space that the original client prints", () => {
  for (const text of ["hello", "", "Okay", "\u0000\uffff"]) {
    expect(greetingDatagrams.answer(text, now)).toEqual({ text: "Ok" });
  }
});

test("greeting: a knock is answered and the connection closed", () => {
  expect(greeting.open(peer).receive("Knock knock..")).toEqual({
    type: "reply",
    text: "Who's there?",
    end: true,
  });
  expect(greeting.open(peer).receive("hello")).toMatchObject({ type: "reply", end: true });
});

test("date-time", () => {
  expect(dateTime.answer("SEND_DATE", now)).toEqual({ text: "02/02/23", log: "SEND_DATE" });
  expect(dateTime.answer("SEND_TIME\n", now)).toEqual({ text: "04:06:21", log: "SEND_TIME" });
  expect(dateTime.answer("SEND_TIME\r\n", now)).toEqual({ text: "04:06:21", log: "SEND_TIME" });
  for (const text of ["SEND_TIME ", " SEND_TIME", "SEND_TIME\n\n"]) {
    expect([text, dateTime.answer(text, now)?.text]).toEqual([text, "Invalid request"]);
  }
  expect(answerDateTime("SEND_DATE", { ...now, year: 2101, month: 12, day: 31 })).toBe("12/31/01");
  expect(dateTime.answer("send_date", now)).toEqual({
    text: "Invalid request",
    log: "'send_date'",
  });
  expect(dateTime.answer("\u001b[2J", now)?.log).toBe("''");
});

/** A server that does not serve the sender. */
const closed = { answer: (request: string) => refusalOf(request, "This server is closed\n") };

test("a datagram that looks like an answer gets none", () => {
  const words = ["Ok", "Ok ", "Ok\n", "Invalid request", "02/02/23", "04:06:21", "Who's there?"];
  for (const text of [...words, "Refused: You are banned: spam\nand more\n"]) {
    expect([text, greetingDatagrams.answer(text, now)]).toEqual([text, undefined]);
    expect([text, dateTime.answer(text, now)]).toEqual([text, undefined]);
    expect([text, closed.answer(text)]).toEqual([text, undefined]);
  }
});

test("two servers never keep answering each other", () => {
  for (const start of ["SEND_DATE", "x", "Ok", "Invalid request"]) {
    for (const [one, other] of [
      [greetingDatagrams, dateTime],
      [dateTime, greetingDatagrams],
      [dateTime, dateTime],
      [greetingDatagrams, greetingDatagrams],
      [closed, closed],
      [closed, greetingDatagrams],
      [dateTime, closed],
    ] as const) {
      let text: string | undefined = start;
      let rounds = 0;
      while (text !== undefined && rounds < 10) {
        text = (rounds++ % 2 === 0 ? one : other).answer(text, now)?.text;
      }
      expect(rounds).toBeLessThan(4);
    }
  }
});

test("calculator: the name, then answers as Python prints them, then the end", () => {
  const conversation = calculator.open(peer);
  expect(conversation.receive("Ann")).toEqual({ type: "reply", log: "Client name is : Ann" });
  const table: [string, string][] = [
    ["15 + 35", "50.0"],
    ["3.24 - 45", "-41.76"],
    ["4.5 / -6", "-0.75"],
    ["27 * -6", "-162.0"],
    ["1e8 * 1e8", "1e+16"],
    ["1 / 3", "0.3333333333333333"],
    ["0.1 + 0.2", "0.30000000000000004"],
    ["0 * -1", "-0.0"],
    ["1e308 * 10", "inf"],
    ["inf - inf", "nan"],
    [" 1_0  +\t1 ", "11.0"],
    ["1 / 0", "Division by zero has no value"],
    ["1 / -0.0", "Division by zero has no value"],
    ["1 +", "Incorrect expression format"],
    ["1+1", "Incorrect expression format"],
    ["a + 1", "Incorrect expression format"],
    ["1 + 1 + 1", "Incorrect expression format"],
    ["", "Incorrect expression format"],
    ["1 % 2", "Incorrect operator"],
    ["1 ** 2", "Incorrect operator"],
    ["1\ufeff+ 1", "Incorrect expression format"],
    ["\ufeff1 + 1", "Incorrect expression format"],
    ["1\u001c+\u00851", "2.0"],
    [`${"1".repeat(5_000)} + 1`, "inf"],
    [`0.${"1".repeat(5_000)} + 0`, "0.1111111111111111"],
    ["1 + 1", "2.0"],
  ];
  for (const [text, answer] of table) {
    expect([text, conversation.receive(text)]).toEqual([text, { type: "reply", text: answer }]);
  }
  expect(conversation.receive("q")).toEqual({
    type: "reply",
    text: "Session Ended",
    log: "Session Ended",
    end: true,
  });
});

test("calculator: a client's name can't forge a line of the log", () => {
  const command = calculator
    .open(peer)
    .receive(`\u001b[2JAnn\r\nClient name is : Bob${"x".repeat(9999)}`);
  expect(command?.type === "reply" && command.log).toMatch(
    /^Client name is : Ann Client name is : Bobx{0,64}$/,
  );
});

test("calculator: errors in expressions", () => {
  expect(parseExpression("1 x 2")).toEqual({ type: "operator" });
  expect(parseExpression("1 x y")).toEqual({ type: "format" });
});

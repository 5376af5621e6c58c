// What the seeds' small clients (S2) ask, send and print, as steps without any I/O. The servers' side of the same words is in
// the dialects' own files. Pure.

import { harmless } from "../text.ts";
import { parseExpression, sessionEnded } from "./calculator/calculator.ts";
import { sendDate, sendTime } from "./date-time.ts";

/** What a client does next. */
export type ClientStep = {
  /** Lines for the person. */
  print?: string;
  /** One message for the server. */
  send?: string;
  /** The server's answer has to come before the person is asked again. */
  awaitsAnswer?: boolean;
  /** The question that the person is asked next, without line end. */
  ask?: string;
  /** The client ends after this. */
  end?: boolean;
};

const askExpression = "Enter a expression and Use q for Exit : ";

/** S2c: the name, then expressions until `q`. Wrong ones are warned about and not sent. */
export class CalculatorClient {
  #named = false;

  start(): ClientStep {
    return { ask: "Please Enter your name: " };
  }

  typed(line: string): ClientStep {
    const text = line.trim();
    if (!this.#named) {
      // nothing at all can't be sent as a message
      if (text === "") return this.start();
      this.#named = true;
      return { send: text, ask: askExpression };
    }
    if (text === "q") return { send: "q", print: sessionEnded, end: true };
    const { type } = parseExpression(text);
    if (type === "format") {
      return { print: "Incorrect format, Please Enter Right format", ask: askExpression };
    }
    if (type === "operator") {
      return { print: "Incorrect operator, Please Enter Right Operator", ask: askExpression };
    }
    return { send: text, awaitsAnswer: true };
  }

  heard(answer: string): ClientStep {
    return { print: `Result: ${harmless(answer)}`, ask: askExpression };
  }

  /** Nobody types any more: as if it had been `q`. */
  typedEnd(): ClientStep {
    return this.#named ? { send: "q", print: sessionEnded, end: true } : { end: true };
  }
}

/** S2d: asks for a name by itself and puts it before every line; the first line is the handle. */
export class ChatRoomClient {
  #prefix: string | undefined;

  start(): ClientStep {
    return { ask: "Please, Enter Your Name:" };
  }

  typed(line: string): ClientStep {
    if (this.#prefix === undefined) {
      const name = line.trim();
      if (name === "") return this.start();
      this.#prefix = `:${name}:`;
      return {};
    }
    return line.trim() === "" ? {} : { send: this.#prefix + line };
  }
}

/** What came in one read, as lines for the person; nobody else's control characters get to the terminal. */
export function receivedLines(text: string): string[] {
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => harmless(line.replace(/\r$/, "")));
}

/** S2b: one of the two requests; `chance` in [0, 1). */
export function dateTimeRequest(chance: number): string {
  return chance < 0.5 ? sendDate : sendTime;
}

/** S2b: 1 to 2 seconds between two requests; `chance` in [0, 1). */
export function dateTimePauseMs(chance: number): number {
  return 1_000 + 1_000 * chance;
}

/** S2b: what is printed for an answer, two blanks before `from`. */
export function dateTimeLine(message: string, address: string, port: number): string {
  return `Client received MESSAGE = ${harmless(message)}  from ADDR = ('${address}', ${port})`;
}

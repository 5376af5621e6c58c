// What the lab's small clients ask, send and print, as steps without I/O. The servers' side of the
// same words is in the dialects' own files. Pure.

import { harmless } from "../text.ts";
import { parseExpression, sessionEnded } from "./calculator/calculator.ts";
import { sendDate, sendTime } from "./date-time.ts";

/** What a client does next. */
export type ClientStep = {
  /** Lines to print. */
  print?: string;
  /** One message to the server. */
  send?: string;
  /** Wait for the server's answer before asking again. */
  awaitsAnswer?: boolean;
  /** The next question, printed without a line end. */
  ask?: string;
  /** The client exits after this step. */
  end?: boolean;
};

const askExpression = "Enter a expression and Use q for Exit : ";

/** calculator: a name, then expressions until `q`. Wrong ones draw a warning and are not sent. */
export class CalculatorClient {
  #named = false;

  start(): ClientStep {
    return { ask: "Please Enter your name: " };
  }

  handleTyped(line: string): ClientStep {
    const text = line.trim();
    if (!this.#named) {
      // An empty message cannot be sent.
      if (text === "") return this.start();
      this.#named = true;
      return { send: text, ask: askExpression };
    }
    if (text === "q") return { send: "q", print: sessionEnded, end: true };
    const { type } = parseExpression(text);
    if (type === "format") {
      // The original prints the blank at the end too.
      return { print: "Incorrect format, Please Enter Right format ", ask: askExpression };
    }
    if (type === "operator") {
      return { print: "Incorrect operator, Please Enter Right Operator", ask: askExpression };
    }
    return { send: text, awaitsAnswer: true };
  }

  handleAnswer(answer: string): ClientStep {
    return { print: `Result: ${harmless(answer)}`, ask: askExpression };
  }

  /** The end of input means `q`. */
  handleInputEnd(): ClientStep {
    return this.#named ? { send: "q", print: sessionEnded, end: true } : { end: true };
  }
}

/**
 * chat-room: asks for a name itself and prefixes every line with it; the first line is the handle.
 */
export class ChatRoomClient {
  #prefix: string | undefined;

  start(): ClientStep {
    return { ask: "Please, Enter Your Name:" };
  }

  handleTyped(line: string): ClientStep {
    if (this.#prefix === undefined) {
      const name = line.trim();
      if (name === "") return this.start();
      this.#prefix = `:${name}:`;
      return {};
    }
    return line.trim() === "" ? {} : { send: this.#prefix + line };
  }
}

/** One read as lines for the terminal, without control characters. */
export function receivedLines(text: string): string[] {
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => harmless(line.replace(/\r$/, "")));
}

/** greeting: an answer as the client prints it, with a blank of its own at the end. */
export function greetingLine(answer: string): string {
  return `${receivedLines(answer).join(" ")} `;
}

/** date-time: one of the two requests; `chance` in [0, 1). */
export function dateTimeRequest(chance: number): string {
  return chance < 0.5 ? sendDate : sendTime;
}

/** date-time: 1 to 2 seconds between two requests; `chance` in [0, 1). */
export function dateTimePauseMs(chance: number): number {
  return 1_000 + 1_000 * chance;
}

/** date-time: an answer as the client prints it, with two blanks before `from`. */
export function dateTimeLine(message: string, address: string, port: number): string {
  return `Client received MESSAGE = ${harmless(message)}  from ADDR = ('${address}', ${port})`;
}

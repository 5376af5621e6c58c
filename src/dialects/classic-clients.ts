// The small clients of `parley classic` as steps without I/O: what they prompt, send and print. The
// server side of each protocol is in its dialect's file. Pure.

import { harmless } from "../text.ts";
import { parseExpression, sessionEnded } from "./calculator/calculator.ts";
import { sendDate, sendTime } from "./date-time.ts";

/** What a client does next. */
export type ClientStep = {
  /** Lines to print. */
  print?: string;
  /** One message to the server. */
  send?: string;
  /** Wait for the server's answer before the next prompt. */
  awaitsAnswer?: boolean;
  /** The next prompt, printed without a line ending. */
  prompt?: string;
  /** The client exits after this step. */
  end?: boolean;
};

const expressionPrompt = "Enter a expression and Use q for Exit : ";

/** calculator: a name, then expressions until `q`. Invalid ones get a warning and are not sent. */
export class CalculatorClient {
  #named = false;

  start(): ClientStep {
    return { prompt: "Please Enter your name: " };
  }

  handleTyped(line: string): ClientStep {
    const text = line.trim();
    if (!this.#named) {
      // An empty message cannot be sent.
      if (text === "") return this.start();
      this.#named = true;
      return { send: text, prompt: expressionPrompt };
    }
    if (text === "q") return { send: "q", print: sessionEnded, end: true };
    const { type } = parseExpression(text);
    if (type === "format") {
      // The original prints the trailing space too.
      return { print: "Incorrect format, Please Enter Right format ", prompt: expressionPrompt };
    }
    if (type === "operator") {
      return { print: "Incorrect operator, Please Enter Right Operator", prompt: expressionPrompt };
    }
    return { send: text, awaitsAnswer: true };
  }

  handleAnswer(answer: string): ClientStep {
    return { print: `Result: ${harmless(answer)}`, prompt: expressionPrompt };
  }

  /** The end of input counts as `q`. */
  handleInputEnd(): ClientStep {
    return this.#named ? { send: "q", print: sessionEnded, end: true } : { end: true };
  }
}

/** chat-room: asks for a name and prefixes every line with it; the first line is the handle. */
export class ChatRoomClient {
  #prefix: string | undefined;

  start(): ClientStep {
    return { prompt: "Please, Enter Your Name:" };
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

/** The lines received by one read, without control characters. */
export function receivedLines(text: string): string[] {
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => harmless(line.replace(/\r$/, "")));
}

/** greeting: an answer as the client prints it, with a trailing space. */
export function greetingLine(answer: string): string {
  return `${receivedLines(answer).join(" ")} `;
}

/** date-time: one of the two requests; `chance` in [0, 1). */
export function dateTimeRequest(chance: number): string {
  return chance < 0.5 ? sendDate : sendTime;
}

/** date-time: the pause between two requests, 1 to 2 seconds; `chance` in [0, 1). */
export function dateTimePauseMs(chance: number): number {
  return 1_000 + 1_000 * chance;
}

/** date-time: an answer as the client prints it, with two spaces before `from`. */
export function dateTimeLine(message: string, address: string, port: number): string {
  return `Client received MESSAGE = ${harmless(message)}  from ADDR = ('${address}', ${port})`;
}

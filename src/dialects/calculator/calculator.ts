// calculator: the client sends a name, then expressions `A OP B`; the server answers as Python
// would. Pure. The server shares the parser with `parley classic calculator`, which warns before
// sending.

import { beginning, harmless } from "../../text.ts";
import type { Command, PersonalEvent } from "../../chat/events.ts";
import type { Conversation, Dialect } from "../../chat/dialect.ts";
import { parsePythonFloat, pythonRepr, pythonWords } from "./python-float.ts";
import { sentence } from "../sentences.ts";

export const sessionEnded = "Session Ended";
/** Client names are printed up to this length, in UTF-16 code units. */
const maxNameChars = 64;

export type Expression =
  | { type: "expression"; left: number; operator: "+" | "-" | "*" | "/"; right: number }
  | { type: "format" }
  | { type: "operator" };

/** Parses `A OP B`, separated by what Python takes for whitespace. */
export function parseExpression(text: string): Expression {
  const [a = "", operator = "", b = "", more] = pythonWords(text, 4);
  const left = parsePythonFloat(a);
  const right = parsePythonFloat(b);
  if (left === undefined || right === undefined || more !== undefined) return { type: "format" };
  if (operator !== "+" && operator !== "-" && operator !== "*" && operator !== "/") {
    return { type: "operator" };
  }
  return { type: "expression", left, operator, right };
}

/** The server's answer to any message but `q`. */
function answerExpression(text: string): string {
  const parsed = parseExpression(text);
  if (parsed.type === "format") return "Incorrect expression format";
  if (parsed.type === "operator") return "Incorrect operator";
  const { left, operator, right } = parsed;
  switch (operator) {
    case "+":
      return pythonRepr(left + right);
    case "-":
      return pythonRepr(left - right);
    case "*":
      return pythonRepr(left * right);
    case "/":
      return right === 0 ? "Division by zero has no value" : pythonRepr(left / right);
  }
}

class CalculatorConversation implements Conversation {
  #named = false;

  get settled(): boolean {
    return this.#named;
  }

  greeting(): readonly string[] {
    return [];
  }

  receive(message: string): Command {
    if (!this.#named) {
      this.#named = true;
      const name = beginning(harmless(message.trim()), maxNameChars);
      return { type: "reply", log: `Client name is : ${name}` };
    }
    if (message.trim() === "q") {
      return { type: "reply", text: sessionEnded, log: sessionEnded, end: true };
    }
    return { type: "reply", text: answerExpression(message) };
  }

  /** Everything except an answer (message too long, login too late, shutdown) is one line. */
  render(event: PersonalEvent): string | undefined {
    return sentence(event);
  }
}

export const calculator: Dialect = {
  name: "calculator",
  reservedWords: ["q"],
  input: "auto",
  output: "message",
  hasLogin: false,
  echo: { said: false, joined: false },
  renderRoom: () => undefined,
  open: () => new CalculatorConversation(),
};

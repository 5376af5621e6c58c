// The line typed so far in answer to a question, such as a password: no history, no cursor. Pure.

import { passwords } from "../../limits.ts";
import type { Key } from "./keys.ts";

export class AskedLine {
  text = "";
  readonly #show: (text: string) => void;

  constructor(show: (text: string) => void) {
    this.#show = show;
  }

  handleKey(key: Key): "done" | "closed" | "interrupted" | undefined {
    if (key.type !== "key") {
      // A password pasted from a password manager includes its line ending.
      const [typed = "", ...rest] = key.text.split(/\r?\n|\r/);
      this.#add(typed);
      return key.type === "paste" && rest.length > 0 ? "done" : undefined;
    }
    switch (key.name) {
      case "enter":
        return "done";
      case "ctrl-c":
        return "interrupted";
      case "ctrl-d":
        return "closed";
      case "backspace":
        return this.#erase();
      case "ctrl-u":
        while (this.text !== "") this.#erase();
        return undefined;
      default:
        return undefined;
    }
  }

  #add(text: string): void {
    if (this.text.length + text.length > passwords.maxChars) return;
    this.text += text;
    this.#show(text);
  }

  #erase(): undefined {
    if (this.text === "") return;
    // The last character, which may be two UTF-16 code units.
    this.text = this.text.replace(/.$/su, "");
    this.#show("\b \b");
  }
}

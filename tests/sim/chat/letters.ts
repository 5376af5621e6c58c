// What has been in the mailboxes of accounts, received messages and copies of sent ones, in the
// order in which it was stored: for checks of what their owners read of it later.

import { accountMark } from "../../../src/chat/accounts/account-store.ts";

export type Letter = {
  readonly timeMs: number;
  readonly id: number;
  /** The mailbox of the other person; empty: they have none. */
  readonly person: string;
  readonly name: string;
  /** When it was stored. */
  readonly atMs: number;
};

/** Numbers of copies are used again once all of them are deleted. */
export function letterKey({ timeMs, id }: Pick<Letter, "timeMs" | "id">): string {
  return `${timeMs}/${id}`;
}

export class Letters {
  readonly #boxes = new Map<string, Letter[]>();

  add(mailbox: string, letter: Letter): void {
    if (!mailbox.startsWith(accountMark)) return;
    const box = this.#boxes.get(mailbox);
    if (box === undefined) this.#boxes.set(mailbox, [letter]);
    else box.push(letter);
  }

  of(mailbox: string): readonly Letter[] {
    return this.#boxes.get(mailbox) ?? [];
  }

  /** The store is lost. */
  forget(): void {
    this.#boxes.clear();
  }
}

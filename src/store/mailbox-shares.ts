// Which messages a full mailbox loses: those of whoever has the most in it, the oldest first, so
// that a flood from a few senders can't push out what others wrote. Every store decides by this.
// Pure.

/** A message in a mailbox; `from` is its sender's name. */
export type MailboxEntry = { readonly mail: number; readonly from: string };

/**
 * Whether a mailbox that keeps `max` messages is cut back when it is given number `mail`: that
 * happens once for each eighth of `max`, since it means looking through the whole mailbox.
 */
export function isTrimDue(mail: number, max: number): boolean {
  return mail % Math.max(1, max >> 3) === 0;
}

/** The numbers to delete so that `max` stay. `entries` are all of one mailbox, ascending. */
export function surplusMail(entries: readonly MailboxEntry[], max: number): number[] {
  const bySender = new Map<string, number[]>();
  for (const { mail, from } of entries) {
    const numbers = bySender.get(from);
    if (numbers === undefined) bySender.set(from, [mail]);
    else numbers.push(mail);
  }
  const senders = Array.from(bySender.values(), (numbers) => ({ numbers, gone: 0 }));
  const surplus: number[] = [];
  for (let left = entries.length - max; left > 0; left--) {
    let most = senders[0]!;
    for (const sender of senders) {
      const more = sender.numbers.length - sender.gone - (most.numbers.length - most.gone);
      // Of equals the one whose oldest is older.
      if (more > 0 || (more === 0 && oldest(sender) < oldest(most))) most = sender;
    }
    surplus.push(oldest(most));
    most.gone++;
  }
  return surplus;
}

function oldest({ numbers, gone }: { numbers: number[]; gone: number }): number {
  return numbers[gone] ?? Infinity;
}

// Which messages a full mailbox loses: the oldest from the sender who fills most of it, so that a
// flood can't push out what others wrote. Shared by all stores. Pure.

export type MailboxEntry = {
  readonly mail: number;
  /** The sender's name. */
  readonly from: string;
};

/**
 * Whether a mailbox that keeps `max` messages is trimmed when message `mail` arrives. It is once
 * for every eighth of `max`, because trimming reads the whole mailbox.
 */
export function isTrimDue(mail: number, max: number): boolean {
  return mail % Math.max(1, max >> 3) === 0;
}

/** Numbers of the messages to delete so that `max` stay. `entries` is a mailbox, ascending. */
export function surplusMail(entries: readonly MailboxEntry[], max: number): number[] {
  const bySender = new Map<string, number[]>();
  for (const { mail, from } of entries) {
    const numbers = bySender.get(from);
    if (numbers === undefined) bySender.set(from, [mail]);
    else numbers.push(mail);
  }
  const senders = Array.from(bySender.values(), (numbers) => ({ numbers, deleted: 0 }));
  const surplus: number[] = [];
  for (let left = entries.length - max; left > 0; left--) {
    let largest = senders[0]!;
    for (const sender of senders) {
      const difference = kept(sender) - kept(largest);
      const isOlder = oldest(sender) < oldest(largest);
      if (difference > 0 || (difference === 0 && isOlder)) largest = sender;
    }
    surplus.push(oldest(largest));
    largest.deleted++;
  }
  return surplus;
}

type Sender = { numbers: number[]; deleted: number };

function kept({ numbers, deleted }: Sender): number {
  return numbers.length - deleted;
}

function oldest({ numbers, deleted }: Sender): number {
  return numbers[deleted] ?? Infinity;
}

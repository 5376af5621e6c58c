// The key of a batch in a data file: one integer made of its room's ID and its first `seq`, so that
// the batches of a room are neighbours and appending one writes one page. The arithmetic is done in
// SQL, since keys are larger than what a JavaScript number holds.

/**
 * Bits of `seq`: enough for a thousand messages a second for 35 years. The room has the other 23.
 */
const seqBits = 40;

/**
 * After this one, IDs of rooms are given again from 1 on. Far more than there are rooms at once.
 */
export const maxRoomId = 2 ** 22;

/** SQL for the key of the batch in `room` that begins with `seq`. Both are SQL as well. */
export function batchKey(room: string, seq: string): string {
  return `((${room} << ${seqBits}) + ${seq})`;
}

/** SQL that is true for the batches of `room`. */
export function isInRoom(room: string): string {
  return `key BETWEEN ${batchKey(room, "0")} AND ${batchKey(room, String(2 ** seqBits - 1))}`;
}

/** SQL for the two parts of `key`. */
export const keyRoom = `(key >> ${seqBits})`;
export const keySeq = `(key & ${2 ** seqBits - 1})`;

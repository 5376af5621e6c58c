// The key of a batch in a data file: one integer composed of its room's ID and its first `seq`, so
// that a room's batches are adjacent and appending one writes one page. The arithmetic is done in
// SQL, because keys exceed the range of a JavaScript number.

/**
 * Bits for `seq`: enough for a thousand messages a second over 35 years. The room has the other 23.
 */
const seqBits = 40;

/** Room IDs wrap around to 1 after this one. Far more than there are rooms at any time. */
export const maxRoomId = 2 ** 22;

/** SQL for the key of the batch in `room` that starts with `seq`; both arguments are SQL too. */
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

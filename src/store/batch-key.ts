// Where a batch stands in its table: one number made of its room and its first `seq`, so that a
// room's batches are neighbours and appending one writes one page. The arithmetic is SQL: the
// number does not fit a JavaScript number.

/**
 * Bits of `seq`: a thousand messages a second fill them in 35 years. Of 63 bits the others are the
 * room's.
 */
const seqBits = 40;

/** Rooms' IDs are used again beyond this one, which is far more than there are rooms at once. */
export const maxRoomId = 2 ** 22;

/** SQL for the key of the batch in `room` that begins with `seq`; both are SQL too. */
export function batchKey(room: string, seq: string): string {
  return `((${room} << ${seqBits}) + ${seq})`;
}

/** SQL that is true for the batches of `room`. */
export function isInRoom(room: string): string {
  return `key BETWEEN ${batchKey(room, "0")} AND ${batchKey(room, String(2 ** seqBits - 1))}`;
}

/** SQL for the two parts of a key. */
export const keyRoom = `(key >> ${seqBits})`;
export const keySeq = `(key & ${2 ** seqBits - 1})`;

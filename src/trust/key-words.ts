// Keys as words that two people can compare by voice (docs/security.md, "Comparing keys"). Pure;
// the hash and the list of 2 048 words are passed in.

/** Bits of the hash in each word. */
const wordBits = 11;
/** 66 bits: finding another key with the same words is infeasible. */
const words = 6;

/** The text to hash: the keys of one person, in any order. */
export function keySetText(keys: readonly string[]): string {
  return ["parley keys", ...[...keys].sort()].join("\0");
}

/** The words for the first bits of the hash of a `keySetText`. */
export function keyWords(hash: Uint8Array, list: readonly string[]): string[] {
  let bits = Array.from(hash, (byte) => byte.toString(2).padStart(8, "0")).join("");
  return Array.from({ length: words }, () => {
    const index = Number.parseInt(bits.slice(0, wordBits), 2);
    bits = bits.slice(wordBits);
    return list[index] ?? "";
  });
}

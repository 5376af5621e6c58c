// Reproducible randomness: everything random in a simulation comes from one seed.

export type Random = () => number;

/** Uniform numbers in [0, 1) from a 32-bit seed (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Bytes that differ at every offset and from file to file, so that a misplaced segment shows. */
export function fileOf(sizeBytes: number, seed: number): Uint8Array {
  const file = new Uint8Array(sizeBytes);
  const words = new Uint32Array(file.buffer, 0, sizeBytes >>> 2);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i ^ seed, 0x9e3779b1) ^ (i >>> 3);
  for (let i = sizeBytes & ~3; i < sizeBytes; i++) file[i] = i * 31 + seed;
  return file;
}

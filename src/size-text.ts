// A size in bytes in human-readable form, in powers of 1000. Pure.

const units = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** `0 B`, `999 B`, `1.50 kB`, `95.3 MB`: at least three digits. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

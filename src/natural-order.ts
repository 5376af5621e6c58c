// The order in which people read names: `img 2` before `img 10`, letter case second. Pure.

const { compare } = new Intl.Collator(undefined, { numeric: true });

/** Compares two names for `sort`. Different names are never equal, so that the order is stable. */
export function naturally(a: string, b: string): number {
  return compare(a, b) || (a < b ? -1 : Number(a > b));
}

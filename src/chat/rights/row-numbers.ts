// Numbers by which operators name what they have decided, such as the ban #7. Pure.

/** The next number; undefined: there is none at the moment. */
export type NewNumber = () => number | undefined;

/** What gives numbers to things of which the highest so far is `last`. Without others, count on. */
export function numbersAfter(last: number, shared: NewNumber | undefined): NewNumber {
  let next = last + 1;
  return shared ?? (() => next++);
}

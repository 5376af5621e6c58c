// Numbers by which operators refer to their decisions, such as ban #7. Pure.

/** The next number; undefined if there is none at the moment. */
export type NewNumber = () => number | undefined;

/**
 * Assigns numbers after the highest number so far, `last`. Without other servers, simply counts on.
 */
export function numbersAfter(last: number, shared: NewNumber | undefined): NewNumber {
  let next = last + 1;
  return shared ?? (() => next++);
}

// Unicode normalization in linear time, and case folding. Sorting the marks on one letter takes
// quadratic time, and a message can consist of marks: without a bound it would occupy the program
// for seconds. Pure.

/** Marks, and what decomposes into a mark. */
const mark = "[\\p{M}\\uff9e\\uff9f]";
/** More marks on one letter than any script uses: Stream-Safe Text (UAX #15, section 13). */
const maxMarks = 30;
const tooMany = new RegExp(`${mark}{${maxMarks + 1}}`, "u");
const cuts = new RegExp(`(${mark}{${maxMarks}})(?=${mark})`, "gu");
/** U+034F, the combining grapheme joiner: marks are not sorted across it. */
const joiner = "\u034f";

/** Whether no letter has more marks than any script uses, so that normalizing takes linear time. */
export function isStreamSafe(text: string): boolean {
  return !tooMany.test(text);
}

/** The text in form NFKC; a longer run of marks is cut into runs of 30. */
export function composed(text: string): string {
  // Nearly all texts are ASCII, and normalizing costs more than everything else.
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  const safe = isStreamSafe(text) ? text : text.replace(cuts, `$1${joiner}`);
  return safe.normalize("NFKC");
}

/** The form in which texts are compared, whatever their width and letter case, as names are. */
export function comparable(text: string): string {
  if (/^[\x00-\x7f]*$/.test(text)) return text.toLowerCase();
  return composed(foldCase(composed(text)));
}

/**
 * Unicode's full case folding, through upper case: `ß`, `ẞ` and `SS` become equal, as do final and
 * normal sigma. `ı` becomes `i`, which shares its capital.
 */
export function foldCase(text: string): string {
  return text.toLowerCase().toUpperCase().toLowerCase().replaceAll("ς", "σ");
}

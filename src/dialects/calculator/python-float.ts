// Numbers as Python's float() parses and repr() prints them: the original calculator is a Python
// program. Pure.

const decimal =
  /^[+-]?(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?$/;
const special = /^([+-]?)(inf|infinity|nan)$/i;
/**
 * A word as Python's `str.split` splits it: JavaScript's whitespace without U+FEFF, plus
 * U+001C–U+001F and U+0085.
 */
const word = /[^\t-\r\x1c-\x20\x85\p{Zs}\p{Zl}\p{Zp}]+/gu;
/** Values of the non-ASCII digits seen so far; bounded by the number of digits in Unicode. */
const digitValues = new Map<string, string>();

/** The first `limit` words of Python's `text.split()`. */
export function pythonWords(text: string, limit: number): string[] {
  const words: string[] = [];
  for (const [found] of text.matchAll(word)) {
    words.push(found);
    if (words.length === limit) break;
  }
  return words;
}

/**
 * Parses what Python's `float(text)` accepts: surrounding whitespace, a sign, digits of any script
 * with single underscores between them, an exponent, `inf`, `infinity`, `nan`. Returns undefined
 * for what Python rejects. Runs in linear time. Source: Python 3 library reference, "Built-in
 * Functions", `float`, production `floatvalue`.
 */
export function parsePythonFloat(text: string): number | undefined {
  const [first, more] = pythonWords(text, 2);
  if (first === undefined || more !== undefined) return undefined;
  // `split` treats these four as whitespace, `float` does not.
  if (/[\x1c-\x1f]/.test(text)) return undefined;
  const number = asciiDigits(first);
  const found = special.exec(number);
  if (found !== null) {
    const size = found[2]?.toLowerCase() === "nan" ? Number.NaN : Number.POSITIVE_INFINITY;
    return found[1] === "-" ? -size : size;
  }
  return decimal.test(number) ? Number(number.replaceAll("_", "")) : undefined;
}

/**
 * Prints a double like Python's `repr`: the fewest digits that parse back to the same number (as in
 * JavaScript), with an exponent of at least two digits from 1e16 up and below 1e-4, otherwise with
 * at least one digit after the point.
 */
export function pythonRepr(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (value === Number.POSITIVE_INFINITY) return "inf";
  if (value === Number.NEGATIVE_INFINITY) return "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [mantissa = "", power = ""] = Math.abs(value).toExponential().split("e");
  const exponent = Number(power);
  const sign = value < 0 ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  return sign + plain(mantissa.replace(".", ""), exponent);
}

/** The digits with the decimal point after the first `exponent + 1` of them. */
function plain(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${whole}.${digits.slice(exponent + 1) || "0"}`;
}

/**
 * Converts decimal digits of any script to ASCII. Unicode assigns them in runs of ten, so the index
 * within the run is the value.
 */
function asciiDigits(text: string): string {
  if (!/[^\x00-\x7f]/.test(text)) return text;
  // Replaces whole runs instead of calling back for each digit: a message may hold 40 000 digits.
  return text.replace(/\p{Nd}+/gu, (run) => {
    let digits = "";
    for (const digit of run) digits += digitValues.get(digit) ?? digitValue(digit);
    return digits;
  });
}

function digitValue(digit: string): string {
  const code = digit.codePointAt(0) ?? 0;
  let start = code;
  while (/\p{Nd}/u.test(String.fromCodePoint(start - 1))) start--;
  const value = String((code - start) % 10);
  digitValues.set(digit, value);
  return value;
}

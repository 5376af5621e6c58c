// Numbers as Python's float() reads and repr() prints them; the calculator's clients and servers are Python programs. Pure.

const decimal =
  /^[+-]?(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?$/;
const special = /^([+-]?)(inf|infinity|nan)$/i;
/** What Python's `str.split` parts at: JavaScript's white space without U+FEFF, and four separators and U+0085 more. */
const word = /[^\t-\r\x1c-\x20\x85\p{Zs}\p{Zl}\p{Zp}]+/gu;
/** The values of the digits that are no ASCII, as they are met: one entry a character at most. */
const digitValues = new Map<string, string>();

/** The words of a text as Python's `text.split()` has them, at most `limit`. */
export function pythonWords(text: string, limit: number): string[] {
  const words: string[] = [];
  for (const [found] of text.matchAll(word)) {
    words.push(found);
    if (words.length === limit) break;
  }
  return words;
}

/**
 * Reads what Python's `float(text)` reads: blanks around it, a sign, digits of any script with single underscores between them, an
 * exponent, `inf`, `infinity`, `nan`. Undefined for what Python refuses. Takes a time that grows with the length, no faster.
 * Source: Python 3 library reference, "Built-in Functions", `float`, production `floatvalue`.
 */
export function parsePythonFloat(text: string): number | undefined {
  const [first, more] = pythonWords(text, 2);
  if (first === undefined || more !== undefined) return undefined;
  // four separators part words, but are no blanks to `float`
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
 * Prints a double as Python's `repr`: the fewest digits that read back as the same number (so do JavaScript's), with an exponent of at
 * least two digits from 1e16 up and below 1e-4, else with at least one digit after the point.
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

/** Digits with the point after the first `exponent + 1` of them. */
function plain(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${whole}.${digits.slice(exponent + 1) || "0"}`;
}

/** Decimal digits of any script as ASCII. They stand in runs of ten in Unicode, so the place in the run is the value. */
function asciiDigits(text: string): string {
  if (!/[^\x00-\x7f]/.test(text)) return text;
  return text.replace(/(?![0-9])\p{Nd}/gu, (digit) => {
    const known = digitValues.get(digit);
    if (known !== undefined) return known;
    const code = digit.codePointAt(0) ?? 0;
    let start = code;
    while (/\p{Nd}/u.test(String.fromCodePoint(start - 1))) start--;
    const value = String((code - start) % 10);
    digitValues.set(digit, value);
    return value;
  });
}

// The names under which dropped, pasted or picked files are offered: valid for every recipient, and
// unique. Pure.

/** A pasted picture has no name: browsers give all of them this one. */
const pasted = /^image\.(\w+)$/;

/** `nowText` distinguishes pasted pictures: `2026-02-03 04.05.06`. */
export function outgoingNames(
  names: readonly string[],
  isPasted: boolean,
  nowText: string,
): string[] {
  const taken = new Set<string>();
  return names.map((given) => {
    const plain = given.toWellFormed().replaceAll(/[\\/\u0000-\u001f\u007f]/g, "_") || "file";
    const [, ending] = (isPasted ? pasted.exec(plain) : null) ?? [];
    const wanted = ending === undefined ? safe(plain) : `pasted ${nowText}.${ending}`;
    let name = wanted;
    for (let n = 2; taken.has(name); n++) name = numbered(wanted, n);
    taken.add(name);
    return name;
  });
}

function safe(name: string): string {
  return name === "." || name === ".." ? "_".repeat(name.length) : name;
}

/** `a (2).txt` */
function numbered(name: string, n: number): string {
  const dot = name.lastIndexOf(".");
  const at = dot > 0 ? dot : name.length;
  return `${name.slice(0, at)} (${n})${name.slice(at)}`;
}

/** Why nothing is sent. */
export const noFiles = "There are no files in that. A browser can send files, but not folders.";

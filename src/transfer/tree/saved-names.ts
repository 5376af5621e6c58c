// Decides under which name each file and folder of a tree is saved: its own, unless the receiving
// file system can't hold that, or would make two files one. Pure.

import { type Manifest, pathOf, type TreeNode } from "./manifest.ts";
import { foldedName, heldName, type NameRules, otherName } from "./name-rules.ts";

export class SavedNames {
  /** Only of those that are saved under another name. */
  readonly #renamed: ReadonlyMap<TreeNode, string>;

  private constructor(renamed: ReadonlyMap<TreeNode, string>) {
    this.#renamed = renamed;
  }

  static choose({ nodes }: Manifest, rules: NameRules): SavedNames {
    const renamed = new Map<TreeNode, string>();
    for (const siblings of crowded(nodes, rules)) {
      const taken = new TakenNames(rules);
      // Those that can keep their names do, whatever the others become.
      const others = siblings.filter(
        ({ name }) => heldName(name, rules) !== name || !taken.add(name),
      );
      for (const node of others) renamed.set(node, taken.addOther(heldName(node.name, rules)));
    }
    return new SavedNames(renamed);
  }

  get count(): number {
    return this.#renamed.size;
  }

  of(node: TreeNode): string {
    return this.#renamed.get(node) ?? node.name;
  }

  /** Where it is saved, relative to the tree's root. */
  pathOf(node: TreeNode): string {
    const name = this.of(node);
    return node.parent === undefined ? name : `${this.pathOf(node.parent)}/${name}`;
  }

  /** What is saved under another name, with its path in the tree. */
  *list(): Generator<{ path: string; node: TreeNode }> {
    for (const node of this.#renamed.keys()) yield { path: pathOf(node), node };
  }
}

/** The names in one folder. */
class TakenNames {
  readonly #rules: NameRules;
  readonly #folded = new Set<string>();
  /** The next number for each name that was taken: many may want the same. */
  readonly #next = new Map<string, number>();

  constructor(rules: NameRules) {
    this.#rules = rules;
  }

  /** False if it is taken. */
  add(name: string): boolean {
    const before = this.#folded.size;
    return this.#folded.add(foldedName(name, this.#rules)).size > before;
  }

  /** Adds that name or, if it is taken, one like it. */
  addOther(name: string): string {
    if (this.add(name)) return name;
    const folded = foldedName(name, this.#rules);
    for (let count = this.#next.get(folded) ?? 2; ; count++) {
      const other = otherName(name, count, this.#rules);
      if (!this.add(other)) continue;
      this.#next.set(folded, count + 1);
      return other;
    }
  }
}

/** The contents of each folder in which names may have to change. */
function crowded(nodes: readonly TreeNode[], rules: NameRules): Iterable<TreeNode[]> {
  const folds = rules.foldsCase || rules.foldsAccents;
  const folders = new Map<TreeNode | undefined, TreeNode[]>();
  for (const node of nodes) {
    if (folds || heldName(node.name, rules) !== node.name) folders.set(node.parent, []);
  }
  if (folders.size > 0) for (const node of nodes) folders.get(node.parent)?.push(node);
  return folders.values();
}

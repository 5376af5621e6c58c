// Decides the name under which each file and folder of a tree is saved: its own, unless the
// receiving file system can't store it or would treat two names as one. Pure.

import { type Manifest, pathOf, type TreeNode } from "./manifest.ts";
import { foldedName, heldName, type NameRules, otherName } from "./name-rules.ts";

export class SavedNames {
  /** Contains only the nodes that are saved under another name. */
  readonly #renamed: ReadonlyMap<TreeNode, string>;

  private constructor(renamed: ReadonlyMap<TreeNode, string>) {
    this.#renamed = renamed;
  }

  static choose({ nodes }: Manifest, rules: NameRules): SavedNames {
    const renamed = new Map<TreeNode, string>();
    for (const siblings of crowded(nodes, rules)) {
      const taken = new TakenNames(rules);
      // Nodes that can keep their names keep them, whatever the others become.
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

  /** Where the node is saved, relative to the root of the tree. */
  pathOf(node: TreeNode): string {
    const name = this.of(node);
    return node.parent === undefined ? name : `${this.pathOf(node.parent)}/${name}`;
  }

  /** The nodes saved under another name, with their paths in the tree. */
  *list(): Generator<{ path: string; node: TreeNode }> {
    for (const node of this.#renamed.keys()) yield { path: pathOf(node), node };
  }
}

/** The names used in one folder. */
class TakenNames {
  readonly #rules: NameRules;
  readonly #folded = new Set<string>();
  /** The next number to try for each taken name: many nodes may want the same one. */
  readonly #next = new Map<string, number>();

  constructor(rules: NameRules) {
    this.#rules = rules;
  }

  /** Adds a name; false if it is taken. */
  add(name: string): boolean {
    const before = this.#folded.size;
    return this.#folded.add(foldedName(name, this.#rules)).size > before;
  }

  /** Adds the name or, if it is taken, an alternative. */
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

/** The children of each folder in which names may have to change. */
function crowded(nodes: readonly TreeNode[], rules: NameRules): Iterable<TreeNode[]> {
  const folds = rules.foldsCase || rules.foldsAccents;
  const folders = new Map<TreeNode | undefined, TreeNode[]>();
  for (const node of nodes) {
    if (folds || heldName(node.name, rules) !== node.name) folders.set(node.parent, []);
  }
  if (folders.size > 0) for (const node of nodes) folders.get(node.parent)?.push(node);
  return folders.values();
}

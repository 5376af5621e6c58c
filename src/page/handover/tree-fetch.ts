// Fetches a folder of an offer into a folder chosen by the user: its list first, checked
// completely, then its files, a few at a time.

import { ParleyError } from "../../errors.ts";
import { pageFiles as limits } from "../../limits.ts";
import { harmless } from "../../text.ts";
import { Manifest, pathOf, type TreeNode } from "../../transfer/tree/manifest.ts";
import { SavedNames } from "../../transfer/tree/saved-names.ts";
import { ChannelLost, type Channels } from "./channel-control.ts";
import { anyPlatform, type SaveTarget } from "./saving.ts";

/** Fetches the file with that path, and saves it under that name. */
type FetchOne = (path: string, name: string, into: SaveTarget) => Promise<unknown>;

/** @throws ParleyError */
export async function fetchTree(
  channels: Channels,
  name: string,
  target: SaveTarget,
  fetchOne: FetchOne,
): Promise<void> {
  const manifest = await list(channels, name);
  if (manifest.totals.files > target.maxTreeFiles) throw tooMany(manifest.totals.files, target);
  const names = SavedNames.choose(manifest, anyPlatform);
  const root = await target.folder(name);
  const folders = new Map<TreeNode | undefined, SaveTarget>([[undefined, root]]);
  const files: TreeNode[] = [];
  for (const node of manifest.nodes) {
    if (!node.isFolder) {
      files.push(node);
      continue;
    }
    const parent = folders.get(node.parent) ?? root;
    folders.set(node, await parent.folder(names.of(node)));
  }
  const waiting = files.values();
  // Each worker takes the next file when it is done; the first failure ends all.
  const take = async (): Promise<void> => {
    for (const node of waiting) {
      await fetchOne(`${name}/${pathOf(node)}`, names.of(node), folders.get(node.parent) ?? root);
    }
  };
  await Promise.all(Array.from({ length: limits.filesAtOnce }, take));
}

function tooMany(files: number, { maxTreeFiles }: SaveTarget): ParleyError {
  const sentence = `this browser saves the files of a folder one by one, up to ${maxTreeFiles}, and there are ${files}: take it with a Chromium browser or with parley client`;
  return new ParleyError("usage", sentence);
}

async function list(channels: Channels, name: string): Promise<Manifest> {
  const manifest = new Manifest();
  for (;;) {
    const control = await channels.next();
    try {
      await control.ask({ type: "tree", name, after: manifest.last }, (answer) => {
        if (answer.type !== "tree") return;
        for (const entry of answer.entries) addTo(manifest, entry);
      });
      return manifest;
    } catch (error) {
      if (!(error instanceof ChannelLost)) throw error;
    }
  }
}

function addTo(manifest: Manifest, entry: Parameters<Manifest["add"]>[0]): void {
  const problem = manifest.add(entry);
  if (problem !== undefined) {
    throw new ParleyError(
      "protocol",
      `its list of a folder has ${harmless(problem)}; nothing of that was saved`,
    );
  }
  if (manifest.nodes.length <= limits.maxTreeEntries) return;
  const sentence = `a folder with more than ${limits.maxTreeEntries} files and folders is too much for a browser: use parley client`;
  throw new ParleyError("usage", sentence);
}

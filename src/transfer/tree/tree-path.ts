// Paths in a tree of files: names joined by "/", relative to the root. They have a single order,
// that of a walk that sorts each folder's names by code unit and enters a folder right after its
// name. Pure.

import { tree as limits } from "../../limits.ts";

/** Why a path is unusable on any platform; undefined if it is fine. */
export function pathProblem(path: string): string | undefined {
  if (path === "") return "an empty path";
  if (path.length > limits.maxPathChars)
    return `a path of more than ${limits.maxPathChars} characters`;
  if (path.includes("\0")) return "a path with a NUL";
  if (!path.isWellFormed()) return "a path that is not Unicode";
  const names = path.split("/");
  if (names.length > limits.maxDepth) return `a path of more than ${limits.maxDepth} folders`;
  if (names.some((name) => name === "" || name === "." || name === "..")) {
    return "a path that may lead elsewhere";
  }
  return undefined;
}

/** Negative if `a` comes before `b` in a walk, 0 if they are the same path. */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left === right) continue;
    if (left === slash) return -1;
    return right === slash ? 1 : left - right;
  }
  return a.length - b.length;
}

const slash = 47;

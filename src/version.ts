// The version of parley: from package.json, with the commit that build.ts embeds.

import { version as packageVersion } from "../package.json";

declare const PARLEY_COMMIT: string | undefined;

export const version: string = packageVersion;

/**
 * Ends in `-dirty` if there were uncommitted changes; undefined when run from source or built
 * outside a repository.
 */
export const commit = typeof PARLEY_COMMIT === "undefined" ? undefined : PARLEY_COMMIT;

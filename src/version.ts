// Which parley this is: the version from package.json, and the commit that build.ts puts into the executable.

import { version as packageVersion } from "../package.json";

declare const PARLEY_COMMIT: string | undefined;

export const version: string = packageVersion;

/** Ends in `-dirty` if there were changes besides; undefined when run from the sources, or built outside a repository. */
export const commit = typeof PARLEY_COMMIT === "undefined" ? undefined : PARLEY_COMMIT;

// The version, from package.json; build.ts puts it into the executable.

import { version as packageVersion } from "../package.json";

export const version: string = packageVersion;

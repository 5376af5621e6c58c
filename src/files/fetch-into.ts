// Fetches one shared file into a folder, which is created if necessary: the implementation of
// `/get` and of `get` in `--json-in`.

import type { DownloadClient } from "./download-client.ts";
import { fetchTargets, makeFolder } from "./fetch-targets.ts";

/**
 * Resolves when the file is in place.
 * @throws ParleyError as `DownloadClient.fetch` does, and `storage` if the folder can't be created
 */
export async function fetchInto(
  client: DownloadClient,
  name: string,
  folder: string,
): Promise<void> {
  const removeFolder = makeFolder(folder, "another --downloads");
  try {
    const path = folder.endsWith("/") ? folder : `${folder}/`;
    for (const { name: wanted, target } of fetchTargets([name], path)) {
      await client.save(wanted, target);
    }
  } catch (error) {
    removeFolder();
    throw error;
  }
}

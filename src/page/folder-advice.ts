// The advice before folders are received in a browser that can't save them. Pure.

import { pageFiles as limits } from "../limits.ts";

export const folderAdvice = `This browser saves no folders: their files come one by one, up to ${limits.maxTreeDownloads} of a folder. A Chromium browser and parley client take folders as they are.`;

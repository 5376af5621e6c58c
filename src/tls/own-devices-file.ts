// The file with the user's own other devices on one server, next to this device's key. Knows no
// protocol.

import { appendFileSync, chmodSync } from "node:fs";
import { ParleyError } from "../errors.ts";
import { sealed as limits } from "../limits.ts";
import { isListable } from "../trust/known-keys.ts";
import {
  findOwnDevices,
  type OwnDeviceNews,
  ownDeviceLine,
  type OwnDevices,
} from "../trust/own-devices.ts";
import { quoted } from "../text.ts";
import { readIfThere } from "./read-if-there.ts";

export class OwnDevicesFile {
  readonly #path: string;
  readonly #server: string;
  readonly #now: () => number;

  /** `server`: `HOST:PORT` as the user wrote it. */
  constructor(path: string, server: string, now: () => number) {
    this.#path = path;
    this.#server = server;
    this.#now = now;
  }

  /** Those of the owner of `name`. @throws ParleyError `failed` if the file can't be read */
  find(name: string): OwnDevices {
    return findOwnDevices(this.#read(), this.#server, name, this.#now());
  }

  /** @throws ParleyError `failed` */
  add(name: string, news: OwnDeviceNews): void {
    if (!isListable(name)) throw this.#failed(`${quoted(name)} is not a name`);
    const text = this.#read();
    const line = ownDeviceLine(text, this.#server, name, news);
    if (text.length + line.length > limits.maxKnownBytes) {
      throw this.#failed("it is full: remove lines of servers that you do not need");
    }
    try {
      appendFileSync(this.#path, line, { mode: 0o600 });
      if (process.platform !== "win32") chmodSync(this.#path, 0o600);
    } catch (error) {
      throw this.#failed((error as Error).message);
    }
  }

  #read(): string {
    try {
      return readIfThere(this.#path) ?? "";
    } catch (error) {
      throw this.#failed((error as Error).message);
    }
  }

  #failed(why: string): ParleyError {
    const path = quoted(this.#path, 300);
    return new ParleyError("failed", `Your other devices can't be kept in ${path}: ${why}`);
  }
}

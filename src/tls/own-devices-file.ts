// The file with the user's own other devices on one server, next to this device's key. Knows no
// protocol.

import {
  findOwnDevices,
  type OwnDeviceNews,
  ownDeviceLine,
  type OwnDevices,
} from "../trust/own-devices.ts";
import { TrustListFile } from "./trust-list-file.ts";

export class OwnDevicesFile {
  readonly #file: TrustListFile;
  readonly #server: string;
  readonly #now: () => number;

  /** `server`: `HOST:PORT` as the user wrote it. */
  constructor(path: string, server: string, now: () => number) {
    this.#file = new TrustListFile(path, "Your other devices", "servers");
    this.#server = server;
    this.#now = now;
  }

  /** Those of the owner of `name`. @throws ParleyError `failed` if the file can't be read */
  find(name: string): OwnDevices {
    return findOwnDevices(this.#file.read(), this.#server, name, this.#now());
  }

  /** @throws ParleyError `failed` */
  add(name: string, news: OwnDeviceNews): void {
    this.#file.append(name, (text) => ownDeviceLine(text, this.#server, name, news));
  }
}

// The parts of a worker's scope that our workers use. The compiler knows a window's scope only,
// which is the page's.

import type { WriterReply, WriterRequest } from "./handover/disk-writer.ts";

type Extendable = { waitUntil(work: Promise<unknown>): void };
type Clicked = Extendable & { notification: { close(): void } };
type Fetching = { request: Request; respondWith(response: Promise<Response>): void };

export type WorkerScope = {
  addEventListener(type: "install" | "activate", handle: (event: Extendable) => void): void;
  addEventListener(type: "fetch", handle: (event: Fetching) => void): void;
  addEventListener(type: "notificationclick", handle: (event: Clicked) => void): void;
  skipWaiting(): Promise<void>;
  readonly clients: {
    claim(): Promise<void>;
    /** The one that had the focus last comes first. */
    matchAll(options: {
      type: "window";
      includeUncontrolled: true;
    }): Promise<readonly { readonly url: string; focus(): Promise<unknown> }[]>;
    openWindow(path: string): Promise<unknown>;
  };
  readonly location: { origin: string };
};

/** A file that is open for writing in place. */
export type OpenFile = {
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(bytes: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
};

export type WritableFile = { createSyncAccessHandle(): Promise<OpenFile> };
type Folder = {
  getDirectoryHandle(name: string): Promise<Folder>;
  getFileHandle(name: string, options: { create: true }): Promise<WritableFile>;
};

export type FileWriterScope = {
  addEventListener(type: "message", handle: (event: { data: WriterRequest }) => void): void;
  postMessage(reply: WriterReply, transfer: readonly never[]): void;
  readonly navigator: { readonly storage: { getDirectory(): Promise<Folder> } };
};

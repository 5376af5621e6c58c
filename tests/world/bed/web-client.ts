// A program at the page's WebSocket, run on a host of the network:
//     bun web-client.ts URL [HEADER=VALUE]…
// Sends each line of stdin as a frame; prints `open`, what it receives, and `closed CODE`. Takes
// any certificate: the tests' proxies have their own.

import { stdin } from "node:process";
import { createInterface } from "node:readline";

const [url = "", ...pairs] = process.argv.slice(2);
const headers = Object.fromEntries(
  pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
);
// Bun accepts options that the DOM's type lacks.
const options = { headers, tls: { rejectUnauthorized: false } } as unknown as string[];
const socket = new WebSocket(url, options);
socket.addEventListener("open", () => print("open"));
socket.addEventListener("message", ({ data }) => print(String(data)));
socket.addEventListener("close", ({ code }) => {
  print(`closed ${code}`);
  process.exit();
});

for await (const line of createInterface({ input: stdin })) socket.send(line);

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

// A program at the page's WebSocket, run on a host of the network:
//     bun web-client.ts URL [HEADER=VALUE]…
// Sends each line of stdin as a frame; prints `open`, what it receives, and `closed CODE`. Takes any
// certificate: the tests' proxies have their own.

const [url = "", ...pairs] = process.argv.slice(2);
const headers = Object.fromEntries(
  pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
);
// Bun takes options that the DOM's type does not have.
const options = { headers, tls: { rejectUnauthorized: false } } as unknown as string[];
const socket = new WebSocket(url, options);
socket.onopen = () => print("open");
socket.onmessage = ({ data }) => print(String(data));
socket.onclose = ({ code }) => {
  print(`closed ${code}`);
  process.exit();
};

for await (const line of console) socket.send(line);

export {};

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

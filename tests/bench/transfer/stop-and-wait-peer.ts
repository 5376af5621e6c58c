// Open-chat's stop-and-wait download for the benchmark: parts of 1 000 bytes, one at a time,
// repeated when nothing comes. `serve ADDRESS PORT FOLDER` and `fetch ADDRESS PORT FILE OUT`.
// Without the pickle: the waiting is what is measured.

import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";

const partBytes = 1000;
const againMs = 1000;
const [mode, address = "", portText = "", third = "", out = ""] = process.argv.slice(2);
const port = Number(portText);

if (mode === "serve") {
  const files = new Map<string, number>();
  const part = Buffer.alloc(partBytes + 4);
  await Bun.udpSocket({
    hostname: address,
    port,
    socket: {
      data(socket, request, from, sender) {
        const [index = "", name = ""] = request.toString().split(" ");
        const fd = files.get(name) ?? openSync(join(third, name), "r");
        files.set(name, fd);
        part.writeUInt32BE(Number(index));
        const length = readSync(fd, part, 4, partBytes, Number(index) * partBytes);
        socket.send(part.subarray(0, 4 + length), from, sender);
      },
    },
  });
  process.stdout.write("ready\n");
} else {
  const fd = openSync(out, "w");
  let index = 0;
  let timer: Timer | undefined;
  const socket = await Bun.udpSocket({
    connect: { hostname: address, port },
    socket: {
      data(_, answer) {
        if (answer.readUInt32BE() !== index) return;
        writeSync(fd, answer, 4, answer.length - 4, index * partBytes);
        index++;
        if (answer.length - 4 === partBytes) return ask();
        clearTimeout(timer);
        closeSync(fd);
        process.exit(0);
      },
    },
  });
  const ask = () => {
    clearTimeout(timer);
    socket.send(`${index} ${third}`);
    timer = setTimeout(ask, againMs);
  };
  ask();
}

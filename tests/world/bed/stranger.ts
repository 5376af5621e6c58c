// A process that stands for one stranger: it opens as many connections as it is told, asks on each
// of them for as much as the server takes, forgets what it hears, and comes back when it is thrown
// out.
//
//     bun stranger.ts '{"address":…,"version":…,"connections":…,"attacks":[…]}'
//
// The attacks are spread over the connections. It prints `ready` when the first of them has begun,
// and ends by SIGTERM with a line of JSON: what it has sent and heard.

import { isAttack, isOfIrc, type StrangerOrder, type StrangerReport } from "./attacks.ts";
import { helloLine } from "./person.ts";
import { chatPort, webPort } from "./server.ts";

const maxTurnBytes = 128 * 1024;
const batchBytes = 16 * 1024;
/** An attacker does not wait long. */
const comeBackMs = 50;

const order = JSON.parse(process.argv[2] ?? "{}") as StrangerOrder;
const report: StrangerReport = { sentBytes: 0, receivedBytes: 0, reconnects: 0, refused: 0 };
let names = 0;

/** What a connection says first. */
function greetingOf(attack: string, name: string): string {
  if (!isOfIrc(attack)) return line({ ...helloLine({ name }), version: order.version });
  const capabilities = "CAP REQ :batch draft/chathistory message-tags server-time";
  const rooms = `JOIN #lobby,#${name}`;
  return [capabilities, `NICK ${name}`, "USER x 0 * :x", "CAP END", rooms, ""].join("\r\n");
}

/** What the server says once the connection may begin; in the native protocol with the epoch. */
function welcomeOf(attack: string, name: string): RegExp {
  return isOfIrc(attack) ? new RegExp(` 366 ${name} #${name} `, "i") : /"epoch":"([^"]+)"/;
}

/** One line or request of each attack; `epoch` is the log's. */
function requestOf(attack: string, name: string, epoch: string): string {
  const room = "lobby";
  switch (attack) {
    case "talk":
      return line({ type: "say", room, text: "a stranger talks and talks and talks" });
    case "long":
      return line({ type: "say", room, text: "long ".repeat(3_200) });
    case "tell":
      return line({ type: "tell", to: ["Absent"], text: "a stranger writes and writes" });
    case "history":
      return line({ type: "history", room, limit: 500 });
    case "search":
      return line({ type: "search", room, text: "words that nobody says" });
    case "join":
      return line({ type: order.version === 1 ? "enter" : "join", room, seq: 0, epoch });
    case "nested":
      return `{"type":"say","text":${"[".repeat(120_000)}\n`;
    case "files":
      return line({ type: "files" });
    case "pull": {
      const token = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64url");
      const fetch = line({ type: "fetch", name: "big", token });
      return fetch + line({ type: "pull", transfer: 1, offset: 0, length: 1_048_576 });
    }
    case "who":
      return "WHO *\r\n";
    case "names":
      return "NAMES #lobby\r\n";
    case "ban":
      return `MODE #${name} +b *a*b*c*!*@*\r\nMODE #${name} +b\r\nMODE #${name} -b *a*b*c*!*@*\r\n`;
    case "past":
      return "CHATHISTORY BEFORE #lobby timestamp=2100-01-01T00:00:00.000Z 500\r\n";
    case "list":
      return `GET /files HTTP/1.1\r\nHost: ${order.address}\r\n\r\n`;
    case "head":
      return `HEAD /files/big HTTP/1.1\r\nHost: ${order.address}\r\n\r\n`;
    default:
      throw new Error(`There is no attack ${attack}`);
  }
}

function line(message: object): string {
  return `${JSON.stringify(message)}\n`;
}

/** Shakes hands, hangs up, and reconnects immediately. */
async function shakeHands(begun: () => void): Promise<void> {
  for (;;) {
    const over = Promise.withResolvers<void>();
    const end = (): void => over.resolve();
    try {
      await Bun.connect({
        hostname: order.address,
        port: webPort,
        tls: { rejectUnauthorized: false },
        socket: {
          data() {},
          handshake(socket) {
            begun();
            report.reconnects++;
            socket.terminate();
            end();
          },
          close: end,
          error: end,
          connectError: end,
        },
      });
    } catch {
      report.refused++;
      end();
      await Bun.sleep(comeBackMs);
    }
    await over.promise;
  }
}

async function attackWith(attack: string, begun: () => void): Promise<void> {
  if (attack === "handshake") return shakeHands(begun);
  const isWeb = attack === "head" || attack === "list";
  for (;;) {
    const over = Promise.withResolvers<void>();
    let isOpen = true;
    const name = `Stranger${++names}`;
    const welcome = welcomeOf(attack, name);
    let batch = Buffer.alloc(0);
    let sent = 0;
    const end = (): void => {
      isOpen = false;
      over.resolve();
    };
    const begin = (socket: Bun.Socket, epoch: string): void => {
      const request = requestOf(attack, name, epoch);
      batch = Buffer.from(request.repeat(Math.ceil(batchBytes / request.length)));
      begun();
      pump(socket);
    };
    const pump = (socket: Bun.Socket): void => {
      for (let turn = 0; turn < maxTurnBytes;) {
        if (!isOpen) return;
        const rest = batch.subarray(sent);
        const written = Math.max(0, socket.write(rest));
        report.sentBytes += written;
        turn += written;
        sent = (sent + written) % batch.length;
        if (written < rest.length) return;
      }
      setImmediate(pump, socket);
    };
    let heard = "";
    try {
      await Bun.connect({
        hostname: order.address,
        port: isWeb ? webPort : chatPort,
        socket: {
          open(socket) {
            if (isWeb) return begin(socket, "");
            socket.write(greetingOf(attack, name));
          },
          data(socket, bytes) {
            report.receivedBytes += bytes.length;
            if (isWeb || batch.length > 0 || heard.length > 65_536) return;
            heard += bytes.toString();
            const found = welcome.exec(heard);
            if (found !== null) begin(socket, found[1] ?? "");
          },
          drain: pump,
          close: end,
          error: end,
          connectError: end,
        },
      });
    } catch {
      end();
    }
    await over.promise;
    if (batch.length === 0) report.refused++;
    else report.reconnects++;
    await Bun.sleep(comeBackMs);
  }
}

process.once("SIGTERM", () => {
  console.log(JSON.stringify(report));
  process.exit(0);
});

let isReady = false;
for (let i = 0; i < order.connections; i++) {
  const attack = order.attacks[i % order.attacks.length] ?? "";
  if (!isAttack(attack)) throw new Error(`There is no attack ${attack}`);
  void attackWith(attack, () => {
    if (!isReady) console.log("ready");
    isReady = true;
  });
}

// `parley classic`: small clients for four dialects, on a terminal or in a pipe.
// dialects/classic-clients.ts defines what they send and print, io/classic-connection.ts how they
// connect.

import { defineCommand } from "citty";
import { isLoopback } from "../../addresses.ts";
import { quoted } from "../../text.ts";
import {
  CalculatorClient,
  ChatRoomClient,
  type ClientStep,
  dateTimeLine,
  dateTimePauseMs,
  dateTimeRequest,
  greetingLine,
  receivedLines,
} from "../../dialects/classic-clients.ts";
import { knock } from "../../dialects/greeting.ts";
import { dialects } from "../../dialects/table.ts";
import { ParleyError, unwritable } from "../../errors.ts";
import { classicClient as limits } from "../../limits.ts";
import { ClassicTcp, ClassicUdp } from "../../io/classic-connection.ts";
import { type Address, hostPortText } from "../../io/host-port.ts";
import { jsonLine } from "../../terminal/output/json-line.ts";
import { addressOf } from "../address.ts";
import { endedBy, type EndSignal, onSignals } from "../../io/end-signals.ts";
import { stdout } from "../../terminal/output/output.ts";
import { typedLines } from "../../terminal/editor/typed-lines.ts";

type Options = { json: boolean; count: number; tcp: boolean; udp: boolean };
type Show = (
  line: string,
  event: { event: string; [field: string]: string | number | boolean },
) => void;

const clients: Readonly<
  Record<string, (to: Address, show: Show, options: Options) => Promise<void>>
> = {
  "date-time": runDateTime,
  calculator: runCalculator,
  "chat-room": runChatRoom,
  greeting: runGreeting,
};

export const classicDialects: readonly string[] = Object.keys(clients);

/** Flags that only one dialect has. */
const ownFlags = { count: "date-time", tcp: "greeting", udp: "greeting" } as const;

export default defineCommand({
  meta: {
    name: "classic",
    description: "Clients for date-time, calculator, chat-room and greeting servers",
  },
  args: {
    dialect: {
      type: "positional",
      required: true,
      valueHint: "DIALECT",
      description: classicDialects.join(", "),
    },
    server: {
      type: "positional",
      required: false,
      valueHint: "ADDRESS",
      description: "HOST:PORT or HOST of the server (default: the dialect's own port on 127.0.0.1)",
    },
    count: {
      type: "string",
      valueHint: "N",
      description: "date-time: stop after N answers; 0 for never (default 0)",
    },
    tcp: { type: "boolean", description: "greeting: over TCP only" },
    udp: { type: "boolean", description: "greeting: over UDP only" },
    plain: { type: "boolean", description: "Allow a server beyond loopback: nothing is encrypted" },
    json: { type: "boolean", description: "Print one JSON object per line instead of text" },
  },
  async run({ args }) {
    const run = Object.hasOwn(clients, args.dialect) ? clients[args.dialect] : undefined;
    if (run === undefined) {
      const known = classicDialects.join(", ");
      throw new ParleyError(
        "usage",
        `Unknown dialect ${quoted(args.dialect)}: use one of ${known}`,
      );
    }
    checkOwnFlags(args.dialect, args);
    const options = {
      json: args.json ?? false,
      count: readCount(args.count ?? "0"),
      tcp: args.tcp ?? false,
      udp: args.udp ?? false,
    };
    const show: Show = (line, event) => {
      stdout.data(options.json ? jsonLine(event) : `${line}\n`);
    };
    const to = readAddress(args.dialect, args.server, args.plain === true);
    const interrupted = Promise.withResolvers<EndSignal | undefined>();
    const stopListening = onSignals(interrupted.resolve);
    stdout.onClosed(() => interrupted.resolve(undefined));
    const interruption = interrupted.promise.then(reportInterruption);
    await Promise.race([run(to, show, options), interruption]).finally(stopListening);
  },
});

/** @throws ParleyError `usage` if a flag of another dialect is set */
function checkOwnFlags(dialect: string, given: Partial<Record<keyof typeof ownFlags, unknown>>) {
  for (const flag of ["count", "tcp", "udp"] as const) {
    if (given[flag] === undefined || given[flag] === false || ownFlags[flag] === dialect) continue;
    throw new ParleyError(
      "usage",
      `--${flag} is for ${ownFlags[flag]}, and ${dialect} has nothing like it: leave it out`,
    );
  }
}

/** These dialects have no TLS, so beyond loopback the user must acknowledge that with `--plain`. */
function readAddress(dialect: string, text: string | undefined, plain: boolean): Address {
  const port = dialects[dialect]?.classicPort ?? 0;
  if (text === undefined) return { host: "127.0.0.1", port };
  const { pin, ...to } = addressOf("", text, port);
  if (pin === undefined && (plain || isLoopback(to.host))) return to;
  const sentence =
    pin === undefined
      ? `${dialect} has no TLS: --plain talks to ${quoted(to.host)} without encryption`
      : `${dialect} has no TLS, so that #${pin} can't be checked: leave it out, and give --plain`;
  throw new ParleyError("usage", sentence);
}

function readCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ParleyError("usage", `--count ${quoted(text)} is not a number: use 0 or more`);
}

/**
 * `signal` undefined: stdout is closed. @throws ParleyError on a signal, or if writing to stdout
 * has failed
 */
function reportInterruption(signal: EndSignal | undefined): void {
  if (signal !== undefined) throw endedBy(signal);
  if (stdout.failure !== undefined) throw unwritable(stdout.failure);
}

async function runDateTime(to: Address, show: Show, { count }: Options): Promise<void> {
  const server = await ClassicUdp.open(to);
  try {
    for (let i = 1; ; i++) {
      const request = dateTimeRequest(Math.random());
      const text = await server.ask(request);
      const { address, port } = server;
      show(dateTimeLine(text, address, port), { event: "answer", request, text, address, port });
      if (i === count) return;
      await Bun.sleep(dateTimePauseMs(Math.random()));
    }
  } finally {
    server.close();
  }
}

async function runGreeting(to: Address, show: Show, { tcp, udp }: Options): Promise<void> {
  const both = tcp === udp;
  if (udp || both) {
    const server = await ClassicUdp.open(to);
    try {
      const text = await server.ask("Hello");
      show(greetingLine(text), { event: "answer", transport: "udp", text });
    } finally {
      server.close();
    }
  }
  if (tcp || both) {
    const server = await ClassicTcp.connect(to);
    try {
      await server.send(knock);
      const text = await server.receiveInTime();
      if (text === undefined) {
        const sentence = `${hostPortText(to)} closed the connection without an answer: is it the right port?`;
        throw new ParleyError("protocol", sentence);
      }
      show(receivedLines(text).join(" "), { event: "answer", transport: "tcp", text });
    } finally {
      await server.end();
    }
  }
}

async function runCalculator(to: Address, show: Show, { json }: Options): Promise<void> {
  const server = await ClassicTcp.connect(to);
  const client = new CalculatorClient();
  const act = async (step: ClientStep): Promise<boolean> => {
    if (step.send !== undefined) await server.send(step.send);
    if (step.print !== undefined) show(step.print, { event: "line", text: step.print });
    if (step.prompt !== undefined && !json) stdout.data(step.prompt);
    if (!step.awaitsAnswer) return step.end !== true;
    const answer = await server.receiveInTime();
    if (answer === undefined) throw endedByServer(to);
    return act(client.handleAnswer(answer));
  };
  try {
    await act(client.start());
    for await (const line of typedLines()) {
      if (!(await act(client.handleTyped(line)))) return;
    }
    if (!json) stdout.data("\n");
    await act(client.handleInputEnd());
  } finally {
    await server.end();
  }
}

async function runChatRoom(to: Address, show: Show, { json }: Options): Promise<void> {
  const server = await ClassicTcp.connect(to);
  const client = new ChatRoomClient();
  const listening = listen(server, show);
  const typing = async () => {
    const { prompt } = client.start();
    if (!json) stdout.data(prompt ?? "");
    for await (const line of typedLines()) {
      const { send, prompt } = client.handleTyped(line);
      if (send !== undefined) await server.send(send);
      if (prompt !== undefined && !json) stdout.data(prompt);
    }
    // Wait for the echo of the last line.
    while (!server.ended && server.quietMs < limits.farewellMs) await Bun.sleep(limits.sendGapMs);
    return "typed";
  };
  const first = await Promise.race([typing(), listening]);
  await server.end();
  await listening;
  if (first !== "typed") throw endedByServer(to);
}

/** Prints incoming data until the connection ends, no faster than stdout drains. */
async function listen(server: ClassicTcp, show: Show): Promise<"ended"> {
  for (;;) {
    const text = await server.receive();
    if (text === undefined) return "ended";
    for (const line of receivedLines(text)) show(line, { event: "received", text: line });
    if (stdout.pressure) await stdout.relief();
  }
}

function endedByServer(to: Address): ParleyError {
  return new ParleyError("failed", `${hostPortText(to)} closed the connection`);
}

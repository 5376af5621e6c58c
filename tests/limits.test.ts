// The limits fit each other: data that one part may send fits in the part that receives it, and
// dependent timeouts are in order.

import { describe, expect, test } from "bun:test";
import * as limits from "../src/limits.ts";
import { ShareCounts } from "../src/share-counts.ts";
import { ownerAt, ownerOfAccount } from "../src/share-owner.ts";

const {
  classicClient,
  openChatDownload,
  client,
  clientSocket,
  calls,
  codes,
  connections,
  descriptors,
  fetching,
  files,
  folder,
  history,
  message,
  names,
  offerBook,
  offers,
  output,
  peer,
  privateChat,
  registry,
  rights,
  sealed,
  sender,
  sharing,
  shutdown,
  sniff,
  terminal,
  transfer,
  udp,
  udpTransfer,
  web,
} = limits;

test("each one is a positive integer", () => {
  for (const [group, numbers] of Object.entries(limits)) {
    for (const [name, value] of Object.entries(numbers)) {
      expect({ group, name, fits: Number.isSafeInteger(value) && value > 0 }).toEqual({
        group,
        name,
        fits: true,
      });
    }
  }
});

test("timeouts of paths between two people are in a sensible order", () => {
  const { paths, relay } = limits;
  // Losing a probe or two does not end a path; the other end's network is suspected before the path
  // is left.
  expect(5 * paths.usedProbeUs).toBeLessThan(paths.deadUs);
  expect(2 * paths.spareProbeUs).toBeLessThan(paths.deadUs);
  expect(3 * paths.usedProbeUs).toBeLessThan(paths.silentUs);
  expect(paths.silentUs).toBeLessThan(paths.deadUs);
  // Within 5 s there is another path, or a new connection after a change of network.
  expect(paths.deadUs / 1_000 + paths.spareProbeUs / 1_000).toBeLessThan(5_000);
  expect(paths.silentUs / 1_000 + client.doubtfulPongMs + client.retryFirstMs).toBeLessThan(3_000);
  expect(paths.maxTold + 1).toBeLessThan(paths.maxCandidates);
  expect(paths.maxOwn).toBeLessThan(paths.maxTold);
  // Home routers forget a UDP port after 30 s (RFC 4787 asks for two minutes).
  expect(paths.joinAgainUs).toBeLessThan(30_000_000 / 2);
  // A merged read of the kernel fits the smallest queue.
  expect(relay.minQueueBytes).toBeGreaterThan(udp.maxBatchBytes);
  expect(relay.maxPairs).toBeGreaterThanOrEqual(offerBook.maxOffers + calls.maxOpen);
});

test("each one has its unit in its name, or counts things", () => {
  const unitless = Object.values(limits)
    .flatMap((numbers) => Object.entries(numbers))
    .filter(([name, value]) => value > 1e9 && !/(?:Bytes|Ms|Us)$/.test(name));
  expect(unitless).toEqual([]);
});

describe("messages", () => {
  test("the longest text fits a line with every character escaped as JSON", () => {
    expect(6 * message.maxTextChars + 1_024).toBeLessThan(message.maxLineBytes);
  });
  test("a private message to the most people with the longest names fits a line", () => {
    const to = message.maxRecipients * (4 * names.maxChars + 3);
    expect(3 * message.maxTextChars + to + 1_024).toBeLessThan(message.maxLineBytes);
  });
  test("the longest line fits a WebSocket frame", () => {
    expect(message.maxLineBytes).toBeLessThan(web.maxFrameBytes);
  });
  test("a name fits many times into the bytes held for protocol detection", () => {
    expect(16 * 4 * names.maxChars).toBeLessThanOrEqual(sniff.maxBytes);
    expect(sniff.maxBytes).toBeLessThan(message.maxLineBytes);
  });
  test("a burst of messages of the usual length is also allowed by bytes", () => {
    expect(sender.bytesPerSecond / sender.messagesPerSecond).toBeGreaterThan(1_024);
  });
});

describe("output backlogs", () => {
  test("a page of history, and the answers of a turn, are well below the lag limit", () => {
    expect(2 * history.pageBytes + 3 * output.maxAnswerChars).toBeLessThan(output.maxLagBytes);
    expect(rights.maxSanctionListBytes + 3 * output.maxAnswerChars).toBeLessThan(
      output.maxLagBytes,
    );
  });
  test("one message of the longest kind fits a page", () => {
    expect(3 * message.maxTextChars + 1_024).toBeLessThan(history.pageBytes);
  });
  test("a burst of the longest messages does not drop a reader", () => {
    expect(sender.burstSeconds * sender.bytesPerSecond).toBeLessThan(output.maxLagBytes);
  });
  test("a page fits a server's line as the client accepts it", () => {
    expect(2 * history.pageBytes).toBeLessThan(clientSocket.maxServerLineBytes);
    expect(rights.maxSanctionListBytes + 1_024).toBeLessThan(clientSocket.maxServerLineBytes);
  });
  test("a client's window fits its unsent bytes, and the server's refusals", () => {
    expect(3 * client.windowChars).toBeLessThan(clientSocket.maxUnsentBytes);
    expect(2 * offers.maxUnreadBytes).toBeLessThanOrEqual(clientSocket.maxUnsentBytes);
    expect(client.windowMessages).toBeLessThan(sender.refusalBurst);
    expect(client.windowMessages).toBeLessThanOrEqual(client.queueMessages);
    expect(client.windowMessages).toBeLessThanOrEqual(sender.refusedNumbers);
  });
  test("a page of files fits a line", () => {
    expect(folder.pageBytes).toBeLessThan(message.maxLineBytes);
  });
});

describe("timeouts", () => {
  test("unframed is decided between the gap of two sends and the prompt for a name", () => {
    expect(output.unframedGapMs).toBeLessThan(sniff.unframedAfterMs);
    expect(sniff.unframedAfterMs).toBeLessThan(sniff.promptAfterMs);
    expect(sniff.promptAfterMs).toBeLessThan(connections.loginTimeoutMs);
    expect(classicClient.sendGapMs).toBeGreaterThan(sniff.unframedAfterMs);
  });
  test("a client pings before the server does, and the server before the kernel gives up", () => {
    expect(client.pingAfterMs + client.pongTimeoutMs).toBeLessThan(connections.idlePingMs);
    expect(client.pingWaitingAfterMs).toBeLessThan(client.pingAfterMs);
    expect(privateChat.nameKnownMs).toBeGreaterThanOrEqual(
      client.pingAfterMs + client.pongTimeoutMs,
    );
    expect(connections.idlePingMs + connections.idleCloseMs).toBeLessThan(history.mailHoldMs);
  });
  test("all connections of an address can log in before anyone gives up", () => {
    expect(2 * connections.maxPerAddress).toBeLessThan(
      (connections.loginsPerSecond * connections.loginTurnMs) / 1_000,
    );
    expect(connections.loginTurnMs).toBeLessThan(client.welcomeTimeoutMs);
  });
  test("everyone behind one address may return at the same time", () => {
    expect(connections.loginBurst).toBeGreaterThanOrEqual(2 * connections.maxPerAddress);
  });
  test("browsers on all connections of an address can open the page and its files", () => {
    expect(web.requestBurst).toBeGreaterThan(4 * connections.maxPerAddress);
    expect(web.requestsPerSecond).toBeLessThan(web.requestBurst);
  });
  test("one read of a chat connection holds a line and a second's worth of data", () => {
    expect(2 * connections.receiveBufferBytes).toBeGreaterThanOrEqual(message.maxLineBytes);
    expect(10 * connections.receiveBufferBytes).toBeGreaterThan(sender.bytesPerSecond);
  });
  test("retries grow", () => {
    expect(client.retryFirstMs).toBeLessThan(client.retryMaxMs);
    expect(client.retryMaxMs).toBeLessThan(terminal.giveUpMs);
    expect(fetching.retryFirstMs).toBeLessThan(fetching.retryMaxMs);
    expect(fetching.retryMaxMs).toBeLessThan(fetching.retryForMs);
  });
  test("a stopping server is gone within 5 s, its last lines flushed", () => {
    expect(shutdown.graceMs + terminal.flushTimeoutMs).toBeLessThanOrEqual(5_000);
  });
  test("names are held for less time than sessions are kept", () => {
    expect(history.mailHoldMs).toBeLessThan(history.resumeMs);
    // A record is at most that old, and one and a half times that if many age at the same time.
    expect(3 * history.recordFreshMs).toBeLessThan(history.mailHoldMs);
    expect(history.resumeMs).toBeLessThan(history.maxAgeMs);
    expect(peer.hurryMs).toBeLessThan(peer.requestTimeoutMs);
  });
});

describe("memory", () => {
  test("of one room is part of the total, which a small machine has", () => {
    expect(history.memoryRoomBytes).toBeLessThan(history.memoryBytes);
    expect(history.memoryBytes + history.memoryMailBytes).toBeLessThanOrEqual(512 * 1024 * 1024);
  });
  test("of registrations is small, and a request fits", () => {
    expect(registry.maxEntries * 1_024).toBeLessThan(16 * 1024 * 1024);
    expect(registry.maxMessageBytes).toBeGreaterThan(sniff.maxBytes);
  });
  test("connections of one address are a small part of the total", () => {
    expect(10 * connections.maxPerAddress).toBeLessThan(connections.maxTotal);
  });
  test("descriptors are enough for all connections, the web port's and all transfers", () => {
    const forWeb = 2 * descriptors.maxReserve;
    expect(connections.maxTotal + forWeb).toBeLessThanOrEqual(descriptors.max);
    expect(files.maxTransfers).toBeLessThan(descriptors.maxReserve);
    expect(descriptors.minReserve).toBeGreaterThan(openChatDownload.ports);
    expect(2 * connections.maxRefusedLingering).toBeLessThanOrEqual(descriptors.minReserve);
  });
});

describe("transfers", () => {
  test("segments are in order of size and fit their datagrams", () => {
    expect(transfer.minSegmentBytes).toBeLessThan(udpTransfer.baseSegmentBytes);
    expect(udpTransfer.baseSegmentBytes).toBeLessThan(udpTransfer.maxFragmentableBytes);
    expect(udpTransfer.maxFragmentableBytes).toBeLessThan(transfer.maxSegmentBytes);
    expect(transfer.maxSegmentBytes).toBeLessThan(udp.maxBatchBytes);
    expect(transfer.maxRequestBytes).toBeLessThanOrEqual(1_232);
  });
  test("a window of segments covers the window of bytes at the base size", () => {
    expect(udpTransfer.maxInFlightSegments * udpTransfer.baseSegmentBytes).toBeGreaterThan(
      udpTransfer.maxWindowBytes,
    );
    expect(Math.log2(udpTransfer.maxInFlightSegments) % 1).toBe(0);
  });
  test("tags and data fit their lines, and a listing its transfer table", () => {
    const base64 = 4 / 3;
    const lineBytes = transfer.maxTagsPerLine * transfer.tagBytes * base64;
    expect(lineBytes).toBeLessThan(message.maxLineBytes);
    expect(transfer.pullLineBytes * base64 + 1_024).toBeLessThan(message.maxLineBytes);
    expect(transfer.pullLineBytes).toBeLessThan(files.maxControlBytes);
    expect(files.maxControlBytes).toBeLessThan(output.maxLagBytes / 4);
    expect(files.maxTransfersPerSession).toBeLessThan(files.maxTransfersPerAddress);
    expect(files.maxTransfersPerAddress).toBeLessThan(files.maxTransfers);
    expect(files.maxTransfers).toBeLessThan(transfer.maxTransfers);
    expect(files.idleMs * 1_000).toBeGreaterThanOrEqual(udpTransfer.stallTimeoutUs);
  });
  test("chunks cover the largest file, and the bytes requested ahead hold several chunks", () => {
    expect(transfer.maxChunks * transfer.maxChunkBytes).toBe(transfer.maxFileBytes);
    expect(transfer.maxFileBytes).toBeLessThan(2 ** 48);
    expect(fetching.aheadBytes).toBeGreaterThanOrEqual(2 * udpTransfer.maxWindowBytes);
    expect(fetching.unsentBytes).toBeGreaterThan(terminal.maxDataBytes);
    expect(fetching.aheadBytes).toBeGreaterThan(2 * transfer.maxChunkBytes);
    expect(files.sealedCacheBytes).toBeGreaterThanOrEqual(2 * udpTransfer.maxWindowBytes);
  });
  test("the tags of many large files fit their budget", () => {
    const largest = transfer.maxChunks * (transfer.tagBytes + 1);
    expect(files.maxTagBytes).toBeGreaterThan(16 * largest);
  });
  test("one session can't occupy open-chat's ports, or hold unused ones for long", () => {
    expect(openChatDownload.unaskedPerSession).toBeLessThan(openChatDownload.portsPerSession);
    expect(4 * openChatDownload.portsPerSession).toBeLessThanOrEqual(openChatDownload.ports);
    expect(openChatDownload.portsPerSession).toBeLessThan(openChatDownload.portsPerAddress);
    expect(3 * openChatDownload.portsPerAddress).toBeLessThanOrEqual(openChatDownload.ports);
    expect(openChatDownload.firstRequestMs).toBeLessThan(openChatDownload.idleMs);
  });
  test("open-chat's parts fit its client's buffer", () => {
    expect(openChatDownload.partBytes + 18).toBeLessThanOrEqual(1_024);
  });
});

test("a sealed message fits into a line, for all devices of a user", () => {
  expect(sealed.maxBoxes).toBe(limits.accounts.maxKeys);
  const keysAndNames = 100 * sealed.maxBoxes + 1_024;
  expect(sealed.maxChars + keysAndNames).toBeLessThanOrEqual(message.maxLineBytes);
  // In base64url, with the parts of a box in addition to the text; quotes double in JSON.
  const longest = Math.ceil(((message.maxTextChars + 200) * 4) / 3);
  expect(4 * longest).toBeLessThanOrEqual(sealed.maxChars);
  // A key and a time per sender, an ID and a time per message.
  const lines = sealed.maxSenders * (43 + 20 + sealed.maxRemembered * 40);
  expect(lines).toBeLessThanOrEqual(sealed.maxSeenBytes);
});

test("a call fits into the server's queues, and nobody can take all calls", () => {
  // In base64, with the frames' first bytes.
  expect(calls.windowBytes * 2).toBeLessThanOrEqual(offerBook.maxWaitingChars);
  expect(Math.ceil((calls.frameBytes + 7) / 3) * 4).toBeLessThanOrEqual(offers.maxFrameChars);
  expect(calls.datagramBytes + 27).toBeLessThanOrEqual(udpTransfer.baseSegmentBytes);
  expect(calls.maxUnanswered * calls.datagramBytes).toBeLessThanOrEqual(calls.windowBytes);
  expect(calls.maxEarly).toBeGreaterThanOrEqual(calls.windowBytes / 22);
  expect(calls.minPatienceMs).toBeLessThan(calls.maxPatienceMs);
  expect(calls.frameBytes * 4).toBeLessThanOrEqual(calls.windowBytes);
  expect(2 * calls.maxPerOwner).toBeLessThan(calls.maxOpen);
  expect(2 * calls.maxWaitingPerOwner).toBeLessThan(calls.maxWaiting);
  expect(calls.newAtOnce).toBeGreaterThanOrEqual(peer.maxBridgeTries);
  expect(calls.directMs).toBeLessThan(peer.requestTimeoutMs);
  expect(calls.lingerMs).toBeGreaterThan(peer.lingerMs);
});

test("all guesses at a code succeed once in 65 536 runs, and codes have free numbers", () => {
  // Two of 2 048 words.
  expect(codes.maxVoid * 2 ** 16).toBeLessThanOrEqual(2_048 ** 2);
  expect(codes.maxOpen).toBeLessThan(codes.maxNumber);
  expect(codes.maxPerSession).toBeLessThanOrEqual(codes.maxPerOwner);
  expect(2 * codes.maxPerOwner).toBeLessThan(codes.maxOpen);
  expect(codes.guestMs).toBeLessThan(codes.awayMs);
});

describe("files for a person", () => {
  test("a recipient's requests fit the frames that may wait for it", () => {
    expect((4 * transfer.maxPullBytes * 4) / 3).toBeLessThan(offerBook.maxWaitingChars);
    expect(offerBook.maxWaitingChars).toBeLessThanOrEqual(offerBook.maxOwnerWaitingChars);
  });
  test("a frame fits a line, and a line of a pull a frame", () => {
    expect(offers.maxFrameChars + 1_024).toBeLessThan(message.maxLineBytes);
    expect((transfer.pullLineBytes * 4) / 3 + 1_024).toBeLessThan(offers.maxFrameChars);
  });
  test("frames do not make a reader too slow", () => {
    expect(offerBook.maxLagBytes + offers.maxFrameChars).toBeLessThan(output.maxLagBytes / 4);
  });
});

test("the strangers and the accounts of one network together leave something to others", () => {
  const addresses = Array.from({ length: 64 }, (_, n) => `2001:db8:1:${(n * 32).toString(16)}::1`);
  const groups = [
    addresses.map(ownerAt),
    addresses.map((address, n) => ownerOfAccount(`a${n}`, address)),
  ];
  for (const [each, all] of [
    [connections.maxPerAddress, connections.maxTotal],
    [offerBook.maxPerOwner, offerBook.maxOffers],
    [offerBook.maxToRecipientPerOwner, offerBook.maxToRecipient],
    [calls.maxPerOwner, calls.maxOpen],
    [calls.maxToCalleePerOwner, calls.maxToCallee],
    [calls.maxWaitingPerOwner, calls.maxWaiting],
    [codes.maxPerOwner, codes.maxOpen],
    [sharing.maxPerOwner, sharing.maxUploads],
    [files.maxTransfersPerAddress, files.maxTransfers],
    [files.maxListingsPerOwner, files.maxListings],
    [files.maxWalksPerOwner, files.maxWalks],
    [history.maxRoomsPerNetwork, history.maxRooms],
    [openChatDownload.portsPerAddress, openChatDownload.ports],
    [web.maxHashesPerAddress, web.maxHashes],
  ] as const) {
    const counts = new ShareCounts(each, all / 3);
    let taken = 0;
    for (const owner of groups.flat()) {
      for (; counts.full(owner) === undefined; taken++) counts.add(owner);
    }
    expect(3 * taken).toBeLessThanOrEqual(2 * all);
  }
});

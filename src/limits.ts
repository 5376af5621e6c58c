// Every number that bounds parley: its unit in the name, its reason beside it.
// Pure: imports nothing. tests/limits.test.ts checks the relations between them.

const KiB = 1024;
const MiB = 1024 * KiB;

/** Telling protocols apart on the main port. */
export const sniff = {
  /** Bytes held back before a dialect must be known; the longest CPP type line and any name fit many times. */
  maxBytes: 4 * KiB,
  /** Without a line end for this long, a client is unframed (one read is one message). */
  unframedAfterMs: 50,
  /** Silence for this long means a person at `nc`: prompt for a name, once. */
  promptAfterMs: 1_000,
} as const;

/** Names of people and rooms. */
export const names = {
  /** Longest name, in characters; fits every dialect's window and a list of 1 000 fits 64 KiB. */
  maxChars: 32,
  /** Marks on one letter: Burmese has five (medials, vowels, tone), Hebrew and Tibetan up to four. */
  maxMarks: 6,
  /** Of those the accents that fit every letter: three in ancient Greek, two in Vietnamese, a vowel's and a doubling in Arabic. */
  maxAccents: 3,
  /** Longest room name, in characters. */
  maxRoomChars: 32,
  /** Most names, of members or of rooms, in one answer to a request for them: 40 KB. */
  pageNames: 500,
  /** Rooms that one session can be in; each costs its events and a place in the room, and people follow fewer. */
  maxRoomsPerSession: 16,
} as const;

/** One message. */
export const message = {
  /** Longest text of one chat message, in UTF-16 units; longer input is refused, never cut. */
  maxTextChars: 16 * KiB,
  /** Longest input line of any dialect, in bytes; room for JSON escapes of the longest text. A line without an end stops here. */
  maxLineBytes: 128 * KiB,
  /** Most recipients that one private message may name. */
  maxRecipients: 64,
} as const;

/** Lines of the native protocol, beside their length. */
export const protocol = {
  /** Deepest nesting of a line; lists of objects in an object need 3. Parsing 120 KB of `[[[[…` would take 20 ms. */
  maxDepth: 4,
  /** Values in a client's line: a `hello` with all rooms, or a `tell` to `message.maxRecipients`, several times. */
  maxClientValues: 256,
  /** Values in a server's line: the short texts of a run of `output.maxRunChars` fit. Four million would take 200 MB. */
  maxServerValues: 65_536,
  /** Longest `ref`, in UTF-16 units. */
  maxRefChars: 64,
  /** Longest `epoch` or file `version`, in UTF-16 units. */
  maxEpochChars: 64,
} as const;

/** Output to one session. */
export const output = {
  /**
   * Flushes a second that follow their turn at once; beyond that, turns share a flush that is at most a millisecond late.
   * Thousands of messages a second then cost a fraction of the writes.
   */
  flushesPerSecond: 2_000,
  /** Flushes at once after a quiet moment. */
  flushBurst: 8,
  /** Characters of the messages that leave in one line together (a single one may be longer); well under a client's longest line. */
  maxRunChars: 16_384,
  /** A reader that lags further behind than this is told and dropped, in bytes. */
  maxLagBytes: 4 * MiB,
  /** What waits for all readers together, in bytes, what several wait for once; then those who lag most are dropped. */
  maxBacklogBytes: 128 * MiB,
  /** A reader that has taken nothing for so long of what waits for it is told and dropped, however little that is. */
  stallMs: 60_000,
  /** Least time between two sends to an unframed client, in milliseconds (docs/dialects.md "Framing": one send a message). */
  unframedGapMs: 20,
  /** Messages that wait for an unframed client one by one; more are joined by line ends. */
  unframedWaiting: 16,
  /** Bytes of user lists that a member is sent in a second; a joining crowd would else cost the square of its size. */
  rosterBytesPerSecond: 16 * KiB,
  /** The part of those that may come at once, after quiet: small rooms hear of every change, and no second brings more. */
  rosterBurstBytes: 4 * KiB,
  /**
   * Answers to one session that wait for the end of the turn, in UTF-16 units; then they leave at once: what half a MiB of empty
   * lines, or of requests for the past, asks for in one turn would be hundreds of MiB.
   */
  maxAnswerChars: 256 * KiB,
  /** Text that is gathered while the log has not answered, in UTF-16 units; then messages are refused until it has. */
  maxGatheredChars: 8 * MiB,
} as const;

/** Connections. */
export const connections = {
  /** Connections from one address that is not loopback. */
  maxPerAddress: 64,
  /** All connections together; under the usual descriptor limit of a service. */
  maxTotal: 16_384,
  /** Ports that are tried for `--port 0` until one is free for both UDP and TCP. */
  portTries: 10,
  /** A port that an outgoing connection of this machine has taken is waited for this long … */
  portWaitMs: 2_000,
  /** … and tried this often. */
  portRetryMs: 100,
  /** People who come from one address that is not loopback, a second; everybody is told of each … */
  loginsPerSecond: 5,
  /** … and at once: as many as may be there come back after a restart, and once more. */
  loginBurst: 128,
  /** Addresses whose people are counted; the one heard of longest ago is forgotten first. */
  loginAddresses: 4_096,
  /** A connection that has given no name by then, whatever it has sent, is closed. A silent `nc` may wait as long. */
  loginTimeoutMs: 60_000,
  /** A connection that is turned away may take this long to read why, unless there are … */
  turnedAwayMs: 500,
  /** … so many: half of the least reserve of descriptors. The others are closed at once. */
  maxTurnedAway: 16,
  /** After the peer's FIN: time for late answers (a list of files) before the connection ends. */
  afterFinMs: 500,
  /** A connection that is over and takes no more bytes is cut after this. */
  drainMs: 5_000,
  /** Silence after which the system asks whether a connection is still there (TCP keep-alive). */
  keepAliveMs: 30_000,
  /** A native session that is silent this long is sent a ping … */
  idlePingMs: 60_000,
  /** … and closed when nothing came back for this long after it. */
  idleCloseMs: 30_000,
} as const;

/** File descriptors: every connection and open file takes one, and without a free one nobody is heard any more. */
export const descriptors = {
  /** More are not taken, whatever the system allows: `connections.maxTotal` of chat and a quarter of it for pages and files. */
  max: 20_480,
  /** One in so many of the limit is not for chat connections but for files and what else is opened … */
  reserveOneIn: 8,
  /** … and at least and at most so many: `files.maxTransfers` and some. */
  minReserve: 32,
  maxReserve: 1_024,
  /** How often the open ones are counted, at most; counting thousands takes milliseconds … */
  countMs: 50,
  /** … so it may take one in so many of them. */
  countOneIn: 50,
  /** How often the web port is looked at: so long a flood of half requests can keep others waiting. */
  watchMs: 250,
  /** Trouble is said at most this often. */
  warnMs: 60_000,
} as const;

/** What one sender may do. */
export const sender = {
  /** Messages a second that one sender may keep up (`--rate`). */
  messagesPerSecond: 100,
  /** Burst, in seconds' worth of the rate. */
  burstSeconds: 4,
  /** Bytes of text a second that one sender may keep up. */
  bytesPerSecond: 512 * KiB,
  /** A client whose message the disk did not take may try again after this. */
  storageRetryMs: 1_000,
  /** Messages over the rate that wait for their turn; then they are refused with `retry after`. */
  maxDelayed: 64,
  /** Refusals a second that are answered one by one, each as long as a message … */
  refusalsPerSecond: 500,
  /** … and at once; who goes on beyond that hears nothing any more, and its connection ends. Our clients' windows fit often. */
  refusalBurst: 2_000,
  /** All connections of one address, or of one /64 of IPv6, may together say as much as so many senders … */
  sendersPerNetwork: 2,
  /** … with this burst of bytes, in seconds: 2 MiB, half of `output.maxLagBytes`, so that no reader is dropped for it. */
  networkBurstSeconds: 2,
  /** Networks of which that is remembered; the one heard of longest ago is forgotten first. */
  networks: 4_096,
  /** Who owes the bytes of so many seconds goes on sending without being read: its connection ends. */
  maxDebtSeconds: 30,
} as const;

/** Private chats by consent. */
export const privateChat = {
  /**
   * A name stands for the partner that one knew by it for so long after the partner has given it up. A client that has heard
   * nothing for that long has left its connection: it knows by then, and what it wrote before has arrived.
   */
  nameKnownMs: 30_000,
  /** Such names of one member; partners seldom change theirs twice in that time. */
  namesKnown: 8,
} as const;

/** What the server remembers. */
export const history = {
  /** Messages kept in memory for a room. */
  memoryMessages: 10_000,
  /** Bytes of text and names kept in memory for a room; 10 000 long messages would else be 160 MB. */
  memoryRoomBytes: 8 * MiB,
  /** Bytes kept in memory for all rooms together; rooms where nobody is lose their past first, the quiet ones before others. */
  memoryBytes: 256 * MiB,
  /** Bytes of private messages kept in memory for all recipients together. */
  memoryMailBytes: 64 * MiB,
  /** Rooms whose log is kept on disk. Empty ones are dropped first, then the smallest not in use. */
  diskRooms: 65_536,
  /** Rows that one slice of a sweep reads or deletes: a millisecond or two. */
  sliceRows: 500,
  /** Pause between two sweeps of the store … */
  sweepMs: 10_000,
  /** … and between two slices of one, so that others get their turn. */
  sweepSliceMs: 20,
  /** Pages of the write-ahead log after which it is checkpointed: 4 MiB, some milliseconds. */
  walPages: 1_000,
  /** A file up to this size is checked page by page when it is opened: about half a second. */
  checkBytes: 256 * MiB,
  /** Bytes kept on disk of messages and mail together; one sender may write 44 GB a day. Who has the most loses its oldest first. */
  diskBytes: 16 * 1024 * MiB,
  /** Messages kept on disk for a room. */
  diskMessages: 1_000_000,
  /** Age at which a message is forgotten. */
  maxAgeMs: 30 * 24 * 3_600_000,
  /** Private messages kept for one recipient. */
  mailMessages: 1_000,
  /** Rooms that exist at once; empty ones without history are forgotten first. */
  maxRooms: 1_024,
  /** Sessions remembered for resuming, the oldest forgotten first. */
  maxSessions: 65_536,
  /** How long a session that lost its connection can come back to its counter and mail. */
  resumeMs: 24 * 3_600_000,
  /** How long a session that said goodbye is remembered, so that a word of it which comes late is not said twice. */
  goodbyeMs: 10 * 60_000,
  /** A session that was lost keeps getting mail under its name for so long: a restart or a dead cell, not a night. */
  mailHoldMs: 5 * 60_000,
  /** The record of a session that is there is written anew after this, for a server that dies without a word to it. */
  recordFreshMs: 60_000,
  /** Most files in a list for a dialect that knows no pages. */
  wholeListFiles: 10_000,
  /** Most messages in one answer to a history request … */
  pageMessages: 500,
  /** … and their bytes at most, but one message always; well below `output.maxLagBytes`, or asking would be reading too slowly. */
  pageBytes: 1 * MiB,
} as const;

/** The CPP registry. */
export const registry = {
  /** Registrations kept; beyond that the network with most of them loses its oldest. */
  maxEntries: 4_096,
  /** An ID whose client has registered or bridged within this time is replaced from its network only. */
  freshMs: 3_600_000,
  /** One CPP message, in bytes. */
  maxMessageBytes: 8 * KiB,
} as const;

/** A CPP peer (`parley peer`). */
export const peer = {
  /** Lines typed out of turn: a pasted page fits, and a stuck pipe does not fill memory. */
  maxTypedAhead: 256,
  /** Callers that are silent so far. They never time out, so their number is bounded: the oldest goes. */
  maxSilentCallers: 16,
  /** Connecting to the registry or to a peer, and the registry's answer. */
  requestTimeoutMs: 5_000,
  /** Registrations that one `/bridge` tries: each client that has gone may cost a timeout. */
  maxBridgeTries: 16,
  /** `/quit` during a request gives it this long to finish. */
  hurryMs: 1_000,
  /** Closing: time for the other side to take the last bytes and to close. */
  lingerMs: 1_000,
  /** Idle time after which the kernel checks whether the other machine still exists. */
  keepAliveMs: 60_000,
  /** Bytes that wait for a peer before stdin is paused. */
  maxWaitingBytes: 256 * KiB,
} as const;

/** File transfers over UDP. "Segment bytes" are the bytes of the file in one datagram. */
export const transfer = {
  /** Names a transfer, unguessably; a forger of DATA would have to guess its last eight bytes. */
  tokenBytes: 16,
  /** Proof of an address: 120 bits of keyed hash and a byte for its epoch. */
  cookieBytes: 16,
  /** How long a cookie can start a transfer, at least; a running one remembers its address. */
  cookieLifeUs: 60_000_000,
  /** Largest file: offsets have 48 bits. */
  maxFileBytes: 2 ** 48 - 1,
  /** Largest REQUEST: fits the least MTU of IPv6. */
  maxRequestBytes: 1_200,
  /** Smallest segment that a client may request; smaller ones would just cost the server time. */
  minSegmentBytes: 512,
  /** Fits every path: 1 256 bytes with IPv4, 1 276 with IPv6, which guarantees 1 280. */
  baseSegmentBytes: 1_200,
  /** 64 KiB with all headers, on loopback. */
  maxSegmentBytes: 65_024,
  /** Largest segment of a server that can't prevent fragmentation: Ethernet less IPv4, UDP and DATA headers. */
  maxFragmentableBytes: 1_444,
  /** Longest range in a REQUEST. */
  maxRangeBytes: 8 * MiB,
  /** Segments in flight at the receiver, a power of two: 38 MB of 1 200 bytes, 10 Gbit/s over 30 ms. */
  maxInFlightSegments: 32_768,
  /** Most reordering that is tolerated before a segment counts as lost. */
  maxReorderSegments: 2_048,
  /** Most bytes in flight: more than any path here needs, little enough for the server's queue. */
  maxWindowBytes: 32 * MiB,
  /** A transfer is stalled after this long without a new byte; the partial file is kept. */
  stallTimeoutUs: 30_000_000,
  /** First timeout of an INIT, then doubled (RFC 9002 §6.2.2 has 1 s; losing one costs more than a copy). */
  initTimeoutUs: 300_000,
  /** Longest wait between two probes, so that a restored link is noticed soon. */
  maxProbeTimeoutUs: 2_000_000,
  /** Transfers that a server knows at once. */
  maxTransfers: 4_096,
  /** Ranges of one transfer queued at the server; more are dropped, and count as lost at the client. */
  maxQueuedRanges: 512,
  /** Bytes of one transfer queued at the server: twice a window is all that a client can use. */
  maxBacklogBytes: 64 * MiB,
  /** Smallest chunk; a digest costs 35 µs of hashing and 22 characters on the control connection. */
  minChunkBytes: 64 * KiB,
  /** Most chunks of a file: 4 MiB of digests, 16 GiB in chunks of 64 KiB; larger files have larger chunks. */
  maxChunks: 262_144,
  /** Bytes kept of a chunk's digest: 128 bits can't be matched by chance or by search. */
  digestBytes: 16,
  /** SHA-256. */
  wholeDigestBytes: 32,
  /** Digests in one line of the control connection: 21 KiB in base64. */
  maxDigestsPerLine: 1_024,
  /** Wrong copies of one chunk before the fetch gives up. */
  maxBadCopies: 3,
  /** Consecutive small segments are coalesced up to this before they are written. */
  writeRunBytes: 256 * KiB,
  /** Segments from this size on are written as they are. */
  directWriteBytes: 16 * KiB,
  /** What arrived out of order is read back for hashing in pieces of this size: 0.15 ms. */
  readBackBytes: 256 * KiB,
} as const;

/** UDP sockets. */
export const udp = {
  /** Requested socket buffers: a burst of 60 ms at 1 Gbit/s. The kernel may grant less. */
  socketBufferBytes: 8 * MiB,
  /** Datagrams of one `sendMany`: Bun 1.4.5 sends no more than 204 at once. */
  maxSendMany: 204,
  /** Bytes of one segmented send: 64 KiB less IP and UDP headers. */
  maxBatchBytes: 65_507,
  /** Datagrams read per call where the event loop can be bypassed: 8 MiB of memory, little of it ever touched. */
  batchDatagrams: 128,
  /** A longer wait in the socket than this, in µs, means that the clock was set. */
  maxLateUs: 1_000_000,
  /** Retry at the latest after this, when the kernel took less than everything. */
  retrySendMs: 2,
  /** On every address: this machine's addresses are looked up this often, and … */
  addressScanMs: 5_000,
  /** … when a datagram arrives at one without a socket, but no more often than this. */
  addressScanGapMs: 100,
  /** Addresses with a socket of their own; a machine with more serves the others from the wildcard socket. */
  maxLocalAddresses: 64,
} as const;

/** The shared folder. */
export const folder = {
  /** Files in one answer. */
  pageFiles: 1_000,
  /** Bytes of one answer, below `message.maxLineBytes`. */
  pageBytes: 120 * KiB,
  /** A listing, and its files' metadata, is read from disk again after this long. */
  listingMs: 2_000,
  /** A folder unchanged for this long can be recognised by its modification time; file systems count in up to 2 s. */
  settledMs: 3_000,
  /** Files of a listing whose metadata is cached that long; in a larger folder it is read anew. */
  listedFiles: 16_384,
  /** Files examined before other work gets a turn; 50 `lstat` take 0.1 ms. */
  sliceFiles: 100,
  /** Longest file name, in UTF-16 units. */
  maxNameChars: 1_024,
} as const;

/** The web port: the page, files over HTTP, WebSockets. */
export const web = {
  /** Largest WebSocket frame from a client: the longest line and some company. A larger one ends the connection (1009). */
  maxFrameBytes: 256 * KiB,
  /** Largest frame to a client; longer output is cut at a line end, so that a phone can show the beginning early. */
  outFrameBytes: 64 * KiB,
  /** The first request of a connection must be whole by then, in seconds; bytes that drip do not help. */
  requestSeconds: 10,
  /** An answer or download that has not moved for this long ends, in seconds (Bun.serve counts in seconds, up to 255). */
  idleSeconds: 60,
  /** A WebSocket without a sign of life, not even a pong, ends after this long, in seconds. */
  socketIdleSeconds: 120,
  /** After the server's last line: how long a browser may take to close its side. */
  socketCloseMs: 2_000,
  /** Files and ranges up to this size are read at once, and so can't be a mixture of two versions; larger ones go by sendfile. */
  wholeReadBytes: 1024 * KiB,
  /** Read and hashed in one go before other work gets a turn: half a millisecond. */
  hashSliceBytes: 1024 * KiB,
  /** Hashes that are computed at once … */
  maxHashes: 2,
  /** … and requests that wait for one; more are told to come back. */
  maxHashWaiting: 64,
  /** Digests remembered, by version of the file. */
  digestsKept: 4_096,
  /** How often the event loop's delay is measured, in milliseconds. */
  loopProbeMs: 500,
} as const;

/** Open-chat's stop-and-wait download over UDP. */
export const openChatDownload = {
  /** First port of the pool: that of the original. */
  firstPort: 55_000,
  /** Ports of the pool, and so concurrent downloads; a port in use is skipped. */
  ports: 16,
  /** Bytes of the file in one answer: 1016 with the pickle around it; its client's buffer holds 1024. */
  partBytes: 1_000,
  /** Longest request: `part` and 15 digits, with room for a line end. */
  maxRequestBytes: 64,
  /** A port is freed after this long without a request; once its client has left the chat, without a new one. */
  idleMs: 30_000,
  /** The same before the first request: its program asks at once, and a person can type it in this time. */
  firstRequestMs: 10_000,
  /** Unused ports of one session: the next file may be named while the first one starts. */
  unaskedPerSession: 2,
  /** Ports of one session, so that one client can't take the pool; its program loads one file at a time. */
  portsPerSession: 4,
  /** Ports of one address other than loopback: half of the pool. */
  portsPerAddress: 8,
  /** Requests that a client may make per part of the file; more are not a download, but hold a port. */
  maxRequestsPerPart: 16,
  /** Requests beyond that, so that small files survive a lossy path too. */
  spareRequests: 256,
} as const;

/** The lab's small clients (`parley classic`). */
export const classicClient = {
  /** Time for a TCP connection to open. */
  connectTimeoutMs: 10_000,
  /** Least time between two sends: servers take one read for one message. Over sniff.unframedAfterMs. */
  sendGapMs: 100,
  /** Time for an answer over TCP. */
  answerTimeoutMs: 10_000,
  /** Time for the answer to a datagram, before it is sent again … */
  datagramTimeoutMs: 1_000,
  /** … and how often it is sent. */
  datagramAttempts: 5,
  /** Reads that wait to be printed before reading pauses. */
  maxHeard: 256,
  /** After the end of input: silence after which every echo has arrived. */
  farewellMs: 500,
} as const;

/** Ports that answer a datagram with a datagram (greeting, date-time). */
export const datagramDialects = {
  /** Longest request that is answered; the words have 9 characters, a greeting may be a sentence. */
  maxRequestBytes: 1_024,
  /** Ports up to this one belong to services: what comes from them is no client's request. */
  maxServicePort: 1_023,
  /** Answers a second to one address and port; date-time's own client asks once a second or less … */
  sourcePerSecond: 16,
  /** … and at once. A forged sender that replies to every answer gets this many and no more. */
  sourceBurst: 32,
  /** Answers a second to one network, for all the clients behind one address … */
  networkPerSecond: 128,
  /** … and at once. */
  networkBurst: 512,
  /** Senders and networks that are remembered, each about 150 bytes. */
  maxSources: 4_096,
} as const;

/** Serving files. */
export const files = {
  /** Concurrent transfers; each has an open file and up to `readAheadBytes`. */
  maxTransfers: 512,
  /** Of those, to one address other than loopback. */
  maxTransfersPerAddress: 64,
  /** Transfers that one control connection may have open. */
  maxTransfersPerSession: 16,
  /** One that was sent nothing for this long gives way to others: its client has given up, or waits for its own reader. */
  idleMs: 30_000,
  /** A file being sent is checked for changes this often. */
  checkFileMs: 100,
  /** Small segments are read from a block of this size … */
  readAheadBytes: 128 * KiB,
  /** … and segments from this size on straight from the file. */
  directReadBytes: 16 * KiB,
  /** Bytes hashed between two looks at the clock: 0.1 ms. */
  hashSliceBytes: 128 * KiB,
  /** The hashing pass stays this far ahead of sending: a client must not wait for the last digest. */
  hashLeadBytes: 64 * MiB,
  /** Sending may take the event loop this long at a time … */
  sendSliceMs: 1,
  /** … and hashing this long. */
  hashSliceMs: 1,
  /** … and rendering lists of files too; one takes 0.5 ms. */
  answerSliceMs: 1,
  /** Longest blocking wait in place of a timer, which can't be shorter than 1 ms; in µs. */
  napUs: 250,
  /** Digests are sent once there are so many, or after `digestsAfterMs`. */
  digestsTogether: 64,
  digestsAfterMs: 5,
  /** Digests are held back from a control connection with this much unsent. */
  maxControlBytes: 256 * KiB,
  /** Cached digests of finished files, in bytes of digests; the least recently used are evicted. */
  digestCacheBytes: 8 * MiB,
  /** Different lists of files being read at once; nearly everybody asks for the same first page. */
  maxListings: 64,
} as const;

/** The journal beside a partial file. */
export const journal = {
  /** As `transfer.minChunkBytes`: a journal with smaller chunks is not ours. */
  minChunkBytes: 64 * KiB,
  /** Arrivals are recorded after this many bytes … */
  everyBytes: 8 * MiB,
  /** … or this long: what a SIGKILL costs. */
  everyMs: 250,
  /** A longer journal is not read; 262 144 chunks take at most half of it. */
  maxBytes: 16 * MiB,
} as const;

/** Fetching files, the client's side. */
export const fetching = {
  /** A second connection attempt is started after this long: a lost SYN is only resent after a second (RFC 6298 §2.1). */
  secondConnectMs: 300,
  /** TCP connect, and the server's `welcome`. */
  connectTimeoutMs: 10_000,
  /** A server whose first words are not native may have prompted a person; its welcome must follow this soon. */
  bannerTimeoutMs: 2_000,
  /** Answer to a request on the control connection. */
  answerTimeoutMs: 20_000,
  /** A rate-limited request is sent again this often, after the wait that the server asks for. */
  maxRateTries: 10,
  /** A server may name another port, and then another version of the file, before there is a wait between attempts. */
  maxStaleTries: 4,
  /** Everything has arrived, but no digests to verify it for this long: retry on a new connection. */
  digestTimeoutMs: 20_000,
  /** Nothing at all has arrived for this long: ping the control connection … */
  silenceMs: 1_500,
  /** … and give it up without an answer. Our address may have changed; a new connection continues within 5 s. */
  aliveTimeoutMs: 2_000,
  /** While nothing arrives, timeouts are checked this often. */
  silenceStepMs: 100,
  /** The server answers over TCP but not over UDP for this long: something on the way blocks it. */
  udpAnswerMs: 5_000,
  /** The same after an ICMP "port unreachable". */
  udpRefusedMs: 1_000,
  /** Versions of one file that are started before giving up on it. */
  maxVersions: 16,
  /** A fetch retries this long without progress; then it is stalled, and the partial file is kept. */
  retryForMs: 30_000,
  /** Wait between two attempts, doubled up to the second figure. */
  retryFirstMs: 100,
  retryMaxMs: 2_000,
  /** `fetch` leaves without the cookie if that is this much later than the TCP connection. */
  cookieWaitMs: 30,
  /** Data that overtake the offer are buffered up to this much. */
  maxEarlyBytes: 4 * MiB,
  /** Lines read together with the offer; one read is 512 KiB at most, a full line of digests 21 KiB. */
  maxEarlyLines: 1_024,
  /** Buffer of `-o -`: verified bytes leave it in order. */
  ringBytes: 16 * MiB,
  /** While a turn reads, more is requested after this many bytes: 0.25 ms at 1 Gbit/s. */
  eagerBytes: 32 * KiB,
  /** A turn that has read this much stops requesting, so that the socket runs dry and the turn can end. */
  eagerTurnBytes: 1 * MiB,
  /** With this many small datagrams in this long, a turn stays with the socket that long, and reads in batches. */
  batchedDatagrams: 8,
  batchedTurnMs: 5,
  /** The first burst is awaited in batches as well, for this long. */
  expectMs: 25,
  /** Nap between two batches until so many datagrams are expected, within these bounds in µs. */
  napDatagrams: 8,
  minNapUs: 150,
  maxNapUs: 1_000,
  /** Small segments wait at most this long to be written together. */
  gatherMs: 4,
  /** Hashing what arrived out of order may take the event loop this long at a time. */
  workSliceMs: 2,
  /** Bytes handed to stdout at once. */
  outputBytes: 256 * KiB,
  /** The window of `-o -` advances in this many steps per ring. */
  horizonSteps: 8,
  /** Bytes of the ring that stdout may still be reading: `terminal.maxDataBytes` and one piece, doubled. */
  unsentBytes: 1 * MiB,
  /** The reader of `-o -` may take this long for the rest at the end: a day. */
  outputFlushMs: 86_400_000,
  /** Progress is reported this often. */
  progressMs: 200,
  /** The control connection is pinged after this long a silence. */
  pingAfterMs: 10_000,
  /** Longest listing, in files; a server that never ends is left. */
  maxListed: 1_000_000,
} as const;

/** Stopping. */
export const shutdown = {
  /** From the signal to the end of the process, in milliseconds. */
  graceMs: 4_000,
} as const;

/** A native client's session. */
export const client = {
  /** Messages on their way without an acknowledgement; hides a long path's delay, and is what a restart makes us say again. */
  windowMessages: 256,
  /** The same in characters of text, so that long messages do not pile up in socket buffers. */
  windowChars: 256 * KiB,
  /** Messages that wait, on their way or not; then the person or the pipe waits. */
  queueMessages: 1_024,
  /** Requests (who, rooms, files, …) without an answer. */
  openRequests: 64,
  /** From the open connection to the welcome; then it is tried again. */
  welcomeTimeoutMs: 10_000,
  /** As `fetching.bannerTimeoutMs`. */
  firstWordsMs: 2_000,
  /** Time for a TCP connection to open. */
  connectTimeoutMs: 10_000,
  /** The server has been silent for this long: ask whether it is there. Less than connections.idlePingMs. */
  pingAfterMs: 20_000,
  /** The same while a message waits for its acknowledgement. */
  pingWaitingAfterMs: 5_000,
  /** Nothing came back for this long after the ping: the connection is dead. */
  pongTimeoutMs: 10_000,
  /** First wait before connecting again; doubles with each failure … */
  retryFirstMs: 200,
  /** … up to this. A restarted server is found soon, and a thousand clients do not hammer it. */
  retryMaxMs: 10_000,
  /** Longest wait that a refusal (`retryAfterMs`) can ask for. */
  retryAfterMaxMs: 60_000,
  /** Answers `protocol` to one message without progress between them; then the connection starts afresh. */
  maxRewinds: 3,
  /** Longest line of a server: a page of history, every character of it escaped, and as much again. */
  maxServerLineBytes: 4 * MiB,
  /** Bytes that a server has not taken yet before its connection counts as stuck; the window's messages fit. */
  maxUnsentBytes: 8 * MiB,
  /** A pipe without `--follow` gives up when no connection came back for this long. */
  giveUpMs: 600_000,
} as const;

/** Logs and data on stdout and stderr. */
export const terminal = {
  /** Log lines that wait for a reader, in bytes; more are dropped and counted. */
  maxLogBytes: 256 * KiB,
  /** Log lines per second, of events and of troubles each; more are suppressed and counted … */
  logLinesPerSecond: 200,
  /** … beyond this many at once: as many people may come back at once after a restart. */
  logBurst: 2_000,
  /** Longest value of a log line's field; file names have at most 255 bytes. */
  maxLogFieldChars: 256,
  /** Data that wait for a reader, in bytes; then whoever makes them pauses. */
  maxDataBytes: 256 * KiB,
  /** One write to the system: about what a pipe takes at once. */
  writeBytes: 64 * KiB,
  /** A terminal that takes nothing, stopped by Ctrl-S for example, is tried again at least this often. */
  stoppedTerminalMs: 50,
  /** How long the end of the program waits for a reader of its last lines. */
  flushTimeoutMs: 1_000,
  /** Longest line that can be written at the prompt; above the longest message, so that the refusal says what is wrong. */
  maxTypedChars: 32 * KiB,
  /** Longest paste that is taken; the rest of it is dropped. Far above the longest message. */
  maxPasteChars: 256 * KiB,
  /** Pieces of text that follow each other faster than this are one paste. */
  pasteGapMs: 1_000,
  /** Lines that the prompt remembers; more are forgotten, the oldest first. */
  maxHistoryLines: 500,
  /** What Ctrl-R looks for in them has at most this many characters. */
  maxSearchChars: 200,
  /** Messages shown of a room that is entered. */
  enteredMessages: 20,
  /** Messages of a room in the background that are kept until it is looked at, the last ones … */
  missedMessages: 50,
  /** … and their characters at most. */
  missedChars: 64 * KiB,
  /** Messages held back while the last ones before them are on their way. */
  heldMessages: 500,
  /** An escape that is followed by nothing for this long was the key. */
  escapeTimeoutMs: 50,
  /** Names remembered for completion. */
  maxNames: 2_000,
  /** Pages of a listing that are asked for in a row. */
  maxPages: 20,
  /** The same for what only Tab needs: `maxNames` of them. */
  maxQuietPages: 4,
  /** Choices that Tab shows. */
  maxChoices: 60,
} as const;

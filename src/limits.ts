// Every bound in parley: its unit in the name, its reason beside it. Pure: imports nothing.
// tests/limits.test.ts checks the relations between them.

const KiB = 1024;
const MiB = 1024 * KiB;

/** Protocol detection on the main port. */
export const sniff = {
  /**
   * Bytes held back before the protocol must be known; many times the longest CPP type line or
   * name.
   */
  maxBytes: 4 * KiB,
  /** Without a line end for this long, a client is unframed (one read is one message). */
  unframedAfterMs: 50,
  /** After this much silence, assume a person at `nc` and prompt for a name, once. */
  promptAfterMs: 1_000,
} as const;

/** Names of people and rooms. */
export const names = {
  /** Longest name, in characters; fits every dialect's window, and a list of 1 000 fits 64 KiB. */
  maxChars: 32,
  /** Marks per letter: Burmese has five (medials, vowels, tone), Hebrew and Tibetan up to four. */
  maxMarks: 6,
  /**
   * Generic accents among them: three in ancient Greek, two in Vietnamese, a vowel and a doubling
   * mark in Arabic.
   */
  maxAccents: 3,
  /** Longest room name, in characters. */
  maxRoomChars: 32,
  /** Names of members or rooms per page: 40 KB. */
  pageNames: 500,
  /** Rooms per session. Each costs its events and a place in the room, and people follow fewer. */
  maxRoomsPerSession: 16,
} as const;

/** One message. */
export const message = {
  /** Longest text of one chat message, in UTF-16 units; longer input is refused, never cut. */
  maxTextChars: 16 * KiB,
  /** Lines of one message: what `maxTextChars` take on a terminal of 80 columns. */
  maxTextLines: 200,
  /**
   * Longest input line of any dialect, in bytes, with room for JSON escapes of the longest text. A
   * line without an end stops here.
   */
  maxLineBytes: 128 * KiB,
  /** Recipients of one private message. */
  maxRecipients: 64,
} as const;

/** Lines of the native protocol, besides their length. */
export const protocol = {
  /**
   * Deepest nesting of a line; lists of objects in an object need 3. Parsing 120 KB of `[[[[…`
   * would take 20 ms.
   */
  maxDepth: 4,
  /**
   * Values in a client's line: several times a `hello` with all rooms, or a `tell` to
   * `message.maxRecipients`.
   */
  maxClientValues: 256,
  /**
   * Values in a server's line: fits the short texts in a run of `output.maxRunChars`. Four million
   * would take 200 MB.
   */
  maxServerValues: 65_536,
  /** Longest `ref`, in UTF-16 units. */
  maxRefChars: 64,
  /** Longest `epoch` or file `version`, in UTF-16 units. */
  maxEpochChars: 64,
} as const;

/** Output to one session. */
export const output = {
  /**
   * Flushes per second that immediately follow their turn; past that, turns share a flush at most a
   * millisecond late. Thousands of messages a second then cost a fraction of the writes.
   */
  flushesPerSecond: 2_000,
  /** Immediate flushes after a quiet moment. */
  flushBurst: 8,
  /**
   * How long those who come and go are gathered after a long turn, in milliseconds; far below what
   * anybody notices.
   */
  maxRestMs: 100,
  /**
   * Characters per line of a run (a single message may be longer); well under a client's longest
   * line.
   */
  maxRunChars: 16_384,
  /** A reader lagging further behind than this is dropped, in bytes. */
  maxLagBytes: 4 * MiB,
  /**
   * Total backlog of all readers, shared bytes counted once. Past it, the slowest readers are
   * dropped.
   */
  maxBacklogBytes: 128 * MiB,
  /**
   * A reader that takes nothing of its backlog for this long is dropped, however small the backlog.
   */
  stallMs: 60_000,
  /**
   * Minimum gap between sends to an unframed client, in milliseconds (docs/dialects.md "Framing":
   * one send per message).
   */
  unframedGapMs: 20,
  /** Messages queued one by one for an unframed client; further ones are joined by line ends. */
  unframedWaiting: 16,
  /**
   * Bytes of user lists per member and second; otherwise a joining crowd would cost the square of
   * its size.
   */
  rosterBytesPerSecond: 16 * KiB,
  /**
   * The part of those that may be sent at once: small rooms hear of every change, and no second
   * brings more.
   */
  rosterBurstBytes: 4 * KiB,
  /**
   * Answers queued for one session until the end of the turn, in UTF-16 units; past this they are
   * sent at once. Half a MiB of empty lines or history requests could ask for hundreds of MiB in
   * one turn.
   */
  maxAnswerChars: 256 * KiB,
  /**
   * What is gathered while the store is not answering, in UTF-16 units; past this, messages, joins,
   * renames and logins are refused.
   */
  maxGatheredChars: 8 * MiB,
  /** What each gathered message counts besides its text. */
  gatheredMessageChars: 128,
  /** What each join, rename, answer or record counts; delivering thousands takes their square. */
  gatheredEntryChars: 512,
} as const;

/** Connections. */
/** TLS on the main port and the page. */
export const tls = {
  /** A handshake that is not complete by then is cut. */
  handshakeMs: 10_000,
  /** A file of known servers: about 10 000 lines. */
  maxKnownServersBytes: 1_048_576,
  /** How often `--cert` and `--key` are checked for changes. */
  certificateCheckMs: 5_000,
  /** A certificate with its chain, and a key. */
  maxPemBytes: 262_144,
} as const;

export const connections = {
  /** Connections per address, loopback excepted. */
  maxPerAddress: 64,
  /** Connections that an address may open per second, loopback excepted. */
  openedPerSecond: 50,
  /** The same at once: everybody behind it comes back after a restart, in several attempts. */
  openedAtOnce: 512,
  /** Total connections; below the usual descriptor limit of a service. */
  maxTotal: 16_384,
  /** Attempts of `--port 0` to find a port free for both UDP and TCP. */
  portTries: 10,
  /** How long to wait for a port that an outgoing connection of this machine occupies. */
  portWaitMs: 2_000,
  /** How often to try such a port again. */
  portRetryMs: 100,
  /**
   * Logins per second and address, loopback excepted; each is announced to everybody. All
   * `maxPerAddress` get their turn in a few seconds.
   */
  loginsPerSecond: 20,
  /** Logins at once: everybody behind one address may return after a restart, twice. */
  loginBurst: 128,
  /** A login over the rate waits for its turn this long, less than `client.welcomeTimeoutMs`. */
  loginTurnMs: 8_000,
  /** Addresses tracked for logins; the least recently used is forgotten first. */
  loginAddresses: 4_096,
  /**
   * A connection that has not logged in by then is closed, whatever it has sent. Long enough for a
   * silent `nc`.
   */
  loginTimeoutMs: 60_000,
  /** How long a refused connection may take to read the reason. */
  refusedLingerMs: 500,
  /**
   * Refused connections kept open for that: half the minimum descriptor reserve. Others are closed
   * at once.
   */
  maxRefusedLingering: 16,
  /**
   * After the peer's FIN: time for late answers (a list of files) before the connection is closed.
   */
  afterFinMs: 500,
  /** An ending connection that takes no more bytes is aborted after this. */
  drainMs: 5_000,
  /**
   * Receive buffer of a chat connection, which Linux doubles: what one read can bring, while all
   * others wait. Enough for `sender.bytesPerSecond` over 100 ms.
   */
  receiveBufferBytes: 64 * KiB,
  /**
   * Longest TCP segment: with IPv6 and its headers 1 280 bytes, which every path takes. A tenth more
   * packets than on Ethernet.
   */
  maxSegmentBytes: 1_220,
  /** Idle time before the kernel probes whether the peer is still there (TCP keep-alive). */
  keepAliveMs: 30_000,
  /** A native session silent for this long is sent a ping. */
  idlePingMs: 60_000,
  /** A pinged session is closed if nothing comes back for this long. */
  idleCloseMs: 30_000,
} as const;

/**
 * File descriptors: every connection and open file takes one, and without a free one nothing works.
 */
export const descriptors = {
  /**
   * Maximum used, whatever the system allows: `connections.maxTotal` for chat and a quarter of that
   * for the web port and files.
   */
  max: 20_480,
  /** One in this many is reserved from chat connections, for files and other uses. */
  reserveOneIn: 8,
  /** Bounds of that reserve: `files.maxTransfers` and some. */
  minReserve: 32,
  maxReserve: 1_024,
  /** Minimum interval between counts; counting thousands takes milliseconds. */
  countMs: 50,
  /** Counting may take one in this many milliseconds of the server's time. */
  countOneIn: 50,
  /**
   * Interval between checks of the web port, which is how long a flood of half-sent requests can
   * block others.
   */
  watchMs: 250,
  /** Minimum interval between warnings. */
  warnMs: 60_000,
} as const;

/** Limits per sender. */
export const sender = {
  /** Sustained messages per second (`--rate`). */
  messagesPerSecond: 100,
  /** Burst, in seconds' worth of the rate. */
  burstSeconds: 4,
  /** Sustained bytes of text per second. */
  bytesPerSecond: 512 * KiB,
  /** When a client may retry a message that could not be stored. */
  storageRetryMs: 1_000,
  /**
   * Longest line of a first login that need not wait for others of its network; many times a name,
   * or a `hello` with all rooms.
   */
  firstLoginChars: 8 * KiB,
  /** Queued messages over the rate; further ones are refused with a retry time. */
  maxDelayed: 64,
  /**
   * Characters of the lines they came in; as many as our own clients have in flight. 64 of the
   * longest lines would take 8 MiB a connection.
   */
  maxDelayedChars: 256 * KiB,
  /** Refusals answered per second; each is as long as a message. */
  refusalsPerSecond: 500,
  /**
   * Refusals answered at once. A client that goes on past this is disconnected; several times our
   * clients' window.
   */
  refusalBurst: 2_000,
  /**
   * All connections of one address, IPv6 /64 or account may together send as much as this many
   * senders.
   */
  sendersPerOwner: 2,
  /**
   * Their burst of bytes, in seconds: 2 MiB, half of `output.maxLagBytes`, so that no reader is
   * dropped for it.
   */
  sharedBurstSeconds: 2,
  /** Networks and accounts tracked for that; the least recently used is forgotten first. */
  shareOwners: 4_096,
  /**
   * A session with this many seconds' worth of byte debt is disconnected: it keeps sending although
   * nothing is accepted. One in debt at all is, once its network owes as much.
   */
  maxDebtSeconds: 30,
  /**
   * Bytes charged for input that asks for nothing (a blank line, a pong), at least: reading a
   * megabyte of line ends takes 50 ms, answering one of WebSocket pings a second.
   */
  minIgnoredBytes: 512,
} as const;

/** Private chats by consent. */
export const privateChat = {
  /**
   * How long a former name stands for the partner who gave it up. A client silent for this long has
   * lost its connection; by then it knows the new name, and what it sent before has arrived.
   */
  nameKnownMs: 30_000,
  /**
   * After the first text that arrived too late for the partner: the time in which others that were
   * under way with it arrive, such as pasted lines.
   */
  crossingMs: 400,
  /** Former names per member; partners seldom rename twice in that time. */
  namesKnown: 8,
} as const;

/** Searching a room's past. */
export const search = {
  /** Longest search, in UTF-16 units. */
  maxTextChars: 200,
  /** Messages in one answer. */
  pageMessages: 50,
  /** Messages that one request looks through, about 5 ms; a page of history may come on top. */
  scannedMessages: 4_000,
  /** The same in UTF-16 units of text. */
  scannedChars: 512 * KiB,
  /** What a message costs to read beside its text, in UTF-16 units. */
  messageChars: 100,
  /** Reading so many UTF-16 units is charged to the asker like sending one. */
  charsPerCharged: 8,
  /** Requests of one search by a client: 400 000 messages. */
  maxRequests: 100,
} as const;

/** Files for a person: offers, and the channels that the server passes frames through. */
export const offers = {
  /** How often a sender follows a recipient from one server of a parley to another. */
  maxMoves: 3,
  /** Offers at once; each takes up to `sealed.maxChars`. */
  maxOffers: 1_024,
  /** Of those, made from one network, loopback excepted, or by one account. */
  maxPerOwner: 64,
  /** Of those, by one person, and to one. */
  maxBySender: 16,
  maxToRecipient: 32,
  /** New offers of one such owner, at once and per minute: each is shown to somebody. */
  newAtOnce: 32,
  newPerMinute: 30,
  /** Owners tracked for that; the least recently used is forgotten first. */
  owners: 4_096,
  /**
   * A sender who has lost the connection keeps an offer this long; who comes back later makes it
   * again, and the recipient's client goes on where it was.
   */
  awayMs: 600_000,
  /** Names of files that the server, and so a person, is shown of an offer. */
  shownNames: 8,
  /** Longest of them, in UTF-16 units. */
  maxNameChars: 1_024,
  /** Longest frame of a channel, in base64: `transfer.pullLineBytes` and its header are 43 KiB. */
  maxFrameChars: 96 * KiB,
  /**
   * Characters of frames waiting for one end of a channel. It asks for at most four times
   * `transfer.maxPullBytes`, which are 5.6 MiB in base64; who is sent more did not ask for it.
   */
  maxWaitingChars: 8 * MiB,
  /** The same of all channels, and of those of one owner. */
  maxAllWaitingChars: 128 * MiB,
  maxOwnerWaitingChars: 32 * MiB,
  /**
   * A sender gives up once it has sent the files this many times over, and as many bytes more: the
   * recipient is not going to be done.
   */
  resentTimes: 4,
  resentBytes: 64 * MiB,
  /** Files and folders per line of the list of an offer: the longest names fit a line. */
  listedPerLine: 60,
  /** What arrives may be this many bytes more than was offered: a log grows meanwhile. */
  slackBytes: 16 * MiB,
  /** An offer that the server could not take just then is made again after this. */
  offerAgainMs: 2_000,
  /** How long `send-file` waits for an answer. */
  answerMs: 600_000,
  /** How often a recipient tells how far it is. */
  progressMs: 500,
  /** A transfer between people waits this long for the other to come back. */
  waitMs: 7 * 24 * 3_600_000,
  /** Offers that a client remembers to have accepted, and those that wait for an answer. */
  maxKnown: 256,
  /** Names tried for a file whose name is taken: `a (2).txt`, … */
  maxNameTries: 1_000,
  /** Frames wait while a session has this many bytes of output: what is said comes soon enough. */
  maxLagBytes: 256 * KiB,
} as const;

/** Files from person to person in the page. */
export const pageFiles = {
  /** Cards of offers in the conversation; the oldest that is over goes first. */
  maxCards: 64,
  /** Bytes requested beyond what is written: gathered in memory. At least two chunks. */
  aheadBytes: 8 * MiB,
  /** Bytes opened and written at a time: a call of the browser for each chunk would cost more. */
  writeBytes: 1 * MiB,
  /** What a browser without a store on disk takes of one offer. */
  maxMemoryBytes: 256 * MiB,
  /** How long a file in the page's own store can be downloaded again. */
  keepSavedMs: 3_600_000,
  /** Lines about a file that are kept until it is ready to be written, of 128 KiB at most. */
  earlyLines: 32,
  /** Silence after which a recipient asks for a fresh channel. */
  silenceMs: 30_000,
  /** Files and folders of one folder that the page takes, a few round trips each. */
  maxTreeEntries: 20_000,
  /** Of those, at a time. */
  filesAtOnce: 6,
  /** A file for the shared folder that came too soon after others is tried again after this. */
  retryMs: 5_000,
  /** How often a card shows how far it is. */
  showMs: 200,
  /** Files of one offer from the page. */
  maxFiles: 1_000,
  /** Bytes of a file that a sender reads and seals at a time. */
  readBytes: 1 * MiB,
  /** Files that a recipient may fetch at a time, and ranges of each that it may ask for. */
  maxTransfers: 8,
  maxPulls: 16,
  /**
   * Characters on their way from a page in all its channels: at first, at least and at most. With
   * that and a frame, a WebSocket stays below `reading.maxUnreadBytes`, beyond which it is ended.
   */
  firstPassChars: 256 * KiB,
  minPassChars: 64 * KiB,
  maxPassChars: 768 * KiB,
  /** Pings for what is on its way: the more, the steadier it flows. */
  pingsPerWindow: 4,
  /** A ping that takes so long to come back means that too much is on its way. */
  slowPassMs: 1_000,
} as const;

/**
 * What people put into the shared folder. How many bytes in all is for the operator to say
 * (`--quota`).
 */
export const sharing = {
  /** Least quota: room for a few small files of several people. */
  leastQuotaBytes: 1_000_000,
  /** Uploads at once, and those of one owner. */
  maxUploads: 32,
  maxPerOwner: 4,
  /** Bytes that are requested beyond what is written: a sender without tags fills so much memory. */
  aheadBytes: 8 * MiB,
  /** New uploads of one owner, at once and per minute: each is announced to a room. */
  newAtOnce: 16,
  newPerMinute: 30,
  /** Owners tracked for that; the least recently used is forgotten first. */
  owners: 4_096,
  /**
   * One owner, that is an account or the network of those who have none, may fill a quarter of
   * the quota, and what nests in one network (all its accounts, an IPv6 /48) together half of it.
   */
  ownerParts: 4,
  networkParts: 2,
  /** Each file and folder counts as so many bytes more: an empty one takes room, too. */
  entryBytes: 4 * KiB,
  /** Things that people have put at the top of the folder: 500 bytes of memory each. */
  maxItems: 10_000,
  /** Files and folders of one upload: 20 MB at the server while they come. */
  maxEntries: 100_000,
  /** Characters of their names together. */
  maxNameChars: 8 * MiB,
  /** Of those, at the top of one upload. */
  maxTopEntries: 1_000,
  /** Longest name at the top, in bytes: what file systems take. */
  maxNameBytes: 255,
  /** An upload waits this long in memory for a sender who has lost the connection. */
  awayMs: 600_000,
  /** A place that is kept for a file by HTTP: the browser sends it at once. */
  ticketMs: 60_000,
  /** Whoever shares a file sends so much in a while, or makes way: 2 kB a second. */
  leastBytes: 64 * KiB,
  leastEveryMs: 30_000,
  /** What has arrived of an upload that was interrupted, by a crash for one, stays this long. */
  keepPartialMs: 3_600_000,
  /** How often what is over is removed. */
  sweepMs: 60_000,
  /** A row of what is kept about an upload has about 1 KiB; a longer one is not ours. */
  maxRowBytes: 16 * KiB,
  /** Names in an announcement, and for the sender; the rest is counted. */
  namedEntries: 8,
  /** Rows of a list of what people have shared: 20 KiB. */
  maxListed: 200,
  /** Files looked at, and names compared, before yielding to other work: a millisecond. */
  sliceEntries: 100,
  sliceNames: 1_000,
} as const;

/** What the store keeps. */
export const history = {
  /** Messages per room in memory (`--keep-messages`). */
  memoryMessages: 10_000,
  /** Bytes of text and names per room in memory; 10 000 long messages would take 160 MB. */
  memoryRoomBytes: 8 * MiB,
  /**
   * Bytes of all rooms in memory. Rooms without members lose their history first, quiet ones before
   * busy ones.
   */
  memoryBytes: 256 * MiB,
  /**
   * How much of a room's past, and of that of all rooms, a network or account may replace at once,
   * in per cent of what they hold.
   */
  pastPercentAtOnce: 25,
  /** The same per hour: five short messages a second in memory, for as long as anybody likes. */
  pastPercentPerHour: 200,
  /** With so few messages of others in a room, it costs in proportion less; with none, nothing. */
  pastFewMessages: 20,
  /** All accounts of a network count for so many: together they replace half at once. */
  pastMaxTimes: 2,
  /** Owners of one room tracked for that, and rooms; the least recently used are forgotten. */
  pastOwners: 256,
  pastRooms: 4_096,
  /** Rooms without a past that a network may open, at once and per hour. */
  newRooms: 256,
  newRoomsPerHour: 64,
  /** Bytes of all private messages in memory. */
  memoryMailBytes: 64 * MiB,
  /** Room logs on disk. Empty ones are dropped first, then the smallest unused ones. */
  diskRooms: 65_536,
  /** Rows read or deleted per slice of a sweep: a millisecond or two. */
  sliceRows: 500,
  /** Pause between sweeps of the store. */
  sweepMs: 10_000,
  /** Pause between slices of a sweep, for other work. */
  sweepSliceMs: 20,
  /** Pages in the write-ahead log that trigger a checkpoint: 4 MiB, some milliseconds. */
  walPages: 1_000,
  /** Files up to this size are checked page by page when opened: about half a second. */
  checkBytes: 256 * MiB,
  /**
   * Bytes of messages and mail on disk; one sender may write 44 GB a day. The largest room or
   * mailbox loses its oldest messages first (`--keep-size`).
   */
  diskBytes: 16 * 1024 * MiB,
  /** The least that `--keep-size` takes: 65 536 sessions and rooms need some 20 MB. */
  leastDiskBytes: 50_000_000,
  /** Messages per room on disk (`--keep-messages`). */
  diskMessages: 1_000_000,
  /** Maximum age of a message (`--keep-age`). */
  maxAgeMs: 30 * 24 * 3_600_000,
  /** Private messages per recipient. */
  mailMessages: 1_000,
  /**
   * Of those, what one network or account may leave for somebody who is away, at once and per
   * `mailHoldMs`, so that three of them together can't fill a mailbox.
   */
  absentMailMessages: 250,
  /** Larger networks, and all accounts of one, count for so many: half a mailbox. */
  absentMailMaxTimes: 2,
  /** Recipients and owners tracked for that; the least recently used is forgotten first. */
  absentMailOwners: 16_384,
  /**
   * Bytes of what they missed that sessions of one network receive at once when they return; then
   * as many a second as the network may send. A whole room in memory.
   */
  replayBurstBytes: 8 * MiB,
  /** Pages replayed to returning sessions per turn, in turns: one takes up to 8 ms. */
  replaysPerTurn: 8,
  /** Open rooms. */
  maxRooms: 1_024,
  /**
   * Of those, rooms that one network (loopback excepted) has opened: its 64 connections could be in
   * all of them.
   */
  maxRoomsPerNetwork: 256,
  /** Sessions kept for resuming; the oldest is dropped first. */
  maxSessions: 65_536,
  /** How long a lost session can resume its counter and mail. */
  resumeMs: 24 * 3_600_000,
  /**
   * How long a session is kept after a goodbye, so that a late copy of a message does not count
   * twice.
   */
  goodbyeMs: 10 * 60_000,
  /**
   * How long a lost session keeps its name and receives mail: a restart or a dead spot, not a
   * night.
   */
  mailHoldMs: 5 * 60_000,
  /**
   * Age at which the record of a connected session is rewritten, in case the server dies without
   * notice.
   */
  recordFreshMs: 60_000,
  /** Files in the list for a dialect without paging. */
  wholeListFiles: 10_000,
  /** Messages per page of history. */
  pageMessages: 500,
  /**
   * Bytes per page of history, but at least one message; well below `output.maxLagBytes`, or a
   * request would make its sender a slow reader.
   */
  pageBytes: 1 * MiB,
} as const;

/** What operators decide. All of it is in memory and in the store. */
export const rights = {
  /** Bans, and as many mutes: 1 MB, and a change sorts them anew within milliseconds. */
  maxSanctions: 4_096,
  /** Rooms with a topic or guests. */
  maxRoomSettings: 1_024,
  /** Guests of a private room: 20 KB with it. */
  maxGuests: 500,
  /** A file with a message of the day: a screenful. */
  maxMotdBytes: 4_096,
  /** Owners and operators. */
  maxRoles: 256,
  /** Longest order of an operator, in UTF-16 units: a topic, and as much again. */
  maxOrderChars: 1_024,
  /** Rows of one answer; 500 KB. */
  maxAnswerRows: 4_096,
  /** Passes that still let somebody in. */
  maxPasses: 1_024,
  /** Access tokens of programs, of all names … */
  maxTokens: 1_024,
  /** … and of one: a token for each place where it is used. */
  maxTokensPerName: 16,
  /** Connections that listen by one access token at once: a program, and others that replace it. */
  listenersPerToken: 8,
  /** People that one pass lets in; their record IDs are kept with it. */
  maxPassUses: 100,
  /** How long a pass is valid, unless said otherwise: a day. */
  passTermMs: 86_400_000,
  /** Wrong passwords or passes before a connection is closed: who mistypes may try again. */
  attemptsPerSession: 3,
  /** Longest reason or topic, in UTF-16 units: two lines of a terminal. */
  maxReasonChars: 256,
  /** Longest term of a ban, a mute or a pass: ten years. Without a term it has no end. */
  maxTermMs: 10 * 366 * 86_400_000,
  /** What an IPv6 address stands for in a ban: a host can usually take any address in its /64. */
  ipv6Prefix: 64,
  /** The largest networks that can be banned; one slip must not shut out the world. */
  minIpv4Prefix: 8,
  minIpv6Prefix: 16,
} as const;

/** How the event loop is shared among those who send to the server. */
export const reading = {
  /** Milliseconds that one owner of a share is read in each window: what others wait for it. */
  sliceMs: 3,
  /** Bytes in each window: to write what is said in them to a hundred people takes 10 to 20 ms. */
  sliceBytes: 128 * KiB,
  /** Length of a window: so a flood takes a third of the loop, and two of them two thirds. */
  windowMs: 10,
  /** Bytes read at a time: half a millisecond of the shortest lines. */
  pieceBytes: 8 * KiB,
  /** What one WebSocket may have sent ahead of that; it can't be told to wait. Four large frames. */
  maxUnreadBytes: 1 * MiB,
  /** Owners tracked for that; those of whom nothing waits are forgotten. */
  owners: 4_096,
} as const;

/** People who are looked up, and rooms with operators. */
export const people = {
  /** Names that a session is told about when they come and go. */
  maxWatched: 100,
  /** People remembered after they have gone: 100 KB. */
  formerPeople: 256,
  /** People in one answer; each takes a line. */
  maxFound: 2_048,
  /** Longest mask of a search; one with many stars is slow to match. */
  maxSearchChars: 64,
  /** What each person costs who is looked at in a search by mask, in characters. */
  searchedChars: 16,
  /** How long a count of operators and hidden people holds: each takes a look at everybody. */
  censusMs: 1_000,
  /** Changes of a room in one request. */
  maxChanges: 32,
  /** Bans of one room; each is matched when somebody enters or speaks there. */
  maxBans: 64,
  /** Operators of a room that outlast it, and as many who may speak when it is moderated. */
  maxRoomOperators: 64,
  /** Longest mask of a ban, in UTF-16 units. */
  maxMaskChars: 128,
  /** Longest key of a room. */
  maxKeyChars: 64,
  /** Longest real name or note of absence, in UTF-16 units. */
  maxNoteChars: 200,
  /** Longest `user` of a client. */
  maxUserChars: 16,
  /** How long a count of all rooms and people of several servers holds: it reads all of them. */
  overviewMs: 2_000,
  /** So exactly other servers know when somebody last said something. */
  spokenMs: 60_000,
  /** People invited into one room who have not come. */
  maxCalled: 64,
} as const;

/** The CPP registry. */
export const registry = {
  /** Registrations kept; past that, the network with the most loses its oldest. */
  maxEntries: 4_096,
  /**
   * An ID used for registering or bridging within this time can be replaced from its own network
   * only.
   */
  freshMs: 3_600_000,
  /** One CPP message, in bytes. */
  maxMessageBytes: 8 * KiB,
} as const;

/** A CPP peer (`parley peer`). */
export const peer = {
  /** Lines typed out of turn: fits a pasted page, but a stuck pipe does not fill memory. */
  maxTypedAhead: 256,
  /**
   * Silent callers. They never time out, so their number is bounded; the oldest is dropped first.
   */
  maxSilentCallers: 16,
  /** Connecting to the registry or to a peer, and the registry's answer. */
  requestTimeoutMs: 5_000,
  /** Registrations tried per `/bridge`; each client that has left may cost a timeout. */
  maxBridgeTries: 16,
  /** Time that `/quit` gives a pending request to finish. */
  hurryMs: 1_000,
  /** When closing: time for the peer to take the last bytes and close. */
  lingerMs: 1_000,
  /** Idle time before the kernel probes whether the peer still exists. */
  keepAliveMs: 60_000,
  /** Within which both ends of a protected call show who they are. */
  proofMs: 10_000,
  /** Values in a line of a protected call; an offer has the most. */
  maxLineValues: 256,
  /** How long an answer is waited for that tells a registry of ours from another one. */
  probeMs: 400,
  /** Bytes queued for a peer before stdin is paused. */
  maxWaitingBytes: 256 * KiB,
} as const;

/** File transfers over UDP. "Segment bytes" are the file's bytes in one datagram. */
export const transfer = {
  /**
   * Identifies a transfer, unguessably; a forger of DATA would have to guess its last eight bytes.
   */
  tokenBytes: 16,
  /** Proves an address: 120 bits of keyed hash and a byte for its epoch. */
  cookieBytes: 16,
  /** Minimum time for which a cookie can start a transfer; a running one remembers its address. */
  cookieLifeUs: 60_000_000,
  /** Largest file: 4 TiB, `maxChunks` of `maxChunkBytes`. (Offsets have 48 bits.) */
  maxFileBytes: 2 ** 42,
  /** Largest REQUEST: fits IPv6's minimum MTU. */
  maxRequestBytes: 1_200,
  /** Smallest segment that a client may request; smaller ones would only cost server time. */
  minSegmentBytes: 512,
  /** Fits every path: 1 256 bytes with IPv4, 1 276 with IPv6, which guarantees 1 280. */
  baseSegmentBytes: 1_200,
  /** 64 KiB with all headers, on loopback. */
  maxSegmentBytes: 65_024,
  /**
   * Largest segment of a server that can't prevent fragmentation: Ethernet minus IPv4, UDP and DATA
   * headers.
   */
  maxFragmentableBytes: 1_444,
  /** Longest range in a REQUEST. */
  maxRangeBytes: 8 * MiB,
  /**
   * Segments in flight at the receiver, a power of two: 38 MB of 1 200 bytes, 10 Gbit/s over 30 ms.
   */
  maxInFlightSegments: 32_768,
  /** Maximum reordering tolerated before a segment counts as lost. */
  maxReorderSegments: 2_048,
  /** Bytes in flight: more than any path here needs, little enough for the server's queue. */
  maxWindowBytes: 32 * MiB,
  /** A transfer without a new byte for this long is stalled; the partial file is kept. */
  stallTimeoutUs: 30_000_000,
  /**
   * First timeout of an INIT, then doubled (RFC 9002 §6.2.2 has 1 s, but losing one costs more than
   * a copy).
   */
  initTimeoutUs: 300_000,
  /** Longest wait between probes, so that a restored link is noticed soon. */
  maxProbeTimeoutUs: 2_000_000,
  /** Concurrent transfers at a server. */
  maxTransfers: 4_096,
  /**
   * Queued ranges per transfer at the server; further ones are dropped and count as lost at the
   * client.
   */
  maxQueuedRanges: 512,
  /** Queued bytes per transfer at the server: twice a window is all that a client can use. */
  maxBacklogBytes: 64 * MiB,
  /** Smallest chunk. Sealing one costs 9 to 80 µs; one call per datagram would cost 3 to 8 µs. */
  minChunkBytes: 64 * KiB,
  /** Largest chunk: both ends hold a few of them in memory. */
  maxChunkBytes: 16 * MiB,
  /**
   * Chunks per file: 4 MiB of tags, 16 GiB in chunks of 64 KiB; larger files have larger chunks.
   */
  maxChunks: 262_144,
  /** Bytes of a chunk's tag: all that AES-GCM has. */
  tagBytes: 16,
  /** Bytes of a transfer's key: AES-256. */
  keyBytes: 32,
  /** Tags per line of the control connection: 21 KiB in base64. */
  maxTagsPerLine: 1_024,
  /**
   * A burst ends once this much had to be sealed for it: segments of many different chunks must not
   * occupy the server for long.
   */
  maxSealedPerBurst: 256 * KiB,
  /** Most bytes that a client may request over the control connection at once. */
  maxPullBytes: 1 * MiB,
  /** Bytes of sealed data per line of the control connection: 43 KiB in base64. */
  pullLineBytes: 32 * KiB,
  /** Corrupt copies of one chunk before the fetch gives up. */
  maxBadCopies: 3,
  /** Segments of this size or more are large: reading them in batches gains nothing. */
  largeSegmentBytes: 16 * KiB,
  /** What is on disk is read back for checking in pieces of this size: 0.1 ms. */
  readBackBytes: 256 * KiB,
} as const;

/** The server's relay: datagrams between the two ends of a channel. */
export const relay = {
  /** Bytes per second in all (`--relay`): nearly what a line of 1 Gbit/s carries. */
  bytesPerSecond: 100_000_000,
  /** One network, loopback excepted, or one account may use the rate divided by this. */
  ownersAtFullRate: 2,
  /** Pairs of ends: one for each offer that is being carried out. */
  maxPairs: 1_024,
  /** What comes faster than the rate waits at most this long of it, */
  waitMs: 50,
  /** but at least, and at most, so many bytes for one end; */
  minQueueBytes: 64 * KiB,
  maxQueueBytes: 512 * KiB,
  /** as datagrams that the kernel has merged or not, */
  maxQueued: 512,
  /** and at most so many bytes for all ends. */
  maxWaitingBytes: 32 * MiB,
} as const;

/** Paths between two people, for datagrams. */
export const paths = {
  /** Addresses of the other end that are tried, those it tells and those that probes come from. */
  maxCandidates: 24,
  /** Of those, the ones that it may tell. */
  maxTold: 16,
  /** Bytes of what each end adds to the key of probes. */
  secretBytes: 16,
  /**
   * Probes to an address that has not answered: whoever names somebody else's as its own makes us
   * send this many datagrams of 25 bytes there, and no more.
   */
  maxTries: 8,
  /** Before the second of them, then doubled up to the next. */
  firstTryUs: 100_000,
  lastTryUs: 2_000_000,
  /** An address that has answered before, and does not any more, is tried again this often. */
  tryAgainUs: 10_000_000,
  /** Between probes of the path in use, and of others that work. */
  usedProbeUs: 300_000,
  spareProbeUs: 1_000_000,
  /** Nothing at all has come by any path for this long: the network may be another one. */
  silentUs: 1_000_000,
  /** A path that has been silent this long is left, if another one works. */
  deadUs: 2_500_000,
  /** Addresses of this machine that the other end is told. */
  maxOwn: 12,
  /** Joins of the relay that are not answered: first wait, then doubled up to the next. */
  firstJoinUs: 100_000,
  lastJoinUs: 2_000_000,
  /** How often a relay is joined again, so that routers on the way do not forget it. */
  joinAgainUs: 10_000_000,
  /** How long a transfer waits for a path before the connection to the server carries it. */
  waitMs: 1_500,
  /** A transfer without any path for this long goes on over the connection to the server. */
  goneMs: 4_000,
} as const;

/** Trees of files: folders with all that is in them. */
export const tree = {
  /** Files and folders of one tree: 150 MB at the receiver. */
  maxEntries: 1_000_000,
  /** Characters of all their names together. */
  maxNameChars: 64 * MiB,
  /** Longest path below the tree's root, in UTF-16 units; Linux takes 4 095 bytes in all. */
  maxPathChars: 3_072,
  /** Names in a path. */
  maxDepth: 128,
  /** Paths of links and renamed files that are named one by one; the rest is counted. */
  maxNamed: 100,
  /** Entries per line of a list, and bytes of it: below `message.maxLineBytes`. */
  pageEntries: 1_000,
  pageBytes: 100 * KiB,
  /**
   * Largest file of a batch: it is gathered in memory, and what has come of it is lost with the
   * connection. On its own it would cost two round trips; at 100 Mbit/s this takes 0.7 s.
   */
  maxBatchedBytes: 8 * MiB,
  /** Bytes of all files of a batch. */
  maxBatchBytes: 256 * MiB,
  /** Files of a batch, and characters of their paths: a megabyte or two at both ends. */
  maxBatchFiles: 16_384,
  maxBatchChars: 2 * MiB,
} as const;

/** UDP sockets. */
export const udp = {
  /** Requested socket buffers: a burst of 60 ms at 1 Gbit/s. The kernel may grant less. */
  socketBufferBytes: 8 * MiB,
  /** Datagrams per `sendMany`: Bun 1.4.5 sends no more than 204 at once. */
  maxSendMany: 204,
  /** Bytes per segmented send: 64 KiB minus IP and UDP headers. */
  maxBatchBytes: 65_507,
  /**
   * Datagrams read per call where the event loop can be bypassed: 8 MiB of memory, little of it
   * ever touched.
   */
  batchDatagrams: 128,
  /** A longer wait in the socket than this, in µs, means that the clock was changed. */
  maxLateUs: 1_000_000,
  /** Retry interval after the kernel took less than everything. */
  retrySendMs: 2,
  /** Bound to every address: interval between lookups of this machine's addresses. */
  addressScanMs: 5_000,
  /** Minimum interval between lookups for datagrams to an address without a socket. */
  addressScanGapMs: 100,
  /** Addresses with their own socket; any further ones use the wildcard socket. */
  maxLocalAddresses: 64,
} as const;

/** The shared folder. */
export const folder = {
  /** Files per page. */
  pageFiles: 1_000,
  /** Bytes per page, below `message.maxLineBytes`. */
  pageBytes: 120 * KiB,
  /** A listing and its metadata is reread from disk after this long. */
  listingMs: 2_000,
  /**
   * A folder unchanged for this long can be identified by its modification time; file systems have
   * a resolution of up to 2 s.
   */
  settledMs: 3_000,
  /** Files whose metadata is cached with a listing; in a larger folder it is read anew. */
  listedFiles: 16_384,
  /** Files examined before yielding to other work; 50 `lstat` take 0.1 ms. */
  sliceFiles: 100,
  /** A folder of at most this size on the disk is read at once: 500 names or so, in 0.2 ms. */
  smallFolderBytes: 16 * KiB,
  /** Entries of a tree between looks at the clock, and how long a walk may hold up other work. */
  walkStep: 16,
  walkSliceMs: 1,
  /** Longest file name, in UTF-16 units. */
  maxNameChars: 1_024,
} as const;

/** The web port: the page, files over HTTP, WebSockets. */
export const web = {
  /** HTTP requests per second from one network that is not loopback: a page with its parts, ranges of files … */
  requestsPerSecond: 100,
  /** … and at once: an office opens the page, or a program downloads a folder. 20 ms to answer. */
  requestBurst: 400,
  /** A page of the list of files counts as this many requests: it takes half a millisecond. */
  listRequests: 4,
  /** Networks whose requests are counted; the least recently seen is forgotten first. */
  requestNetworks: 4_096,
  /**
   * Largest WebSocket frame from a client: the longest line and more. A larger one closes the
   * connection (1009).
   */
  maxFrameBytes: 256 * KiB,
  /**
   * Largest frame to a client. Longer output is split at line ends, so that a phone can show the
   * start early.
   */
  outFrameBytes: 64 * KiB,
  /**
   * Time for a connection's first request to be complete, in seconds; trickling bytes does not
   * extend it.
   */
  requestSeconds: 10,
  /**
   * A response or download without progress is closed after this, in seconds (Bun.serve counts in
   * seconds, up to 255).
   */
  idleSeconds: 60,
  /** The same for an upload, in seconds: the most that Bun.serve counts. */
  uploadSeconds: 255,
  /** A WebSocket without a sign of life, not even a pong, is closed after this, in seconds. */
  socketIdleSeconds: 120,
  /** After the server's last line: time for a browser to close its side. */
  socketCloseMs: 2_000,
  /**
   * Files and ranges up to this size are read in one go, so they can't be a mixture of two
   * versions; larger ones use sendfile.
   */
  wholeReadBytes: 1024 * KiB,
  /** Bytes read and hashed before yielding to other work: half a millisecond. */
  hashSliceBytes: 1024 * KiB,
  /** Such pieces per turn of the event loop. All hashes take turns, so none waits for a large file. */
  hashesPerTurn: 2,
  /** Concurrent hashes, each with its open file; further requests are told to come back. */
  maxHashes: 64,
  /** Of those, started by one address, loopback excepted. */
  maxHashesPerAddress: 16,
  /** Cached digests, by version of the file. */
  digestsKept: 4_096,
  /** Interval between measurements of the event loop's delay, in milliseconds. */
  loopProbeMs: 500,
} as const;

/** Rooms over HTTP. */
export const rooms = {
  /** Body of a POST: the longest text with every character escaped in JSON. */
  maxBodyBytes: 6 * 16 * KiB + KiB,
  /** Time for it to come. */
  bodyMs: 10_000,
  /** Messages of a page, unless another number is asked for. */
  pageMessages: 50,
  /** Bytes of events on their way to the socket; further ones wait in the hub, which is bounded. */
  streamBytes: 64 * KiB,
  /** A comment to whoever listens: less than the 60 s after which proxies end a quiet connection. */
  heartbeatMs: 20_000,
} as const;

/** open-chat's stop-and-wait download over UDP. */
export const openChatDownload = {
  /** First port of the pool, as in the original. */
  firstPort: 55_000,
  /** Ports in the pool, hence concurrent downloads; a port in use is skipped. */
  ports: 16,
  /**
   * Bytes of the file per answer: 1016 with the pickle around it; its client's buffer holds 1024.
   */
  partBytes: 1_000,
  /** Longest request: `part` and 15 digits, with room for a line end. */
  maxRequestBytes: 64,
  /**
   * A port is freed after this long without a request, or, once its client has left the chat,
   * without progress.
   */
  idleMs: 30_000,
  /**
   * The same before the first request: programs ask at once, and a person can type it in this time.
   */
  firstRequestMs: 10_000,
  /** Unused ports per session: the next file may be named while the first one starts. */
  unaskedPerSession: 2,
  /**
   * Ports per session, so that one client can't take the pool; its program loads one file at a
   * time.
   */
  portsPerSession: 4,
  /** Ports per address, loopback excepted: half the pool. */
  portsPerAddress: 8,
  /** Requests per part of the file; a client with more is not downloading, but holding a port. */
  maxRequestsPerPart: 16,
  /** Additional requests, so that small files survive a lossy path too. */
  spareRequests: 256,
} as const;

/** The small clients of the other systems (`parley classic`). */
export const classicClient = {
  /** Time for a TCP connection to open. */
  connectTimeoutMs: 10_000,
  /**
   * Minimum gap between sends: servers take one read for one message. Longer than
   * sniff.unframedAfterMs.
   */
  sendGapMs: 100,
  /** Time for an answer over TCP. */
  answerTimeoutMs: 10_000,
  /** Time for the answer to a datagram before it is sent again. */
  datagramTimeoutMs: 1_000,
  /** How often a datagram is sent. */
  datagramAttempts: 5,
  /** Reads queued for printing before reading pauses. */
  maxUnreadMessages: 256,
  /** After the end of input: silence after which every echo has arrived. */
  farewellMs: 500,
} as const;

/** Ports that answer a datagram with a datagram (greeting, date-time). */
export const datagramDialects = {
  /**
   * Longest request that is answered; the commands have 9 characters, a greeting may be a sentence.
   */
  maxRequestBytes: 1_024,
  /** Ports up to this one belong to services; datagrams from them are no client's request. */
  maxServicePort: 1_023,
  /**
   * Answers per second to one address and port; date-time's own client asks at most once a second.
   */
  sourcePerSecond: 16,
  /** Answers at once. A forged sender that replies to every answer gets this many and no more. */
  sourceBurst: 32,
  /** Answers per second to one network, for all clients behind one address. */
  networkPerSecond: 128,
  /** Answers at once to one network. */
  networkBurst: 512,
  /** Senders and networks tracked, about 150 bytes each. */
  maxSources: 4_096,
} as const;

/** Serving files. */
export const files = {
  /** Concurrent transfers; each has an open file. */
  maxTransfers: 512,
  /** Concurrent transfers per address, loopback excepted. */
  maxTransfersPerAddress: 64,
  /** Concurrent transfers per control connection. */
  maxTransfersPerSession: 16,
  /**
   * A transfer that was sent nothing for this long gives way to others: its client has given up, or
   * waits for its own reader.
   */
  idleMs: 30_000,
  /** Interval between checks whether a file being sent has changed. */
  checkFileMs: 100,
  /**
   * Sealed chunks that are kept, of all transfers: what was lost on the way is sent again without
   * sealing it again. Several times what a path has in flight.
   */
  sealedCacheBytes: 64 * MiB,
  /**
   * Tags of all transfers; a file of 1 GiB has 256 KiB of them. Past that, `full`. One network,
   * loopback excepted, has a quarter.
   */
  maxTagBytes: 128 * MiB,
  /**
   * A file that was changed this recently is offered only later: until the clock of the file system
   * has ticked, which takes 10 ms at most on Linux, a further change would not show in its times.
   */
  settleMs: 20,
  /**
   * The tags of a file's last bytes leave ahead of the data, when there is nothing else to do: a
   * loss on the control connection would cost the whole transfer a timeout of TCP. A second of 100
   * Mbit/s.
   */
  tagLeadBytes: 16 * MiB,
  /** Lines of pulled data that one transfer sends before the next has its turn. */
  pulledPieces: 8,
  /** How long sending may occupy the event loop at a time. */
  sendSliceMs: 1,
  /** The same for sealing ahead, or a second time. */
  sealSliceMs: 1,
  /** The same for rendering lists of files; one takes 0.5 ms. */
  answerSliceMs: 1,
  /** Longest blocking wait in place of a timer, which can't be shorter than 1 ms; in µs. */
  napUs: 250,
  /** A client that waits for a second pass over a file hears this often that it goes on. */
  stillBusyMs: 1_000,
  /** Interval between looks at a control connection that takes no more for now. */
  controlRetryMs: 5,
  /** Tags and data are held back from a control connection with this much unsent. */
  maxControlBytes: 256 * KiB,
  /** Different file lists being read at once; nearly everybody asks for the same first page. */
  maxListings: 64,
  /** Trees being listed at once, by one network or account, and by one connection. */
  maxWalks: 64,
  maxWalksPerOwner: 16,
  maxWalksPerSession: 4,
  /** Of those, how many go on in one turn of the event loop, each for `folder.walkSliceMs`. */
  walksPerTurn: 2,
  /**
   * Small files of the last list of each connection, which its batches are made of without another
   * walk: of one connection, and of all, 150 bytes each.
   */
  toldPerSession: 65_536,
  toldFiles: 262_144,
  /** Names of folders that are kept for the next walk: 20 MB. */
  keptNames: 262_144,
} as const;

/** The journal beside a partial file. */
export const journal = {
  /** As `transfer.minChunkBytes`: a journal with smaller chunks is not ours. */
  minChunkBytes: 64 * KiB,
  /** Progress is recorded after this many bytes. */
  everyBytes: 8 * MiB,
  /** It is recorded at least this often, which is what a SIGKILL costs. */
  everyMs: 250,
  /** A longer journal is not read; 262 144 chunks take at most half of it. */
  maxBytes: 16 * MiB,
} as const;

/** Fetching files, client side. */
export const fetching = {
  /**
   * A second connection attempt starts after this long: a lost SYN is resent only after a second
   * (RFC 6298 §2.1).
   */
  secondConnectMs: 300,
  /** TCP connect, and the server's `welcome`. */
  connectTimeoutMs: 10_000,
  /**
   * A server whose first bytes are not native may have prompted a person; its welcome must follow
   * within this.
   */
  bannerTimeoutMs: 2_000,
  /** Answer to a request on the control connection. */
  answerTimeoutMs: 20_000,
  /**
   * How often a rate-limited request is sent again, each time after the wait that the server asks
   * for.
   */
  maxRateTries: 10,
  /**
   * How often a server may name another port or version of the file without a wait between
   * attempts.
   */
  maxStaleTries: 4,
  /** Everything has arrived, but no tags to open it for this long: retry on a new connection. */
  tagTimeoutMs: 20_000,
  /** After this much silence, the control connection is pinged. */
  silenceMs: 1_500,
  /**
   * A control connection that does not answer the ping for this long is dropped. Our address may
   * have changed; a new connection continues within 5 s.
   */
  aliveTimeoutMs: 2_000,
  /** Interval between timeout checks while nothing arrives. */
  silenceStepMs: 100,
  /**
   * The server answers over TCP but not over UDP for this long, by when six INITs have left:
   * something on the path blocks it, and the control connection carries the data.
   */
  udpAnswerMs: 3_000,
  /** The same after an ICMP "port unreachable". */
  udpRefusedMs: 1_000,
  /** Versions of one file started before giving up on it. */
  maxVersions: 16,
  /**
   * A fetch retries this long without progress; then it is stalled, and the partial file is kept. A
   * lid that is closed for a moment, or a wireless network that is changed, takes most of a minute.
   */
  retryForMs: 60_000,
  /** Wait between attempts, doubled from the first value to the second. */
  retryFirstMs: 100,
  retryMaxMs: 2_000,
  /**
   * `fetch` is sent without the cookie if the cookie is this much later than the TCP connection.
   */
  cookieWaitMs: 30,
  /** Data that overtakes the offer is buffered up to this much. */
  maxEarlyBytes: 4 * MiB,
  /** Lines read together with the offer; one read is at most 512 KiB, a full line of tags 21 KiB. */
  maxEarlyLines: 1_024,
  /**
   * Bytes that may be requested beyond the oldest missing one: they wait in memory until their
   * chunks are complete. Twice `transfer.maxWindowBytes`, so that one lost segment stops nothing.
   */
  aheadBytes: 64 * MiB,
  /** The same for `-o -`, whose chunks also wait for their turn. */
  streamAheadBytes: 16 * MiB,
  /**
   * With this much waiting to be opened, nothing is requested: on loopback a sender is faster than
   * the disk of the receiver.
   */
  maxReadyBytes: 2 * MiB,
  /** Requests over the control connection at a time, each of `transfer.maxPullBytes`. */
  maxPulls: 4,
  /** While a turn reads, more is requested after this many bytes: 0.25 ms at 1 Gbit/s. */
  eagerBytes: 32 * KiB,
  /**
   * A turn that has read this much stops requesting, so that the socket drains and the turn can
   * end.
   */
  eagerTurnBytes: 1 * MiB,
  /**
   * With this many small datagrams in this long, a turn stays with the socket that long, and reads
   * in batches.
   */
  batchedDatagrams: 8,
  batchedTurnMs: 5,
  /** The first burst is awaited in batches as well, for this long. */
  expectMs: 25,
  /** Sleep between batches until this many datagrams are expected, within these bounds in µs. */
  napDatagrams: 8,
  minNapUs: 150,
  maxNapUs: 1_000,
  /** How long opening and checking chunks may occupy the event loop at a time. */
  workSliceMs: 2,
  /** The window advances in this many steps. */
  horizonSteps: 8,
  /** Bytes that stdout may still be reading: `terminal.maxDataBytes` and some. */
  unsentBytes: 1 * MiB,
  /** Time for the reader of `-o -` to take the rest at the end: a day. */
  outputFlushMs: 86_400_000,
  /** Interval between progress reports. */
  progressMs: 200,
  /** The control connection is pinged after this much silence. */
  pingAfterMs: 10_000,
  /** Longest listing, in files; a server that never ends one is abandoned. */
  maxListed: 1_000_000,
} as const;

/** Stopping. */
export const shutdown = {
  /** From the signal to the end of the process, in milliseconds. */
  graceMs: 4_000,
} as const;

/** A native client's session. */
export const client = {
  /** People whom a person ignores. */
  maxIgnored: 1_000,
  /**
   * Unacknowledged messages in flight; hides a long path's delay, and bounds what is resent after a
   * restart.
   */
  windowMessages: 256,
  /** The same in characters of text, so that long messages do not pile up in socket buffers. */
  windowChars: 256 * KiB,
  /** Queued messages, in flight or not; past that, the person or pipe waits. */
  queueMessages: 1_024,
  /** Requests (who, rooms, files, …) without an answer. */
  openRequests: 64,
  /** From the open connection to the welcome; then the client reconnects. */
  welcomeTimeoutMs: 10_000,
  /** As `fetching.bannerTimeoutMs`. */
  firstWordsMs: 2_000,
  /** Time for a TCP connection to open. */
  connectTimeoutMs: 10_000,
  /** After this much silence, the server is pinged. Less than connections.idlePingMs. */
  pingAfterMs: 20_000,
  /** The same while a message is unacknowledged. */
  pingWaitingAfterMs: 5_000,
  /** Without an answer to the ping for this long, the connection is dead. */
  pongTimeoutMs: 10_000,
  /**
   * The same when there is reason to doubt the connection, as when datagrams have stopped: a transfer
   * goes on within 5 s after the network has changed.
   */
  doubtfulPongMs: 1_500,
  /**
   * Connections that were given up and may still take the session over when a slow server gets to
   * them, and how long after: beyond that, whoever does so is another program.
   */
  maxGivenUp: 8,
  givenUpMs: 60_000,
  /** First wait before reconnecting; doubles with each failure. */
  retryFirstMs: 200,
  /**
   * Longest wait before reconnecting. A restarted server is found soon, and a thousand clients do
   * not hammer it.
   */
  retryMaxMs: 10_000,
  /** Longest wait that a refusal (`retryAfterMs`) can ask for. */
  retryAfterMaxMs: 60_000,
  /**
   * `protocol` errors for one message without progress in between; then the connection starts over.
   */
  maxRewinds: 3,
  /** Longest line of a server: twice a page of history with every character escaped. */
  maxServerLineBytes: 4 * MiB,
  /** Unsent bytes after which the connection counts as stuck; fits the window's messages. */
  maxUnsentBytes: 8 * MiB,
  /** Commands of `--json-in` that wait for files; more are refused. */
  maxOpenCommands: 64,
  /** A pipe without `--follow` gives up after this long without a connection. */
  giveUpMs: 600_000,
} as const;

/** PROXY headers of trusted proxies. */
export const proxyProtocol = {
  /** Addresses and all extensions of a header of version 2; usual ones have 12 to 200. */
  maxHeaderBytes: 4 * KiB,
  /** A proxy writes it at once. */
  waitSeconds: 10,
} as const;

/** A server's log: lines beyond these are left out and counted. */
export const logging = {
  /** Lines of one kind about one network, a second: some 10 MB a day of one kind. */
  networkLinesPerSecond: 1,
  /** The same at once: everybody behind one address may come back after a restart. */
  networkBurst: 128,
  /** Lines of one kind about all networks, a second. */
  kindLinesPerSecond: 50,
  /** The same at once: everybody may come back after a restart. */
  kindBurst: 2_000,
  /**
   * All lines about clients, and all others, a second: room for several floods of different kinds;
   * 2 GB a day at the worst.
   */
  linesPerSecond: 200,
  /** The same at once. */
  burst: 8_000,
  /** Kinds with a budget. parley has about 40; some problems have sentences of their own. */
  kinds: 256,
  /** Networks with a budget, once for each kind; about 1 MB. */
  networks: 4_096,
  /** How often lines that were left out are reported. */
  reportMs: 10_000,
  /** Networks named in such a report; the others are counted together. */
  reportedNetworks: 20,
} as const;

/** Logs and data on stdout and stderr. */
export const terminal = {
  /** Bytes of log lines queued for a reader; further ones are dropped and counted. */
  maxLogBytes: 256 * KiB,
  /** Longest value of a log field; file names have at most 255 bytes. */
  maxLogFieldChars: 256,
  /** Bytes of data queued for a reader; then the producer pauses. */
  maxDataBytes: 256 * KiB,
  /** Bytes per write: about what a pipe takes at once. */
  writeBytes: 64 * KiB,
  /** Retry interval for a terminal that takes nothing, such as one stopped by Ctrl-S. */
  stoppedTerminalMs: 50,
  /** How long the program waits at the end for a reader of its last lines. */
  flushTimeoutMs: 1_000,
  /**
   * Longest line that can be typed; above the longest message, so that the refusal can explain the
   * limit.
   */
  maxTypedChars: 32 * KiB,
  /** Longest paste; the rest is dropped. Far above the longest message. */
  maxPasteChars: 256 * KiB,
  /** Lines of a message that Enter sends at once; longer ones, pasted by a slip perhaps, at the second. */
  unaskedLines: 20,
  /** Text arriving in faster succession than this is one paste. */
  pasteGapMs: 1_000,
  /** Lines in the prompt's history; the oldest are forgotten first. */
  maxHistoryLines: 500,
  /** Characters in a Ctrl-R search. */
  maxSearchChars: 200,
  /** Messages shown by a search, the newest. */
  foundMessages: 20,
  /** Messages shown when entering a room. */
  enteredMessages: 20,
  /** Messages of a background room kept until it is looked at; the newest ones. */
  missedMessages: 50,
  /** Their total characters. */
  missedChars: 64 * KiB,
  /** Messages held back while earlier ones are on their way. */
  heldMessages: 500,
  /** An escape followed by nothing for this long was the Escape key. */
  escapeTimeoutMs: 50,
  /** Names remembered for completion. */
  maxNames: 2_000,
  /** Pages of a listing requested in a row. */
  maxPages: 20,
  /** The same for Tab completion: `maxNames` of them. */
  maxQuietPages: 4,
  /** Choices shown by Tab. */
  maxChoices: 60,
} as const;

/** Private messages that only the recipient's devices can open. */
export const sealed = {
  /** Devices that one message is sealed for: `accounts.maxKeys`. */
  maxBoxes: 16,
  /**
   * All boxes of a message, in base64url: what is left of a line (`message.maxLineBytes`) beside keys
   * and names. The longest text in ASCII fits for four devices.
   */
  maxChars: 96 * KiB,
  /** Private messages of one client that wait for keys, or for the connection. */
  maxWaiting: 64,
  /** Incoming private messages that wait to be opened: a full mailbox. */
  maxUnopened: 1_024,
  /** Senders' devices whose messages a device remembers, to know repeated ones. */
  maxSenders: 256,
  /** Messages remembered for each; older ones are refused by their time. */
  maxRemembered: 64,
  /** The file of known keys: 10 000 lines. */
  maxKnownBytes: MiB,
  /** The file of messages seen: `maxSenders` times `maxRemembered`, twice. */
  maxSeenBytes: 2 * MiB,
  /** How long a client that ends waits for private messages still being sealed. */
  settleMs: 2_000,
} as const;

/** People who own a name. */
export const accounts = {
  /**
   * All accounts that one network uses count for this many networks, in whatever is shared: twenty
   * people of one office have four times what a stranger has, and 64 names of one stranger no more.
   */
  sharesPerNetwork: 4,
  /** Accounts of one server: about 30 MB. */
  maxAccounts: 65_536,
  /**
   * Names that one network registers at once, loopback excepted: each connection that an address may
   * have one.
   */
  registrationsAtOnce: 64,
  /** The same per hour. They are for good: `maxAccounts` take one network half a year. */
  registrationsPerHour: 16,
  /** Devices of one person. */
  maxKeys: 16,
  /** Devices remembered, revoked ones included; the one revoked first is forgotten. */
  maxKnownKeys: 32,
  /** Browsers that one person is logged in with; the oldest has to log in again. */
  maxTokens: 16,
  /** Longest label of a device, in UTF-16 units: a machine's name. */
  maxLabelChars: 64,
  /**
   * Shortest password, in UTF-16 units. Fewer than NIST SP 800-63B asks for (8), as IRC services take
   * them: guesses are limited by network, and hashes are argon2id.
   */
  minPasswordChars: 6,
  /** Longest password. */
  maxPasswordChars: 1_024,
  /** Guesses at passwords, passes, codes or claims that one network may make at once … */
  guessesPerNetwork: 10,
  /** … and time for each after those; right ones do not count. */
  networkGuessEveryMs: 10_000,
  /** Guesses at the password of one account, from anywhere, at once … */
  guessesPerAccount: 20,
  /** … and time for each after those: 43 200 in a month. */
  guessEveryMs: 60_000,
  /** How long a code for another device is good: a walk to it. */
  codeMs: 600_000,
  /** Such codes at a time, one for each account; the least recently used is forgotten first. */
  codes: 4_096,
  /** Passwords hashed at once: 64 MiB and a processor, of which the event loop needs another. */
  passwordsAtOnce: 1,
  /** Passwords that wait for that; more are refused. About four seconds' worth. */
  passwordsWaiting: 16,
  /** Networks and accounts tracked for that; the least recently used is forgotten first. */
  guessers: 4_096,
} as const;

/** Servers that share a PostgreSQL database. */
export const postgres = {
  /** Connections of one server, besides the one that listens. */
  connections: 4,
  connectSeconds: 5,
  /** Longest wait for an answer; shorter than a lease, so that another primary is found in time. */
  statementSeconds: 8,
  /** For statements that run when the server stops. */
  closeSeconds: 2,
  /** A statement that was in the way of another server's is tried so many times. */
  conflictTries: 5,
  /** A server that says nothing for so long is taken for dead, and may write no more. */
  leaseMs: 10_000,
  /** Pause between renewals of that lease, besides those by each batch. */
  renewMs: 3_000,
  /** Pause between looks at what other servers have done, besides what they tell. */
  lookMs: 1_000,
  /** Rooms and mailboxes asked for at once in such a look. */
  roomsPerLook: 500,
  mailboxesPerLook: 500,
  /** Messages read at once that other servers have said. */
  catchUpMessages: 1_000,
  /** What others have said in a room and can't be delivered before what is being read. */
  waitingPieces: 200,
  /** Numbers of bans, passes and tokens that a server takes at once, since only it gives them. */
  numbersAtOnce: 1_000,
  /** Requests to the registry of peers that wait for the database. */
  registryRequests: 256,
  /** Pause between looks at which names are registered, for ways in without a login. */
  namesMs: 5_000,
} as const;

/** What `parley doctor` measures. */
export const doctor = {
  /** Pings over the control connection: enough for a median. */
  pings: 11,
  /** Datagrams that are answered one by one, and the ms between them: 2 s. */
  probes: 100,
  probeEveryMs: 20,
  /** Wait for the last answers, in ms: more than any path takes. */
  answerMs: 1_000,
  /** A download is measured for at most so long, in ms. */
  downloadMs: 3_000,
  /** Names that are looked at for the largest file. */
  maxNames: 1_000,
  /** How long each algorithm is measured, in ms. */
  cryptoMs: 150,
} as const;

/** IRC, besides what holds for all dialects. */
export const irc = {
  /** Longest line without its tags, in bytes with the line end (RFC 1459, section 2.3). */
  maxLineBytes: 512,
  /** Longest tags of a client, with `@` and the space (IRCv3 message-tags). */
  maxClientTagBytes: 4_096,
  /** Targets of one line; each is a request of its own. */
  maxTargets: 16,
  /** Requests of one client that are not answered yet; the oldest loses the form of its answer. */
  maxPending: 512,
  /** What is repeated of a line that is refused, in UTF-16 units. */
  maxEchoChars: 400,
  /** A SASL message comes in lines of so many characters (IRCv3 sasl-3.1). */
  saslChunkChars: 400,
  /** The longest of them: name twice, password, in base64. */
  maxSaslChars: 2_000,
  /** Rooms in one answer to LIST. */
  maxListed: 4_096,
} as const;

/** Files for whoever knows a code. */
export const codes = {
  /** Codes that a server has open at once. */
  maxOpen: 512,
  /** Of those, opened from one network, loopback excepted, or by one account; and by one client. */
  maxPerOwner: 32,
  maxPerSession: 16,
  /** New codes of one such owner, at once and per minute: each is one guess for somebody. */
  newAtOnce: 16,
  newPerMinute: 12,
  /** Owners tracked for that; the least recently used is forgotten first. */
  owners: 4_096,
  /** The highest number on several servers of one database, each of which has its own. */
  maxSharedNumber: 999_999,
  /** A sender who has lost the connection keeps a code this long. */
  awayMs: 600_000,
  /** How long a code waits to be used, and for the one who used it to come back. */
  unusedMs: 24 * 3_600_000,
  /** Connections at once, of the guest and of others. */
  maxConnections: 32,
  /**
   * The same through a server, where either end may lose its connection meanwhile; and for how long
   * the sender's answer is waited for.
   */
  guestMs: 60_000,
  /** Within which somebody has to show that it knows the code. */
  proofMs: 15_000,
  /** Ports tried until one is free for TCP and UDP. */
  portTries: 20,
  /** The highest number of a code on the local network, or at a server. */
  maxNumber: 999,
  /** Bytes of an announcement there; ours have some 50. */
  announcementBytes: 512,
  /** Places tried for one code: each is a guess for whoever announces it. */
  maxPlaces: 3,
  /**
   * Wrong guesses after which `send-file --keep` stops: at 2⁻²² each, all of them together are right
   * once in 65 536 runs. After each it waits as many times this long.
   */
  maxVoid: 64,
  voidPauseMs: 250,
  /** How long `send-file` tries whether the server on this machine can be reached from the network. */
  reachMs: 500,
  /** `--keep` asks a server that can't open another code just now again after this. */
  openAgainMs: 5_000,
  /** Pause between announcements on the local network. */
  announceMs: 500,
  /** Pause between reports of progress. */
  progressMs: 200,
  /** How long an address is looked for there. */
  findMs: 10_000,
} as const;

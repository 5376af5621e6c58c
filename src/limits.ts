// All bounds in parley, with the unit in the name and the reason next to it. Pure: imports nothing.
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
  /** A client that sends no line ending for this long is unframed (one read is one message). */
  unframedAfterMs: 50,
  /** After this much silence, assume a person at `nc` and prompt for a name, once. */
  promptAfterMs: 1_000,
  /**
   * Bytes of TELNET's commands that a connection may send: thousands of Ctrl-C. They are neither
   * lines nor messages, so that nothing else counts them.
   */
  maxTelnetBytes: 16 * KiB,
} as const;

/** Names of people and rooms. */
export const names = {
  /**
   * Longest name, in characters. It fits every dialect's window, and a list of 1 000 names fits 64
   * KiB.
   */
  maxChars: 32,
  /**
   * Marks per letter: Burmese uses up to five (medials, vowels, tone), Hebrew and Tibetan up to
   * four.
   */
  maxMarks: 6,
  /**
   * Generic accents among them: up to three in ancient Greek, two in Vietnamese, a vowel and a
   * doubling mark in Arabic.
   */
  maxAccents: 3,
  /** Longest room name, in characters. */
  maxRoomChars: 32,
  /** Names of members or rooms per page: 40 KB. */
  pageNames: 500,
  /** Rooms per session. Each costs its events and an entry in the room, and people follow fewer. */
  maxRoomsPerSession: 16,
} as const;

/** One message. */
export const message = {
  /**
   * Longest text of one chat message, in UTF-16 code units; longer input is refused, never
   * truncated.
   */
  maxTextChars: 16 * KiB,
  /** Lines of one message: what `maxTextChars` fill on a terminal of 80 columns. */
  maxTextLines: 200,
  /**
   * Longest input line of any dialect, in bytes, with room for JSON escapes of the longest text. A
   * line that does not end is cut off here.
   */
  maxLineBytes: 128 * KiB,
  /** Recipients of one private message. */
  maxRecipients: 64,
} as const;

/** Lines of the native protocol, apart from their length. */
export const protocol = {
  /**
   * Deepest nesting in a line; lists of objects in an object need 3. Parsing 120 KB of `[[[[…`
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
   * values would take 200 MB.
   */
  maxServerValues: 65_536,
  /** Longest `ref`, in UTF-16 code units. */
  maxRefChars: 64,
  /** Longest `epoch` or file `version`, in UTF-16 code units. */
  maxEpochChars: 64,
  /** Deleted messages that returning clients are told of, and remember: operators delete few. */
  erasures: 256,
  /**
   * Messages of a room that a server may have told its clients before it heard of a deletion at
   * another server: those of its own that were said within a second or two.
   */
  toldBeforeErasure: 1_000,
} as const;

/** Output to one session. */
export const output = {
  /**
   * Flushes per second that immediately follow their turn; beyond that, turns share a flush that is
   * at most a millisecond late. Thousands of messages a second then cost a fraction of the writes.
   */
  flushesPerSecond: 2_000,
  /** Immediate flushes after a quiet period. */
  flushBurst: 8,
  /**
   * How long joins and leaves are gathered after a long turn, in milliseconds; far below what
   * anybody notices.
   */
  maxRestMs: 100,
  /**
   * Characters per line of a run (a single message may be longer); well below a client's longest
   * line.
   */
  maxRunChars: 16_384,
  /** A reader that lags further behind than this many bytes is disconnected. */
  maxLagBytes: 4 * MiB,
  /**
   * Total backlog of all readers, shared bytes counted once. Beyond it, the slowest readers are
   * disconnected.
   */
  maxBacklogBytes: 128 * MiB,
  /**
   * A reader that reads nothing of its backlog for this long is disconnected, however small the
   * backlog.
   */
  stallMs: 60_000,
  /**
   * Minimum gap between sends to an unframed client, in milliseconds (docs/dialects.md "Framing":
   * one send per message).
   */
  unframedGapMs: 20,
  /** Messages queued separately for an unframed client; further ones are joined by line endings. */
  unframedWaiting: 16,
  /**
   * Bytes of user lists per member and second; otherwise a crowd joining would cost the square of
   * its size.
   */
  rosterBytesPerSecond: 16 * KiB,
  /**
   * The part of those that may be sent immediately: small rooms learn of every change, and no
   * second brings more.
   */
  rosterBurstBytes: 4 * KiB,
  /**
   * Answers queued for one session until the end of the turn, in UTF-16 code units; beyond this
   * they are sent immediately. Half a MiB of empty lines or history requests could request hundreds
   * of MiB in one turn.
   */
  maxAnswerChars: 256 * KiB,
  /**
   * Input gathered while the store is not responding, in UTF-16 code units; beyond this, messages,
   * joins, renames and logins are refused.
   */
  maxGatheredChars: 8 * MiB,
  /** What each gathered message counts in addition to its text. */
  gatheredMessageChars: 128,
  /**
   * What each join, rename, answer or record counts; delivering thousands takes time proportional
   * to their square.
   */
  gatheredEntryChars: 512,
} as const;

/** TLS on the main port and the page. */
export const tls = {
  /** A handshake that is not complete after this long is aborted. */
  handshakeMs: 10_000,
  /** A file of known servers: about 10 000 lines. */
  maxKnownServersBytes: 1_048_576,
  /** How often `--cert` and `--key` are checked for changes. */
  certificateCheckMs: 5_000,
  /** How often it is checked that the file of the server's key still exists. */
  keyCheckMs: 5_000,
  /** Bytes of a certificate with its chain, or of a key. */
  maxPemBytes: 262_144,
} as const;

/** Connections. */
export const connections = {
  /** Connections per address, except loopback. */
  maxPerAddress: 64,
  /** Connections that an address may open per second, except loopback. */
  openedPerSecond: 50,
  /**
   * The same as a burst: everybody behind the address reconnects after a restart, in several
   * attempts.
   */
  openedAtOnce: 512,
  /** Total connections; below the usual descriptor limit of a service. */
  maxTotal: 16_384,
  /** Attempts of `--port 0` to find a port free for both UDP and TCP. */
  portTries: 10,
  /** How long to wait for a port that is occupied by an outgoing connection of this machine. */
  portWaitMs: 2_000,
  /** How often to try such a port again. */
  portRetryMs: 100,
  /**
   * Logins per second and address, except loopback; each is announced to everybody. All
   * `maxPerAddress` get their turn within a few seconds.
   */
  loginsPerSecond: 20,
  /** Burst of logins: everybody behind one address may reconnect after a restart, twice. */
  loginBurst: 128,
  /** How long a login over the rate waits for its turn; less than `client.welcomeTimeoutMs`. */
  loginTurnMs: 8_000,
  /** Addresses tracked for logins; the least recently used is evicted. */
  loginAddresses: 4_096,
  /**
   * A connection that has not logged in after this long is closed, whatever it has sent. Long
   * enough for a silent `nc`.
   */
  loginTimeoutMs: 60_000,
  /** How long a refused connection may take to read the reason. */
  refusedLingerMs: 500,
  /**
   * Refused connections kept open for that: half of the minimum descriptor reserve. Others are
   * closed immediately.
   */
  maxRefusedLingering: 16,
  /**
   * After the peer's FIN: time for late answers (a list of files) before the connection is closed.
   */
  afterFinMs: 500,
  /** A closing connection that accepts no more bytes is aborted after this long. */
  drainMs: 5_000,
  /**
   * Receive buffer of a chat connection, which Linux doubles. It bounds what one read can return
   * while all others wait; enough for `sender.bytesPerSecond` over 100 ms.
   */
  receiveBufferBytes: 64 * KiB,
  /**
   * Longest TCP segment: 1 280 bytes including the IPv6 and TCP headers, which fits every path.
   * Costs a tenth more packets than on Ethernet.
   */
  maxSegmentBytes: 1_220,
  /** Idle time before the kernel probes whether the peer still exists (TCP keep-alive). */
  keepAliveMs: 30_000,
  /**
   * A chat connection is lost if its peer acknowledges nothing of what was sent, or leaves no room
   * for more, for this long (Linux): `output.stallMs` does not know what the kernel holds. Without
   * it, TCP resends for a quarter of an hour, and keeps the name of somebody who is back long ago.
   */
  unacknowledgedMs: 60_000,
  /** A native session that is silent for this long is pinged. */
  idlePingMs: 60_000,
  /** A pinged session is closed if nothing arrives for this long. */
  idleCloseMs: 30_000,
} as const;

/**
 * File descriptors: every connection and open file uses one, and without a free one nothing works.
 */
export const descriptors = {
  /**
   * Maximum number used, whatever the system allows: `connections.maxTotal` for chat, and a quarter
   * of that for the web port and files.
   */
  max: 20_480,
  /** One in this many is withheld from chat connections, for files and other uses. */
  reserveOneIn: 8,
  /** Bounds of that reserve: a little more than `files.maxTransfers`. */
  minReserve: 32,
  maxReserve: 1_024,
  /** Minimum interval between counts; counting thousands takes milliseconds. */
  countMs: 50,
  /** Counting may use one in this many milliseconds of the server's processor time. */
  countOneIn: 50,
  /**
   * Interval between checks of the web port: how long a flood of incomplete requests can block
   * others.
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
  /** Seconds without an answer from the store after which people are told that messages wait. */
  silentStoreSeconds: 5,
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
   * Characters of the lines that contained them; as many as parley's own clients have in flight. 64
   * of the longest lines would take 8 MiB per connection.
   */
  maxDelayedChars: 256 * KiB,
  /**
   * A session's last numbers among which those of refused messages are remembered: as many as
   * parley's own clients have in flight. Up to 4 KiB of its record.
   */
  refusedNumbers: 256,
  /** Recipients whom these messages have not reached, although they have reached others. */
  missedRecipients: 64,
  /** Refusals answered per second; each is as long as a message. */
  refusalsPerSecond: 500,
  /**
   * Burst of refusals answered. A client that exceeds it is disconnected; several times the window
   * of parley's own clients.
   */
  refusalBurst: 2_000,
  /**
   * All connections of one address, IPv6 /64 or account together may send as much as this many
   * senders.
   */
  sendersPerOwner: 2,
  /**
   * Requests of theirs, such as for a page of history, for which the store reads many messages at a
   * time: their answers of up to `history.pageBytes` are charged only when they are there.
   */
  readsPerOwner: 2,
  /**
   * Their burst of bytes, in seconds: 2 MiB, half of `output.maxLagBytes`, so that it does not get
   * any reader disconnected.
   */
  sharedBurstSeconds: 2,
  /** Networks and accounts tracked for that; the least recently used is evicted. */
  shareOwners: 4_096,
  /**
   * A session with this many seconds' worth of byte debt is disconnected: it keeps sending although
   * nothing is accepted. Once its network owes as much, any session with a debt is.
   */
  maxDebtSeconds: 30,
  /**
   * Minimum bytes charged for input that requests nothing (a blank line, a pong): reading a
   * megabyte of line endings takes 50 ms, answering one of WebSocket pings a second.
   */
  minIgnoredBytes: 512,
} as const;

/** Private chats by consent. */
export const privateChat = {
  /**
   * How long a former name still refers to the partner who gave it up. A client that is silent for
   * this long has lost its connection; after that it knows the new name, and everything it sent
   * before has arrived.
   */
  nameKnownMs: 30_000,
  /**
   * After the first text that came too late for the partner: how long others that were in flight
   * with it, such as pasted lines, may still arrive.
   */
  crossingMs: 400,
  /**
   * How long after the next text from somebody whose invitation was withdrawn `accept` and `reject`
   * still answer it: longer than a slow link needs, since that text may have been under way before
   * the invitation.
   */
  withdrawnMs: 5_000,
  /** Former names per member; partners seldom rename twice within that time. */
  namesKnown: 8,
} as const;

/** Searching a room's history. */
export const search = {
  /** Longest search text, in UTF-16 code units. */
  maxTextChars: 200,
  /** Messages in one answer. */
  pageMessages: 50,
  /** Messages that one request examines, about 5 ms; one page of history may come on top. */
  scannedMessages: 4_000,
  /** The same in UTF-16 code units of text. */
  scannedChars: 512 * KiB,
  /** Cost of reading a message in addition to its text, in UTF-16 code units. */
  messageChars: 100,
  /** Reading this many UTF-16 code units is charged to the requester like sending one. */
  charsPerCharged: 8,
} as const;

/** Files for a person: offers, and the channels through which the server relays frames. */
export const offers = {
  /** How often a sender follows a recipient from one server of a parley to another. */
  maxMoves: 3,
  /**
   * How long the offer of a disconnected sender is kept. A sender that reconnects later makes the
   * offer again, and the recipient's client resumes.
   */
  awayMs: 600_000,
  /** File names of an offer that are shown to the server, and hence to a person. */
  shownNames: 8,
  /** Longest of these names, in UTF-16 code units. */
  maxNameChars: 1_024,
  /** Longest frame of a channel, in base64: `transfer.pullLineBytes` and its header are 43 KiB. */
  maxFrameChars: 96 * KiB,
  /**
   * A sender gives up after sending the files this many times over plus this many bytes: the
   * recipient will never finish.
   */
  resentTimes: 4,
  resentBytes: 64 * MiB,
  /**
   * The same if this many bytes wait for a recipient that asks for more: less than costs a client
   * its connection (`client.maxUnsentBytes`), and far more than waits for one that reads.
   */
  maxUnreadBytes: 4 * MiB,
  /** Files and folders per line of an offer's list: the longest names fit a line. */
  listedPerLine: 60,
  /** How many more bytes may arrive than twice those offered: a log may grow meanwhile. */
  slackBytes: 16 * MiB,
  /** The same for files and folders in an offered folder, in addition to twice their number. */
  slackEntries: 1_024,
  /** An offer that the server could not accept is repeated after this long. */
  offerAgainMs: 2_000,
  /** How long `send-file` waits for an answer. */
  answerMs: 600_000,
  /** How often a recipient reports progress. */
  progressMs: 500,
  /** How long a transfer between people waits for the other end to return. */
  waitMs: 7 * 24 * 3_600_000,
  /** Accepted offers that a client remembers, and offers waiting for an answer. */
  maxKnown: 256,
  /** Names tried for a file whose name is taken: `a (2).txt`, … */
  maxNameTries: 1_000,
} as const;

/** Offers that a server holds. Apart from `offers`, since the page needs none of this. */
export const offerBook = {
  /** Concurrent offers; each takes up to `sealed.maxChars`. */
  maxOffers: 1_024,
  /** Offers made from one network, except loopback, or by one account. */
  maxPerOwner: 64,
  /** Offers made by one person, offers to one person, and those of them by one such owner. */
  maxBySender: 16,
  maxToRecipient: 32,
  maxToRecipientPerOwner: 10,
  /** New offers of one such owner, as a burst and per minute: each is shown to somebody. */
  newAtOnce: 32,
  newPerMinute: 30,
  /** Owners tracked for that; the least recently used is evicted. */
  owners: 4_096,
  /** Ended offers of which those who were disconnected are told, for `offers.awayMs`: 300 KB. */
  maxEnded: 1_024,
  /**
   * Characters of frames waiting for one end of a channel. An end requests at most four times
   * `transfer.maxPullBytes`, which are 5.6 MiB in base64; anything beyond that was not requested.
   */
  maxWaitingChars: 8 * MiB,
  /** What each frame counts in addition: a string takes memory, however short. */
  waitingFrameChars: 128,
  /** The same for all channels, and for those of one owner. */
  maxAllWaitingChars: 128 * MiB,
  maxOwnerWaitingChars: 32 * MiB,
  /**
   * Frames wait while a session has this many bytes of output, so that messages are not delayed.
   */
  maxLagBytes: 256 * KiB,
} as const;

/** Files from person to person in the page. */
export const pageFiles = {
  /** Offer cards in the conversation; the oldest finished one is removed first. */
  maxCards: 64,
  /**
   * Bytes requested ahead of what has been written; they are held in memory. At least two chunks.
   */
  aheadBytes: 8 * MiB,
  /** Bytes opened and written at once: one browser call per chunk would cost more. */
  writeBytes: 1 * MiB,
  /** Maximum bytes of one offer that a browser without a store on disk accepts. */
  maxMemoryBytes: 256 * MiB,
  /** How much of a file in the page's own store a reload may lose. */
  noteBytes: 4 * MiB,
  /** Files about which a page keeps notes across a reload, in 300 kB of its 5 MB. */
  maxKeptFiles: 1_000,
  /** How long a file in the page's own store can be downloaded again. */
  keepSavedMs: 3_600_000,
  /** Lines about a file that are kept until it is ready to be written, of 128 KiB at most. */
  earlyLines: 32,
  /** Silence after which a recipient requests a new channel. */
  silenceMs: 30_000,
  /** Files and folders of one folder that the page accepts, at a few round trips each. */
  maxTreeEntries: 20_000,
  /** How many of its files are fetched at a time. */
  filesAtOnce: 6,
  /**
   * Files of a folder where each is a download of its own: a browser asks, or shows, each of them.
   */
  maxTreeDownloads: 50,
  /**
   * A file for the shared folder that was refused because of the rate is retried after this long,
   * and a download after a lost connection …
   */
  retryMs: 5_000,
  /** … up to this many times in a row. */
  maxRetries: 60,
  /** Bytes of a shared file that are requested at once: a browser may hold them in memory. */
  rangeBytes: 8 * MiB,
  /** How often a card shows progress. */
  showMs: 200,
  /** Files of one offer from the page. */
  maxFiles: 1_000,
  /** Bytes of a file that a sender reads and seals at once. */
  readBytes: 1 * MiB,
  /** Files that a recipient may fetch at a time, and ranges of each that it may request. */
  maxTransfers: 8,
  maxPulls: 16,
  /**
   * Characters in flight from a page over all its channels: initially, minimum and maximum.
   * Together with a frame, this keeps a WebSocket below `reading.maxUnreadBytes`, beyond which it
   * is closed.
   */
  firstPassChars: 256 * KiB,
  minPassChars: 64 * KiB,
  maxPassChars: 768 * KiB,
  /** Pings per window of data in flight: more pings make the flow steadier. */
  pingsPerWindow: 4,
  /** If a ping takes this long to be answered, too much is in flight. */
  slowPassMs: 1_000,
} as const;

/** Files that people put into the shared folder. The operator sets the total size (`--quota`). */
export const sharing = {
  /** Minimum quota: room for a few small files of several people. */
  leastQuotaBytes: 1_000_000,
  /** Uploads at once, and those of one owner. */
  maxUploads: 32,
  maxPerOwner: 4,
  /**
   * Bytes that are requested beyond what is written: a sender without tags fills so much memory.
   */
  aheadBytes: 8 * MiB,
  /** New uploads of one owner, as a burst and per minute: each is announced to a room. */
  newAtOnce: 16,
  newPerMinute: 30,
  /** Owners tracked for that; the least recently used is evicted. */
  owners: 4_096,
  /**
   * One owner (an account, or a network for people without one) may fill a quarter of the quota,
   * and the owners within one network (all its accounts, an IPv6 /48) together half of it.
   */
  ownerParts: 4,
  networkParts: 2,
  /** Bytes that each file and folder counts in addition to its size: empty ones take space too. */
  entryBytes: 4 * KiB,
  /**
   * Entries that people have put at the top level of the folder: 500 bytes of memory each. Owners
   * may have the same parts of them as of the quota.
   */
  maxItems: 10_000,
  /** Files and folders of one upload: 20 MB of the server's memory while they arrive. */
  maxEntries: 100_000,
  /** Total characters of their names. */
  maxNameChars: 8 * MiB,
  /** Entries at the top level of one upload. */
  maxTopEntries: 1_000,
  /** Longest name at the top level, in bytes: the limit of most file systems. */
  maxNameBytes: 255,
  /** How long an upload of a disconnected sender waits in memory. */
  awayMs: 600_000,
  /** How long space is reserved for a file sent by HTTP: the browser sends it immediately. */
  ticketMs: 60_000,
  /** An upload that sends less than this per interval makes way for others: 2 kB per second. */
  leastBytes: 64 * KiB,
  leastEveryMs: 30_000,
  /**
   * An upload is measured each time that a quarter of it, and at least so much, has arrived. It may
   * take a quarter more than what was reserved, and `spareBytes` for the journal of a file.
   */
  measuredBytes: 8 * MiB,
  measuredParts: 4,
  spareBytes: MiB,
  /** How long the data of an interrupted upload is kept, for example after a crash. */
  keepPartialMs: 3_600_000,
  /** How often finished and expired uploads are removed. */
  sweepMs: 60_000,
  /** The same for a server that keeps them for less. */
  leastSweepMs: 1_000,
  /** How old the list of files may be in which somebody's file is not found: 10 000 take 5 ms. */
  freshMs: 1_000,
  /** A record about an upload takes about 1 KiB; a longer one was not written by parley. */
  maxRowBytes: 16 * KiB,
  /** Names listed in an announcement and to the sender; the rest is counted. */
  namedEntries: 8,
  /** Rows of a list of shared files: 20 KiB. */
  maxListed: 200,
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
   * How much of a room's history, and of the history of all rooms, a network or account may
   * displace in a burst, in percent of their size.
   */
  pastPercentAtOnce: 25,
  /** The same per hour: five short messages a second in memory, sustained indefinitely. */
  pastPercentPerHour: 200,
  /**
   * If others have fewer messages than this in a room, displacing them costs proportionally less;
   * if they have none, nothing.
   */
  pastFewMessages: 20,
  /**
   * All accounts of a network together count this many times: they may displace half in a burst.
   */
  pastMaxTimes: 2,
  /** Owners tracked for one room, and rooms tracked; the least recently used are evicted. */
  pastOwners: 256,
  pastRooms: 4_096,
  /** Rooms without history that a network may open, as a burst and per hour. */
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
  /**
   * How often it is checked that the data file is still in its place, at the earliest: what was
   * written since the last time is lost if it is not.
   */
  placeCheckMs: 1_000,
  /** Pause between slices of a sweep, for other work. */
  sweepSliceMs: 20,
  /** Pages in the write-ahead log that trigger a checkpoint: 4 MiB, a few milliseconds. */
  walPages: 1_000,
  /** Pages from which the log is flushed in another thread, and checkpointed afterwards. */
  walFlushPages: 500,
  /**
   * Files up to this size are checked page by page when opened, which takes about half a second.
   */
  checkBytes: 256 * MiB,
  /**
   * Bytes of messages and mail on disk; one sender can write 44 GB a day. The largest room or
   * mailbox loses its oldest messages first (`--keep-size`).
   */
  diskBytes: 16 * 1024 * MiB,
  /** Minimum for `--keep-size`: 65 536 sessions and rooms need some 20 MB. */
  leastDiskBytes: 50_000_000,
  /** Messages per room on disk (`--keep-messages`). */
  diskMessages: 1_000_000,
  /** Maximum age of a message (`--keep-age`). */
  maxAgeMs: 30 * 24 * 3_600_000,
  /** Private messages per recipient, and copies of sent ones per registered name. */
  mailMessages: 1_000,
  /**
   * How many of those one network or account may leave for an absent recipient, as a burst and per
   * `mailHoldMs`, so that three of them together can't fill a mailbox.
   */
  absentMailMessages: 250,
  /** Larger networks, and all accounts of a network, count this many times: half a mailbox. */
  absentMailMaxTimes: 2,
  /** Recipients and owners tracked for that; the least recently used is evicted. */
  absentMailOwners: 16_384,
  /**
   * Bytes of missed messages that sessions of one network receive immediately on return; after
   * that, as many a second as the network may send. A whole room in memory.
   */
  replayBurstBytes: 8 * MiB,
  /** Pages replayed to returning sessions per turn, in rotation: one takes up to 8 ms. */
  replaysPerTurn: 8,
  /** Open rooms. */
  maxRooms: 1_024,
  /**
   * How many of those one network (except loopback) may have opened: its 64 connections could be in
   * all of them.
   */
  maxRoomsPerNetwork: 256,
  /** Sessions kept for resuming; the oldest is dropped first. */
  maxSessions: 65_536,
  /**
   * Sessions of one name among which its last holder is looked for, those that got it last. One
   * would do, but files of earlier versions keep them in another order.
   */
  maxNamesakes: 64,
  /** How long a lost session can resume its counter and mail. */
  resumeMs: 24 * 3_600_000,
  /**
   * How long a session is kept after a goodbye, so that a late duplicate of a message is not
   * counted again.
   */
  goodbyeMs: 10 * 60_000,
  /**
   * How long a lost session keeps its name and receives mail: long enough for a restart or a dead
   * spot, not for a night.
   */
  mailHoldMs: 5 * 60_000,
  /** Age at which the record of a connected session is rewritten, in case the server crashes. */
  recordFreshMs: 60_000,
  /** Files in the list for a dialect without paging. */
  wholeListFiles: 10_000,
  /** Messages per page of history. */
  pageMessages: 500,
  /**
   * Bytes per page of history (at least one message); well below `output.maxLagBytes`, otherwise a
   * request would turn its sender into a slow reader.
   */
  pageBytes: 1 * MiB,
} as const;

/** Operators' decisions. All of them are kept in memory and in the store. */
export const rights = {
  /** Number of bans, and of mutes: 1 MB, and sorting them after a change takes milliseconds. */
  maxSanctions: 4_096,
  /** Rooms with a topic or guests. */
  maxRoomSettings: 1_024,
  /**
   * How many of those one account or network (except loopback) may have begun, since they outlast
   * the rooms: as `history.maxRoomsPerNetwork`. Operators of the server are exempt.
   */
  maxRoomSettingsPerOwner: 256,
  /** Guests of a private room: 20 KB in total. */
  maxGuests: 500,
  /** Bytes of a message-of-the-day file: a screenful. */
  maxMotdBytes: 4_096,
  /** Owners and operators. */
  maxRoles: 256,
  /** Longest operator command, in UTF-16 code units: a topic, and as much again. */
  maxOrderChars: 1_024,
  /** Rows of one answer; 500 KB. */
  maxAnswerRows: 4_096,
  /**
   * Bytes of a list of bans or mutes: 500 for each of them. Below `output.maxLagBytes`, otherwise
   * the list would turn its reader into a slow one.
   */
  maxSanctionListBytes: 2 * MiB,
  /** Passes that are still valid. */
  maxPasses: 1_024,
  /** Access tokens for programs, in total … */
  maxTokens: 1_024,
  /** … and per name: one token for each place where the name is used. */
  maxTokensPerName: 16,
  /**
   * How many of those one account or network may have created. All accounts of a network count as
   * `accounts.sharesPerNetwork`: it may register more names than all tokens would be enough for.
   */
  maxTokensPerOwner: 64,
  /**
   * Concurrent listening connections per access token: a program, and connections that replace it.
   */
  listenersPerToken: 8,
  /** People admitted by one pass; their record IDs are kept with it. */
  maxPassUses: 100,
  /** How long a pass is valid by default: a day. */
  passTermMs: 86_400_000,
  /** Wrong passwords or passes before a connection is closed: a typo may be corrected. */
  attemptsPerSession: 3,
  /** Longest reason or topic, in UTF-16 code units: two lines of a terminal. */
  maxReasonChars: 256,
  /** Longest term of a ban, mute or pass: ten years. Without a term it does not expire. */
  maxTermMs: 10 * 366 * 86_400_000,
  /** Prefix by which an IPv6 address is banned: a host can usually use any address in its /64. */
  ipv6Prefix: 64,
  /** Largest networks that can be banned; a typo must not shut out the world. */
  minIpv4Prefix: 8,
  minIpv6Prefix: 16,
} as const;

/** How the event loop is shared among senders. */
export const reading = {
  /** Milliseconds that one share owner is read in each window: how long others wait for it. */
  sliceMs: 3,
  /** Bytes in each window: the messages in them are written to a hundred people in 5 to 10 ms. */
  sliceBytes: 32 * KiB,
  /** A frame's bytes (offers) count for this fraction of them: 100 MiB/s from one owner. */
  frameDivisor: 32,
  /** Length of a window: a flood takes a third of the loop, and two of them two thirds. */
  windowMs: 10,
  /** What an owner makes up for at most: it may have been a pause of this process. */
  maxDebtMs: 100,
  /** Bytes read at once: half a millisecond of the shortest lines. */
  pieceBytes: 8 * KiB,
  /** What one WebSocket may send ahead of that, since it can't be paused. Four large frames. */
  maxUnreadBytes: 1 * MiB,
  /** Owners tracked for that; those without waiting input are forgotten. */
  owners: 4_096,
} as const;

/** Looking people up, and rooms with operators. */
export const people = {
  /** Names whose arrivals and departures a session is notified about. */
  maxWatched: 100,
  /** People remembered after they have left: 100 KB. */
  formerPeople: 256,
  /** People in one answer; each takes a line. */
  maxFound: 2_048,
  /** Longest mask of a search; a mask with many stars is slow to match. */
  maxSearchChars: 64,
  /** Cost of each person, room or shared file examined for an answer, in characters. */
  searchedChars: 16,
  /** Names that a mistyped one is compared with: at most half a millisecond. */
  maxCompared: 256,
  /** Cost of each name of a room whose list has to be sorted again, in characters. */
  sortedChars: 4,
  /** How long a count of operators and hidden people is cached: it examines everybody. */
  censusMs: 1_000,
  /** Changes of a room in one request. */
  maxChanges: 32,
  /** Bans of one room; each is matched when somebody enters the room or speaks in it. */
  maxBans: 64,
  /** Permanent operators of a room, and as many who may speak when it is moderated. */
  maxRoomOperators: 64,
  /** Longest mask of a ban, in UTF-16 code units. */
  maxMaskChars: 128,
  /** Longest key of a room. */
  maxKeyChars: 64,
  /** Longest real name or away message, in UTF-16 code units. */
  maxNoteChars: 200,
  /** Longest `user` of a client. */
  maxUserChars: 16,
  /**
   * How long a count of all rooms and people of several servers is cached: it reads all of them.
   */
  overviewMs: 2_000,
  /** Resolution of the time at which somebody last spoke, as known to other servers. */
  spokenMs: 60_000,
  /** People invited to one room who have not joined yet; then the oldest invitations expire. */
  maxCalled: 64,
  /** People who lost the connection to a room, and may return: 1 MB. One network gets a quarter. */
  maxLostMembers: 4_096,
  /** Away messages of sessions that lost the connection: 2 MB. One network gets a quarter. */
  maxAwayNotes: 4_096,
} as const;

/** The CPP registry. */
export const registry = {
  /** Registrations kept; beyond that, the network with the most loses its oldest one. */
  maxEntries: 4_096,
  /**
   * An ID used for registering or bridging within this time can only be replaced from its own
   * network.
   */
  freshMs: 3_600_000,
  /** One CPP message, in bytes. */
  maxMessageBytes: 8 * KiB,
} as const;

/** Calls between peers through a server. */
export const calls = {
  /** Peers that can be called through a server at once, as in the registry. */
  maxWaiting: 4_096,
  /** How many of them in one network (except loopback). */
  maxWaitingPerOwner: 64,
  /** Calls in progress; each has a relay for datagrams. */
  maxOpen: 512,
  /**
   * How many of them are made from one network (except loopback), to one peer, and to one peer from
   * one network.
   */
  maxPerOwner: 32,
  maxToCallee: 32,
  maxToCalleePerOwner: 10,
  /** New calls of one such network, as a burst and per minute: `/bridge` tries 16 peers. */
  newAtOnce: 48,
  newPerMinute: 48,
  /** Owners tracked for that; the least recently used is evicted. */
  owners: 4_096,
  /**
   * Bytes that one end may send before the other has read them: enough for 20 Mbit/s over 100 ms,
   * and little enough to wait in a server.
   */
  windowBytes: 256 * KiB,
  /** Bytes in one frame, and in one datagram. */
  frameBytes: 16 * KiB,
  datagramBytes: 1_100,
  /** Unanswered datagrams; what exceeds them takes frames. */
  maxUnanswered: 64,
  /** An unanswered datagram is repeated in a frame after three round trips, within these bounds. */
  minPatienceMs: 100,
  maxPatienceMs: 500,
  /**
   * Pieces that wait for an earlier one: a window of the smallest that TLS makes, of 22 bytes and
   * more.
   */
  maxEarly: 16_384,
  /** How long a direct connection is tried before a call goes through the server as well. */
  directMs: 400,
  /** The last calls of a peer that failed: what a server opens late is none of somebody else. */
  maxFailed: 32,
  /** When closing: time in all for the other end to read, as long as it does. */
  lingerMs: 30_000,
  /** The same while a connection to the server is lost: most come back within seconds. */
  cutLingerMs: 5_000,
  /** How long a call waits for a lost connection to come back, as a fetch does. */
  waitMs: 60_000,
  /** Meanwhile, how often an end tries, at least. */
  againMs: 2_000,
  /** How often a peer that takes calls returns to a server that it has lost, at least. */
  returnMs: 30_000,
} as const;

/** A CPP peer (`parley peer`). */
export const peer = {
  /** Lines typed out of turn: enough for a pasted page, without a stuck pipe filling memory. */
  maxTypedAhead: 256,
  /**
   * Silent callers. They never time out, so their number is bounded; the oldest is disconnected
   * first.
   */
  maxSilentCallers: 16,
  /** Lines about rejected callers, as a burst; then one in this time: they interrupt a chat. */
  rejectionLinesAtOnce: 8,
  rejectionLineEveryMs: 10_000,
  /** For connecting to the registry or a peer, and for the registry's answer. */
  requestTimeoutMs: 5_000,
  /** Registrations tried per `/bridge`; each client that has gone may cost a timeout. */
  maxBridgeTries: 16,
  /** Time that `/quit` allows a pending request to finish. */
  hurryMs: 1_000,
  /** When closing: time for the peer to close, once the kernel has accepted the last bytes. */
  lingerMs: 1_000,
  /** Until then: time for the peer to read more, which shows only now and then. */
  unreadMs: 5_000,
  /** Idle time before the kernel probes whether the peer still exists. */
  keepAliveMs: 60_000,
  /** Within which both ends of a protected call show who they are. */
  proofMs: 10_000,
  /** Unknown callers whose keys the registry is asked for at once. */
  maxLookups: 4,
  /** Values in a line of a protected call; an offer has the most. */
  maxLineValues: 256,
  /** How long an answer is waited for that tells a registry of ours from another one. */
  probeMs: 400,
  /** Bytes queued for a peer before stdin is paused. */
  maxWaitingBytes: 256 * KiB,
  /** Answers and files waiting for an end that does not read; beyond that it is disconnected. */
  maxUnreadBytes: 16 * MiB,
} as const;

/**
 * File transfers, whichever way the data takes. "Segment bytes" are a file's bytes in one datagram.
 */
export const transfer = {
  /**
   * Identifies a transfer and is unguessable; a forger of DATA would have to guess its last eight
   * bytes.
   */
  tokenBytes: 16,
  /** Largest file: 4 TiB, `maxChunks` of `maxChunkBytes`. (Offsets have 48 bits.) */
  maxFileBytes: 2 ** 42,
  /** Largest REQUEST: fits IPv6's minimum MTU. */
  maxRequestBytes: 1_200,
  /** Smallest segment that a client may request; smaller ones would only cost server time. */
  minSegmentBytes: 512,
  /** 64 KiB including all headers, on loopback. */
  maxSegmentBytes: 65_024,
  /** Concurrent transfers at a server. */
  maxTransfers: 4_096,
  /** Smallest chunk. Sealing one costs 9 to 80 µs; one call per datagram would cost 3 to 8 µs. */
  minChunkBytes: 64 * KiB,
  /** Largest chunk: both ends hold a few chunks in memory. */
  maxChunkBytes: 16 * MiB,
  /** Chunks per file: 4 MiB of tags, 64 GiB in chunks of 256 KiB; beyond that, chunks grow. */
  maxChunks: 262_144,
  /** Bytes of a chunk's tag: AES-GCM's full length. */
  tagBytes: 16,
  /** Bytes of a transfer's key: AES-256. */
  keyBytes: 32,
  /** Tags per line of the control connection: 21 KiB in base64. */
  maxTagsPerLine: 1_024,
  /** Maximum bytes that a client may request at once over the control connection. */
  maxPullBytes: 1 * MiB,
  /** Its concurrent requests there. */
  maxPulls: 4,
  /** Bytes of sealed data per line of the control connection: 43 KiB in base64. */
  pullLineBytes: 32 * KiB,
  /** Corrupt copies of one chunk before a fetch leaves UDP, or gives up without it. */
  maxBadCopies: 3,
  /** Versions of one file started before giving up on it. */
  maxVersions: 16,
  /** Data on disk is read back for verification in pieces of this size: 0.1 ms. */
  readBackBytes: 256 * KiB,
} as const;

/** The UDP half of a transfer: datagrams, congestion control and the sender's queues. */
export const udpTransfer = {
  /** Validates an address: 120 bits of keyed hash and a byte for its epoch. */
  cookieBytes: 16,
  /**
   * Minimum time during which a cookie can start a transfer; a running transfer remembers its
   * address.
   */
  cookieLifeUs: 60_000_000,
  /** Fits every path: 1 256 bytes with IPv4, 1 276 with IPv6, which guarantees 1 280. */
  baseSegmentBytes: 1_200,
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
  /**
   * Bytes in flight: more than any realistic path needs, and little enough for the server's queue.
   */
  maxWindowBytes: 32 * MiB,
  /** A transfer without a new byte for this long is stalled; the partial file is kept. */
  stallTimeoutUs: 30_000_000,
  /**
   * First timeout of an INIT; later ones double (RFC 9002 §6.2.2 recommends 1 s, but losing an INIT
   * costs more than a duplicate).
   */
  initTimeoutUs: 300_000,
  /** Longest wait between probes, so that a restored link is noticed soon. */
  maxProbeTimeoutUs: 2_000_000,
  /**
   * Queued ranges per transfer at the server; further ones are dropped and count as lost at the
   * client.
   */
  maxQueuedRanges: 512,
  /** Queued bytes per transfer at the server: twice a window is all that a client can use. */
  maxBacklogBytes: 64 * MiB,
  /**
   * A burst ends once this many bytes had to be sealed for it: segments of many different chunks
   * must not occupy the server for long.
   */
  maxSealedPerBurst: 256 * KiB,
  /** Datagrams of this size or more are large, such as those that the kernel has merged. */
  largeSegmentBytes: 16 * KiB,
} as const;

/** The server's relay for datagrams between the two ends of a channel. */
export const relay = {
  /** Total bytes per second (`--relay`): nearly the capacity of a 1 Gbit/s line. */
  bytesPerSecond: 100_000_000,
  /** One network (except loopback) or one account may use the rate divided by this. */
  ownersAtFullRate: 2,
  /** Pairs of ends: one for each offer in progress, and for each call. */
  maxPairs: 1_536,
  /** How long datagrams beyond the rate may be queued. */
  waitMs: 50,
  /** Bounds of that queue for one end, in bytes. */
  minQueueBytes: 64 * KiB,
  maxQueueBytes: 512 * KiB,
  /** Datagrams queued for one end, merged by the kernel or not. */
  maxQueued: 512,
  /** Bytes queued for all ends. */
  maxWaitingBytes: 32 * MiB,
} as const;

/** Paths between two people, for datagrams. */
export const paths = {
  /**
   * Addresses of the other end that are tried, both announced ones and those that probes come from.
   */
  maxCandidates: 24,
  /** Addresses that the other end may announce. */
  maxTold: 16,
  /** Bytes that each end contributes to the key of probes. */
  secretBytes: 16,
  /**
   * Probes to an address that has not answered: an end that announces somebody else's address makes
   * this one send that many datagrams of 33 bytes there, and no more.
   */
  maxTries: 8,
  /** The same for all addresses and channels of this program: enough for two channels at once. */
  triesPerSecond: 50,
  triesAtOnce: 400,
  /** Wait before the second probe, doubled up to the second value. */
  firstTryUs: 100_000,
  lastTryUs: 2_000_000,
  /** Retry interval for an address that has answered before but no longer does. */
  tryAgainUs: 10_000_000,
  /** Interval between probes of the path in use, and of other working paths. */
  usedProbeUs: 300_000,
  spareProbeUs: 1_000_000,
  /** Nothing has arrived by any path for this long: the network may have changed. */
  silentUs: 1_000_000,
  /** A path that has been silent this long is abandoned if another one works. */
  deadUs: 2_500_000,
  /** Addresses of this machine that are announced to the other end. */
  maxOwn: 12,
  /** Unanswered joins of the relay: the first wait, doubled up to the second value. */
  firstJoinUs: 100_000,
  lastJoinUs: 2_000_000,
  /** How often a relay is rejoined, so that NATs on the path keep their mappings. */
  joinAgainUs: 10_000_000,
  /** How long a transfer waits for a path before it uses the connection to the server. */
  waitMs: 1_500,
  /** A transfer without a path for this long continues over the connection to the server. */
  goneMs: 4_000,
} as const;

/** Trees of files: folders with everything below them. */
export const tree = {
  /** Files and folders of one tree: 150 MB at the receiver. */
  maxEntries: 1_000_000,
  /** Total characters of their names. */
  maxNameChars: 64 * MiB,
  /** Longest path below the root, in UTF-16 code units; Linux allows 4 095 bytes in total. */
  maxPathChars: 3_072,
  /** Names in a path. */
  maxDepth: 128,
  /** Paths of links and renamed files that are listed individually; the rest is counted. */
  maxNamed: 100,
  /** Entries per line of a list, and bytes per line: below `message.maxLineBytes`. */
  pageEntries: 1_000,
  pageBytes: 100 * KiB,
  /**
   * Largest file of a batch: it is assembled in memory, and partial data is lost with the
   * connection. Fetched separately it would cost two round trips; at 100 Mbit/s this takes 0.7 s.
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
  /** Datagrams per `sendMany`: Bun 1.4.5 sends at most 204 at once. */
  maxSendMany: 204,
  /** Bytes per segmented send: 64 KiB minus IP and UDP headers. */
  maxBatchBytes: 65_507,
  /**
   * Datagrams read per call where the event loop can be bypassed: 8 MiB of memory, most of it never
   * touched.
   */
  batchDatagrams: 128,
  /** Peers of a busy socket that are remembered; the least recently used is forgotten first. */
  busyPeers: 1_024,
  /**
   * A server's socket that is read this often within this time (2 000 times a second) is read in
   * batches from then on, so that other work gets its turn.
   */
  busyReads: 40,
  busyMs: 20,
  /**
   * How many datagrams each one that is only forwarded counts for: batches forward them without
   * copying, many with one system call.
   */
  forwardWeight: 5,
  /** How long it is read in batches at a time, and the pause before the next time. */
  busySliceMs: 1,
  busyWaitMs: 1,
  /**
   * The pause if all datagrams of a slice were forwarded: until about this many have arrived, which
   * a receive buffer of 208 KiB holds three times, but at most this long.
   */
  forwardDatagrams: 48,
  maxForwardWaitMs: 4,
  /** Fewer datagrams than this within that time end it. */
  calmDatagrams: 50,
  calmMs: 100,
  /** A longer wait in the socket than this, in µs, means that the clock was set. */
  maxLateUs: 1_000_000,
  /** Retry interval after the kernel accepted only a part. */
  retrySendMs: 2,
  /** For sockets bound to every address: interval between lookups of this machine's addresses. */
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
  /** How long a listing and its metadata are used before they are reread from disk. */
  listingMs: 2_000,
  /**
   * A folder unchanged for this long can be identified by its modification time; file systems have
   * a resolution of up to 2 s.
   */
  settledMs: 3_000,
  /** Files whose metadata is cached with a listing; in a larger folder it is read again. */
  listedFiles: 16_384,
  /** Files examined before yielding to other work; 50 `lstat` calls take 0.1 ms. */
  sliceFiles: 100,
  /** A folder of at most this size on disk is read synchronously: about 500 names, in 0.2 ms. */
  smallFolderBytes: 16 * KiB,
  /** Entries of a tree between checks of the clock, and how long a walk may hold up other work. */
  walkStep: 16,
  walkSliceMs: 1,
  /** Longest file name, in UTF-16 code units. */
  maxNameChars: 1_024,
} as const;

/** The web port: the page, files over HTTP, WebSockets. */
export const web = {
  /**
   * HTTP requests per second from one network, except loopback: a page with its parts, ranges of
   * files …
   */
  requestsPerSecond: 100,
  /**
   * … and as a burst: an office opens the page, or a program downloads a folder. 20 ms to answer.
   */
  requestBurst: 400,
  /** A page of the file list counts as this many requests: it takes half a millisecond. */
  listRequests: 4,
  /** Networks whose requests are counted; the least recently seen is evicted. */
  requestNetworks: 4_096,
  /**
   * Largest WebSocket frame from a client: the longest line and more. A larger one closes the
   * connection (1009).
   */
  maxFrameBytes: 256 * KiB,
  /**
   * Largest frame to a client. Longer output is split at line ends, so that a phone can show the
   * beginning early.
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
  /** A WebSocket without any sign of life, not even a pong, is closed after this, in seconds. */
  socketIdleSeconds: 120,
  /** After the server's last line: time for a browser to close its side. */
  socketCloseMs: 2_000,
  /**
   * Files and ranges up to this size are read in one go, so that they can't be a mixture of two
   * versions; larger ones use sendfile, except in TLS.
   */
  wholeReadBytes: 1024 * KiB,
  /** What is read of larger files at a time, where they do not use sendfile. */
  pieceBytes: 64 * KiB,
  /** Bytes read and hashed before yielding to other work: half a millisecond. */
  hashSliceBytes: 1024 * KiB,
  /**
   * Such pieces per iteration of the event loop. All hashes take turns, so none waits for a large
   * file.
   */
  hashesPerTurn: 2,
  /** Concurrent hashes, each with its open file; further requests are told to retry. */
  maxHashes: 64,
  /** How many of those one address, except loopback, may have started. */
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
  /** How long the body may take to arrive. */
  bodyMs: 10_000,
  /** Messages per page, unless another number is requested. */
  pageMessages: 50,
  /** Bytes of events on their way to the socket; further ones wait in the hub, which is bounded. */
  streamBytes: 64 * KiB,
  /**
   * Interval between comments sent to listeners: less than the 60 s after which proxies close a
   * quiet connection.
   */
  heartbeatMs: 20_000,
} as const;

/** open-chat's stop-and-wait download over UDP. */
export const openChatDownload = {
  /** First port of the pool, as in the original. */
  firstPort: 55_000,
  /** Ports in the pool, hence concurrent downloads; a port in use is skipped. */
  ports: 16,
  /**
   * Bytes of the file per answer: 1016 with the pickle around it; the original client's buffer
   * holds 1024.
   */
  partBytes: 1_000,
  /** Longest request: `part` and 15 digits, with room for a line ending. */
  maxRequestBytes: 64,
  /**
   * A port is freed after this long without a request or, once its client has left the chat,
   * without progress.
   */
  idleMs: 30_000,
  /**
   * The same before the first request: programs send it immediately, and a person can type it in
   * this time.
   */
  firstRequestMs: 10_000,
  /** Unused ports per session: the next file may be requested while the first one starts. */
  unaskedPerSession: 2,
  /**
   * Ports per session, so that one client can't occupy the pool; its program loads one file at a
   * time.
   */
  portsPerSession: 4,
  /** Ports per address, except loopback: less than a third of the pool. */
  portsPerAddress: 5,
  /**
   * Requests per part of the file; a client that sends more is not downloading but occupying a
   * port.
   */
  maxRequestsPerPart: 16,
  /** Additional requests, so that small files can also be transferred over a lossy path. */
  spareRequests: 256,
} as const;

/** The small clients of the other systems (`parley classic`). */
export const classicClient = {
  /** Time for a TCP connection to open. */
  connectTimeoutMs: 10_000,
  /**
   * Minimum gap between sends, because servers treat each read as a message. Longer than
   * sniff.unframedAfterMs.
   */
  sendGapMs: 100,
  /** Time for an answer over TCP. */
  answerTimeoutMs: 10_000,
  /** How long to wait for the answer to a datagram before it is resent. */
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
  /** Ports up to this one belong to services; datagrams from them are not client requests. */
  maxServicePort: 1_023,
  /**
   * Answers per second to one address and port; date-time's own client asks at most once a second.
   */
  sourcePerSecond: 16,
  /** Burst of answers. A forged sender that replies to every answer gets this many and no more. */
  sourceBurst: 32,
  /** Answers per second to one network, for all clients behind one address. */
  networkPerSecond: 128,
  /** Burst of answers to one network. */
  networkBurst: 512,
  /** Senders and networks tracked, about 150 bytes each. */
  maxSources: 4_096,
} as const;

/** Serving files. */
export const files = {
  /** Concurrent transfers; each has an open file. */
  maxTransfers: 512,
  /** Concurrent transfers per address, except loopback. */
  maxTransfersPerAddress: 64,
  /** Concurrent transfers per control connection. */
  maxTransfersPerSession: 16,
  /**
   * A transfer that has sent nothing for this long gives way to others: its client has given up, or
   * is waiting for its own reader.
   */
  idleMs: 30_000,
  /** Interval between checks whether a file being sent has changed. */
  checkFileMs: 100,
  /**
   * Sealed chunks that are kept, of all transfers, so that lost segments can be resent without
   * sealing again. Several times what a path has in flight.
   */
  sealedCacheBytes: 64 * MiB,
  /**
   * Tags of all transfers; a file of 1 GiB has 256 KiB of them. Beyond that, `full`. One network,
   * except loopback, may use a quarter.
   */
  maxTagBytes: 128 * MiB,
  /**
   * A file that was changed this recently is only offered later: until the file system's clock has
   * advanced, which takes at most 10 ms on Linux, a further change would not show in its times.
   */
  settleMs: 20,
  /**
   * When there is nothing else to do, the tags of a file's last bytes are sent ahead of the data: a
   * loss on the control connection would otherwise cost the whole transfer a TCP timeout. One
   * second at 100 Mbit/s.
   */
  tagLeadBytes: 16 * MiB,
  /**
   * A distant client gets new tags when there are this many, or after this long: chunks of 256 KiB
   * at 100 Mbit/s take 21 ms each.
   */
  gatheredTags: 4,
  gatherTagsMs: 40,
  /** Lines of pulled data that one transfer sends before the next one gets its turn. */
  pulledPieces: 8,
  /** How long sending may occupy the event loop at a time. */
  sendSliceMs: 1,
  /** The same for sealing ahead, or a second time. */
  sealSliceMs: 1,
  /** The same for rendering lists of files; one takes 0.5 ms. */
  answerSliceMs: 1,
  /** Longest blocking wait that replaces a timer, which can't be shorter than 1 ms; in µs. */
  napUs: 250,
  /**
   * A client that waits for a second pass over a file is told this often that the server is still
   * working.
   */
  stillBusyMs: 1_000,
  /** Interval between checks of a control connection that accepts no more for now. */
  controlRetryMs: 5,
  /** Tags and data are held back from a control connection with this much unsent. */
  maxControlBytes: 256 * KiB,
  /**
   * Different file lists being read at the same time; nearly everybody requests the same first
   * page.
   */
  maxListings: 64,
  /** How many of those one network (except loopback) or account may have started. */
  maxListingsPerOwner: 16,
  /** Trees being listed at the same time, by one network or account, and by one connection. */
  maxWalks: 64,
  maxWalksPerOwner: 16,
  maxWalksPerSession: 4,
  /**
   * How many of those proceed in one iteration of the event loop, each for `folder.walkSliceMs`.
   */
  walksPerTurn: 2,
  /**
   * Small files of the last list of each connection, from which its batches are made without
   * another walk: per connection and in total, 150 bytes each.
   */
  toldPerSession: 65_536,
  toldFiles: 262_144,
  /** Names of folders that are cached for the next walk: 20 MB. */
  keptNames: 262_144,
} as const;

/** The journal next to a partial file. */
export const journal = {
  /** As `transfer.minChunkBytes`: a journal with smaller chunks was not written by parley. */
  minChunkBytes: 64 * KiB,
  /** Progress is recorded after this many bytes. */
  everyBytes: 8 * MiB,
  /** Progress is recorded at least this often, which is what a SIGKILL costs. */
  everyMs: 250,
  /** A longer journal is not read; 262 144 chunks take at most half of it. */
  maxBytes: 16 * MiB,
} as const;

/** Fetching files, client side. */
export const fetching = {
  /**
   * A second connection attempt starts after this long: a lost SYN is only resent after a second
   * (RFC 6298 §2.1).
   */
  secondConnectMs: 300,
  /** For the TCP connect, and for the TLS handshake. */
  connectTimeoutMs: 10_000,
  /**
   * A server whose first bytes are not native may have prompted a person; its welcome must follow
   * within this time.
   */
  bannerTimeoutMs: 2_000,
  /** Answer to a request on the control connection. */
  answerTimeoutMs: 20_000,
  /**
   * How often a rate-limited request is resent, each time after the wait that the server asks for.
   */
  maxRateTries: 10,
  /**
   * How often a server may announce another port or version of the file without a wait between
   * attempts.
   */
  maxStaleTries: 4,
  /**
   * Everything has arrived, but the tags to open it have not for this long: retry on a new
   * connection.
   */
  tagTimeoutMs: 20_000,
  /** After this much silence, the control connection is pinged. */
  silenceMs: 1_500,
  /**
   * A control connection that does not answer the ping for this long is dropped. The client's
   * address may have changed; a new connection continues within 5 s.
   */
  aliveTimeoutMs: 2_000,
  /** Interval between timeout checks while nothing arrives. */
  silenceStepMs: 100,
  /**
   * The server answers over TCP but not over UDP for this long, in which six INITs have been sent:
   * the path blocks UDP, and the control connection carries the data.
   */
  udpAnswerMs: 3_000,
  /** The same after an ICMP "port unreachable". */
  udpRefusedMs: 1_000,
  /**
   * A fetch retries for this long without progress; then it is stalled, and the partial file is
   * kept. Briefly closing a laptop, or changing the wireless network, takes most of a minute.
   */
  retryForMs: 60_000,
  /** Wait between attempts, doubled from the first value to the second. */
  retryFirstMs: 100,
  retryMaxMs: 2_000,
  /**
   * `fetch` is sent without the cookie if the cookie arrives this much later than the TCP
   * connection.
   */
  cookieWaitMs: 30,
  /** Data that arrives before the offer is buffered up to this much. */
  maxEarlyBytes: 4 * MiB,
  /**
   * Lines read together with the offer; one read is at most 512 KiB, a full line of tags 21 KiB.
   */
  maxEarlyLines: 1_024,
  /**
   * Bytes that may be requested past the oldest missing one: they wait in memory until their chunks
   * are complete. Twice `udpTransfer.maxWindowBytes`, so that one lost segment does not stop the
   * transfer.
   */
  aheadBytes: 64 * MiB,
  /** The same for `-o -`, whose chunks also wait for their turn to be written. */
  streamAheadBytes: 16 * MiB,
  /**
   * If this much is waiting to be opened, nothing is requested: on loopback a sender is faster than
   * the receiver's disk.
   */
  maxReadyBytes: 2 * MiB,
  /** While a turn reads, more is requested after this many bytes: 0.25 ms at 1 Gbit/s. */
  eagerBytes: 32 * KiB,
  /**
   * A turn that has read this much stops requesting, so that the socket drains and the turn can
   * end.
   */
  eagerTurnBytes: 1 * MiB,
  /**
   * If this many datagrams arrive within this time, merged or not, a turn stays with the socket for
   * that long and reads in batches.
   */
  batchedDatagrams: 8,
  batchedTurnMs: 5,
  /** On loopback, a turn reads this many of those that are waiting: 512 KiB. */
  waitingDatagrams: 8,
  /**
   * On loopback, the event loop stops reading after this many bytes, and reads again after this
   * many naps in which nothing has arrived: 2 ms.
   */
  mutedFromBytes: 16 * MiB,
  mutedNaps: 20,
  mutedNapUs: 50,
  /** The first burst is awaited in batches as well, for this long. */
  expectMs: 25,
  /** Sleep between batches until this many datagrams are expected, within these bounds in µs. */
  napDatagrams: 8,
  minNapUs: 150,
  maxNapUs: 1_000,
  /**
   * Naps while merged datagrams arrive only if the receive buffer holds what arrives during this
   * many of the longest ones: with 208 KiB, the default of many systems, not from 0.4 Gbit/s on.
   */
  napsPerBuffer: 4,
  /** How long opening chunks, or writing small files, may occupy the event loop at a time. */
  workSliceMs: 2,
  /** The window advances in this many steps. */
  horizonSteps: 8,
  /** Bytes that stdout may still be reading: a little more than `terminal.maxDataBytes`. */
  unsentBytes: 1 * MiB,
  /** Time for the reader of `-o -` to read the rest at the end: a day. */
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
  /** A signal that follows another within this time is the same one, sent twice. */
  repeatedSignalMs: 1_000,
} as const;

/** A native client's session. */
export const client = {
  /** People whom one user ignores. */
  maxIgnored: 1_000,
  /**
   * Unacknowledged messages in flight; hides a long path's delay, and bounds what is resent after a
   * restart.
   */
  windowMessages: 256,
  /** The same in characters of text, so that long messages do not pile up in socket buffers. */
  windowChars: 256 * KiB,
  /** Queued messages, in flight or not; beyond that, the person or pipe waits. */
  queueMessages: 1_024,
  /** Requests (who, rooms, files, …) without an answer. */
  openRequests: 64,
  /** Requests per search: 400 000 messages. */
  searchRequests: 100,
  /** From the open connection to the welcome; after that the client reconnects. */
  welcomeTimeoutMs: 10_000,
  /** Time for a TCP connection to open. */
  connectTimeoutMs: 10_000,
  /** After this much silence, the server is pinged. Less than connections.idlePingMs. */
  pingAfterMs: 20_000,
  /** The same while a message is unacknowledged. */
  pingWaitingAfterMs: 5_000,
  /** If the ping is not answered for this long, the connection is dead. */
  pongTimeoutMs: 10_000,
  /**
   * The same if there is reason to doubt the connection, as when datagrams have stopped: a transfer
   * continues within 5 s after the network has changed.
   */
  doubtfulPongMs: 1_500,
  /**
   * Abandoned connections that may still take the session over when a slow server handles them, and
   * for how long: after that, a takeover comes from another program.
   */
  maxGivenUp: 8,
  givenUpMs: 60_000,
  /** First wait before reconnecting; doubles with each failure. */
  retryFirstMs: 200,
  /**
   * Longest wait before reconnecting. A restarted server is found soon, and a thousand clients do
   * not overload it.
   */
  retryMaxMs: 10_000,
  /** Longest wait that a refusal (`retryAfterMs`) can request. */
  retryAfterMaxMs: 60_000,
  /**
   * `protocol` errors for one message without progress in between; after that the connection starts
   * over.
   */
  maxRewinds: 3,
} as const;

/** The connection of a client that is no browser. Apart from `client`, for the page. */
export const clientSocket = {
  /** As `fetching.bannerTimeoutMs`. */
  firstWordsMs: 2_000,
  /** Longest line from a server: twice a page of history with every character escaped. */
  maxServerLineBytes: 4 * MiB,
  /** Unsent bytes after which the connection counts as stuck; fits the window's messages. */
  maxUnsentBytes: 8 * MiB,
} as const;

/** PROXY headers of trusted proxies. */
export const proxyProtocol = {
  /** Addresses and all extensions in a version 2 header; usual ones have 12 to 200 bytes. */
  maxHeaderBytes: 4 * KiB,
  /** How long to wait for the header, which a proxy sends immediately. */
  waitSeconds: 10,
} as const;

/** A server's log: lines beyond these limits are suppressed and counted. */
export const logging = {
  /** Lines of one kind about one network per second: some 10 MB a day per kind. */
  networkLinesPerSecond: 1,
  /** The same as a burst: everybody behind one address may reconnect after a restart. */
  networkBurst: 128,
  /** Lines of one kind about all networks per second. */
  kindLinesPerSecond: 50,
  /** The same as a burst: everybody may reconnect after a restart. */
  kindBurst: 2_000,
  /**
   * All lines about clients, and all others, per second: room for several floods of different
   * kinds; 2 GB a day in the worst case.
   */
  linesPerSecond: 200,
  /** The same as a burst. */
  burst: 8_000,
  /** Kinds with a budget. parley has about 40; some problems have sentences of their own. */
  kinds: 256,
  /** Networks with a budget, once for each kind; about 1 MB. */
  networks: 4_096,
  /** How often suppressed lines are reported. */
  reportMs: 10_000,
  /** Networks listed in such a report; the others are counted together. */
  reportedNetworks: 20,
} as const;

/** Logs and data on stdout and stderr. */
export const terminal = {
  /** `--json-in` commands that wait for files; further ones are refused. */
  maxOpenCommands: 64,
  /** A pipe without `--follow` gives up after this long without a connection, or an answer. */
  giveUpMs: 600_000,
  /** Bytes of log lines queued for a reader; further lines are dropped and counted. */
  maxLogBytes: 256 * KiB,
  /** Longest value of a log field; file names have at most 255 bytes. */
  maxLogFieldChars: 256,
  /** Bytes of data queued for a reader; beyond that, the producer pauses. */
  maxDataBytes: 256 * KiB,
  /** Bytes per write: about as much as a pipe accepts at once. */
  writeBytes: 64 * KiB,
  /** Retry interval for a terminal that accepts nothing, such as one stopped by Ctrl-S. */
  stoppedTerminalMs: 50,
  /** How long a shell waits for the files of a server when Tab is pressed. */
  completionMs: 5_000,
  /** How long `parley admin` waits for the answer to a command. */
  orderAnswerMs: 60_000,
  /** How long the program waits at exit for a reader of its last lines. */
  flushTimeoutMs: 1_000,
  /**
   * Longest line that can be typed; longer than the longest message, so that the refusal can
   * explain the limit.
   */
  maxTypedChars: 32 * KiB,
  /** Longest paste; the rest is dropped. Far longer than the longest message. */
  maxPasteChars: 256 * KiB,
  /**
   * Lines of a message that a single Enter sends; longer ones, perhaps pasted by mistake, need a
   * second.
   */
  unaskedLines: 20,
  /** Pieces of text that arrive faster than this belong to one paste. */
  pasteGapMs: 1_000,
  /** Lines in the prompt's history; the oldest are forgotten first. */
  maxHistoryLines: 500,
  /** Characters in a Ctrl-R search. */
  maxSearchChars: 200,
  /** Messages shown by a search, the newest. */
  foundMessages: 20,
  /** Messages shown when entering a room. */
  enteredMessages: 20,
  /** Messages of a background room kept until it is viewed; the newest ones. */
  missedMessages: 50,
  /** Their total characters. */
  missedChars: 64 * KiB,
  /** Messages held back while earlier ones are in flight. */
  heldMessages: 500,
  /** An escape character followed by nothing for this long was the Escape key. */
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
   * All boxes of a message, in base64, those for the sender's own devices included: what remains of
   * a line (`message.maxLineBytes`) after keys and names. The longest text in ASCII fits for four
   * devices.
   */
  maxChars: 96 * KiB,
  /** Private messages of one client that wait for keys or for the connection. */
  maxWaiting: 64,
  /** Incoming private messages that wait to be opened: a full mailbox. */
  maxUnopened: 1_024,
  /** Sending devices whose messages a device remembers, to detect repeated ones. */
  maxSenders: 256,
  /** Messages remembered for each; older ones are rejected by their time. */
  maxRemembered: 64,
  /** The file of known keys: 10 000 lines. */
  maxKnownBytes: MiB,
  /** The part of it that people may fill who write or call first. */
  maxUnaskedBytes: MiB / 2,
  /**
   * The file of messages seen: more than twice `maxSenders` times `maxRemembered`. Longer than half
   * of that, it is written anew.
   */
  maxSeenBytes: 2 * MiB,
  /** How long an exiting client waits for private messages that are still being sealed. */
  settleMs: 2_000,
} as const;

/** Codes with which two devices of one person are connected. */
export const deviceLinks = {
  /**
   * How long a device that has joined waits for the other one to prove its key: much longer than
   * that takes, and too short to search for the code's secret (75 bits).
   */
  proofMs: 3_600_000,
} as const;

/** Registered names. */
export const accounts = {
  /**
   * All accounts that one network uses together count as this many networks, in whatever is shared:
   * twenty people in one office get four times as much as a stranger, and 64 names of one stranger
   * no more.
   */
  sharesPerNetwork: 4,
  /** Accounts of one server: about 30 MB. */
  maxAccounts: 65_536,
  /**
   * Names that one network may register as a burst, except loopback: one for each connection that
   * an address may have.
   */
  registrationsAtOnce: 64,
  /**
   * The same per hour. Registrations are permanent: filling `maxAccounts` takes one network half a
   * year.
   */
  registrationsPerHour: 16,
  /** Devices of one person. */
  maxKeys: 16,
  /** Devices remembered, including revoked ones; the one revoked first is forgotten. */
  maxKnownKeys: 32,
  /** Browsers in which one person is logged in; the oldest one must log in again. */
  maxTokens: 16,
  /** Longest label of a device, in UTF-16 code units: a machine's name. */
  maxLabelChars: 64,
  /** Burst of guesses at passwords, passes, codes or claims from one network … */
  guessesPerNetwork: 10,
  /** … and the time for each further guess; correct ones do not count. */
  networkGuessEveryMs: 10_000,
  /** Burst of guesses at the password of one account, from anywhere; half from one network … */
  guessesPerAccount: 20,
  /** … and the time for each further guess: 43 200 in a month. */
  guessEveryMs: 60_000,
  /** How long a code for another device is valid: time to walk there. */
  codeMs: 600_000,
  /** Such codes at a time, one per account; the least recently used is evicted. */
  codes: 4_096,
  /** Passwords hashed at a time: 64 MiB and a CPU core each, and the event loop needs one too. */
  passwordsAtOnce: 1,
  /** Passwords waiting for that, from one network: four seconds' worth; more are refused. */
  passwordsWaiting: 16,
  /** The same for all networks, which take turns. */
  passwordsWaitingInAll: 128,
  /** Networks and accounts tracked for that; the least recently used is evicted. */
  guessers: 4_096,
} as const;

/** Passwords of accounts. The page needs these, and not the limits above. */
export const passwords = {
  /**
   * Shortest password, in UTF-16 code units. Shorter than NIST SP 800-63B recommends (8), as
   * accepted by IRC services: guesses are limited by network, and hashes are argon2id.
   */
  minChars: 6,
  /** Longest password. */
  maxChars: 1_024,
} as const;

/** Servers that share a PostgreSQL database. */
export const postgres = {
  /** Connections of one server, not counting the one that listens. */
  connections: 4,
  /**
   * Changing the tables for a new version waits this long for those who use them, such as a backup,
   * while other servers wait behind it; then they get their turn, for half a minute in all.
   */
  migrationLockMs: 2_000,
  migrationPauseMs: 1_000,
  migrationTries: 10,
  /** How long a notification may take when the server starts: a busy database needs a second. */
  noticeMs: 5_000,
  connectSeconds: 5,
  /** Longest wait for an answer; shorter than a lease, so that another primary is found in time. */
  statementSeconds: 8,
  /** The same for statements that run while the server stops. */
  closeSeconds: 2,
  /** Number of attempts for a statement that conflicts with another server's. */
  conflictTries: 5,
  /**
   * A server that does not renew its lease for this long counts as dead and may no longer write.
   */
  leaseMs: 10_000,
  /** How long the people of a server that stops may take to return before others hear of it. */
  returnMs: 5_000,
  /**
   * How long the outcome of a claim, or of an account change, is kept, in case it is repeated or
   * carried out late: much longer than a statement waits.
   */
  outcomeKeptMs: 600_000,
  /**
   * From how long before the last known account change others are read again: a transaction that
   * began earlier may end later.
   */
  changesReadMs: 60_000,
  /** Interval between renewals of the lease, in addition to those by each batch. */
  renewMs: 3_000,
  /**
   * Interval between checks for what other servers have done, in addition to their notifications.
   */
  lookMs: 1_000,
  /**
   * How often operators' decisions are read between two such checks, after notifications; if they
   * change more often, as when somebody sets topics all the time, the next check reads them.
   */
  rightsReadPerLook: 10,
  /** Rooms and mailboxes queried at once in such a check. */
  roomsPerLook: 500,
  mailboxesPerLook: 500,
  /** Mailboxes checked in turn each time, unless notifications may have been missed. */
  mailboxesInTurn: 2_000,
  /** Rooms that are about to be opened of which the number of deleted texts is remembered. */
  roomsOpening: 1_000,
  /** Watched names that are queried every second: notifications may have missed something. */
  watchedPerLook: 1_000,
  /** Notifications in which a commit is told; what is longer (about 250 KB) is read instead. */
  noticeParts: 32,
  /** Notifications of which only some parts have arrived: one per server. */
  partialNotices: 64,
  /** Processes of which the last request with charges is known: one per server. */
  processesHeard: 64,
  /** Messages of other servers read at once. */
  catchUpMessages: 1_000,
  /**
   * How often the database may refuse to read them in a room before they are left out there: own
   * messages wait for it, and are tried again every second. Counted once between two looks.
   */
  refusedReads: 5,
  /** Notified messages of a room that must wait for earlier ones being read. */
  waitingPieces: 200,
  /**
   * Numbers of bans, passes and tokens that a server reserves at once, since only it assigns them.
   */
  numbersAtOnce: 1_000,
  /** Guesses and registrations told to the other servers at once, in one notification … */
  chargesAtOnce: 32,
  /** … and those that wait while the database is away: beyond that, the oldest are forgotten. */
  chargesWaiting: 4_096,
  /** Signals for people of whom the database can't say where they are; the oldest are dropped. */
  signalsWaiting: 1_024,
  /** Requests to the peer registry that wait for the database. */
  registryRequests: 256,
  /** Interval between checks of which names are registered, for services without a login. */
  namesMs: 5_000,
} as const;

/** What `parley doctor` measures. */
export const doctor = {
  /** Pings over the control connection: enough for a median. */
  pings: 11,
  /** Datagrams that are answered one by one, and the milliseconds between them: 2 s. */
  probes: 100,
  probeEveryMs: 20,
  /** How long to wait for the last answers, in milliseconds: more than any path takes. */
  answerMs: 1_000,
  /** A smaller file shows no rate: it has arrived before the transfer is up to speed. */
  minFileBytes: 1_000_000,
  /** Maximum duration of a measured download, in milliseconds. */
  downloadMs: 3_000,
  /** File names examined to find the largest file. */
  maxNames: 1_000,
  /** How long each algorithm is measured, in milliseconds. */
  cryptoMs: 150,
} as const;

/** IRC, in addition to the limits for all dialects. */
export const irc = {
  /** Longest line without its tags, in bytes including the line ending (RFC 1459, section 2.3). */
  maxLineBytes: 512,
  /** Longest tags of a client, including `@` and the space (IRCv3 message-tags). */
  maxClientTagBytes: 4_096,
  /** Targets of one line; each is a separate request. */
  maxTargets: 16,
  /**
   * Unanswered requests of one client; beyond that, the oldest loses its request-specific form of
   * answer.
   */
  maxPending: 512,
  /** How much of a refused line is echoed, in UTF-16 code units. */
  maxEchoChars: 400,
  /** Characters per line of a SASL message (IRCv3 sasl-3.1). */
  saslChunkChars: 400,
  /** Longest SASL message: the name twice and the password, in base64. */
  maxSaslChars: 2_000,
  /** Rooms in one answer to LIST. */
  maxListed: 4_096,
} as const;

/** Files by code. */
export const codes = {
  /** Codes that a server has open at once. */
  maxOpen: 512,
  /**
   * How many of those may be opened from one network (except loopback) or by one account; and by
   * one client.
   */
  maxPerOwner: 32,
  maxPerSession: 16,
  /** New codes of one such owner, as a burst and per minute: each allows somebody one guess. */
  newAtOnce: 16,
  newPerMinute: 12,
  /** Owners tracked for that; the least recently used is evicted. */
  owners: 4_096,
  /** The highest number if several servers share a database; each server uses its own numbers. */
  maxSharedNumber: 999_999,
  /** Such numbers tried until one is found that no other server has: they are random. */
  numberTries: 8,
  /** How long the code of a disconnected sender is kept. */
  awayMs: 600_000,
  /** How long a code waits to be used, and for the guest who used it to return. */
  unusedMs: 24 * 3_600_000,
  /** Concurrent connections, of the guest and of others. */
  maxConnections: 32,
  /** The same from one network: others need places too. */
  maxPerAddress: 8,
  /**
   * The same through a server, where either end may lose its connection meanwhile; also how long
   * the sender's answer is awaited.
   */
  guestMs: 60_000,
  /** How long a guest may take to prove that it knows the code. */
  proofMs: 15_000,
  /** Requests answered before that; `fetch-file` makes three. */
  requestsBeforeProof: 16,
  /** Ports tried until one is free for TCP and UDP. */
  portTries: 20,
  /** The highest number of a code on the local network, or at a server. */
  maxNumber: 999,
  /** Bytes of an announcement there; parley's own have about 50. */
  announcementBytes: 512,
  /** Places tried for one code: each gives the announcer one guess. */
  maxPlaces: 3,
  /**
   * Wrong guesses after which `send-file --keep` stops: with a chance of 2⁻²² each, all of them
   * together succeed in one of 65 536 runs. The wait after each guess is that number times this
   * long.
   */
  maxVoid: 64,
  voidPauseMs: 250,
  /**
   * How long `send-file` checks whether the server on this machine can be reached from the network.
   */
  reachMs: 500,
  /** If a server can't open another code at the moment, `--keep` retries after this long. */
  openAgainMs: 5_000,
  /** Pause between announcements on the local network. */
  announceMs: 500,
  /** Pause between reports of progress. */
  progressMs: 200,
  /** How long the local network is searched for an address. */
  findMs: 10_000,
  /** How long a program that has failed waits until the sender knows why. */
  farewellMs: 2_000,
} as const;

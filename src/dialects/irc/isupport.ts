// The features the server advertises after the welcome (RPL_ISUPPORT). Pure.

import { history, irc, names, people, rights } from "../../limits.ts";
import type { IrcServer, Line, Self } from "./self.ts";

/** Tokens per line. */
const perLine = 12;

export function isupportLines(self: Self): Line[] {
  const tokens = isupport(self.server);
  const lines: Line[] = [];
  for (let i = 0; i < tokens.length; i += perLine) {
    const some = tokens.slice(i, i + perLine);
    lines.push(self.numeric("005", ...some, "are supported by this server"));
  }
  return lines;
}

function isupport({ network }: IrcServer): readonly string[] {
  return [
    `AWAYLEN=${people.maxNoteChars}`,
    "BOT=B",
    "CASEMAPPING=ascii",
    `CHANLIMIT=#:${names.maxRoomsPerSession}`,
    "CHANMODES=b,k,l,imnst",
    `CHANNELLEN=${names.maxRoomChars + 1}`,
    "CHANTYPES=#",
    `CHATHISTORY=${history.pageMessages}`,
    "ELIST=MNU",
    `KEYLEN=${people.maxKeyChars}`,
    `KICKLEN=${rights.maxReasonChars}`,
    `MAXLIST=b:${people.maxBans}`,
    `MAXTARGETS=${irc.maxTargets}`,
    `MODES=${people.maxChanges}`,
    `MONITOR=${people.maxWatched}`,
    "MSGREFTYPES=msgid,timestamp",
    `NAMELEN=${people.maxNoteChars}`,
    `NETWORK=${network}`,
    `NICKLEN=${names.maxChars}`,
    "PREFIX=(ov)@+",
    "SAFELIST",
    `TARGMAX=JOIN:${irc.maxTargets},KICK:${irc.maxTargets},LIST:1,NAMES:1,NOTICE:${irc.maxTargets},PART:${irc.maxTargets},PRIVMSG:${irc.maxTargets},WHOIS:${irc.maxTargets}`,
    `TOPICLEN=${rights.maxReasonChars}`,
    `USERLEN=${people.maxUserChars}`,
    "UTF8ONLY",
    "WHOX",
  ];
}

// Renders the hub's errors as numerics, depending on the request. Pure.

import type { PersonalEvent } from "../../chat/events.ts";
import { channelOf, isChannel } from "./names.ts";
import type { Request } from "./pending.ts";
import type { Line, Self } from "./self.ts";

type Failure = Extract<PersonalEvent, { type: "error" }>;

export function refusalLines(self: Self, event: Failure, request: Request): Line[] {
  const { code, message, subject = "" } = event;
  const { verb, target, args } = request;
  switch (verb) {
    case "PRIVMSG":
    case "NOTICE":
    case "TAGMSG":
      // A NOTICE must never be answered, not even with an error.
      return verb === "NOTICE" && code !== "rate" ? [] : messageRefusal(self, event, target);
    case "JOIN":
      return [joinRefusal(self, event, target)];
    case "NICK":
      return [nickRefusal(self, event, target)];
    case "AUTHENTICATE":
      return [self.numeric("904", `SASL authentication failed: ${message}`)];
    case "OPER":
      return [self.numeric("464", code === "wrong-password" ? "Password incorrect" : message)];
    case "CHATHISTORY":
      return [historyRefusal(self, event, request)];
    case "KILL":
    case "PARLEY":
      return [operatorRefusal(self, event, target)];
  }
  const [nick = subject] = args;
  switch (code) {
    case "not-in-room":
      return [self.numeric("442", target, "You're not on that channel")];
    case "not-found":
      return [self.numeric("403", target, "No such channel")];
    case "not-there":
      return [
        self.numeric("441", nickIn(verb, nick, subject), target, "They aren't on that channel"),
      ];
    case "is-there":
      return [self.numeric("443", nick, target, "is already on channel")];
    case "unknown-user":
      return [self.numeric("401", nickIn(verb, nick, subject), "No such nick/channel")];
    case "not-allowed":
      return [self.numeric("482", target, "You're not channel operator")];
    case "muted":
      return [self.numeric("482", target, message)];
    case "text-invalid":
      return [self.numeric("696", target, subject, "*", message)];
    case "full":
      return [self.numeric("478", target, "b", message)];
    default:
      return general(self, event);
  }
}

function historyRefusal(self: Self, { code, message }: Failure, { target, args }: Request): Line {
  const [which = "LATEST"] = args;
  const why = code === "storage" ? "MESSAGE_ERROR" : "INVALID_TARGET";
  return self.fail("CHATHISTORY", why, which, target, message);
}

/** For MODE, whose arguments include modes: the nick that the error is about. */
function nickIn(verb: string, nick: string, subject: string): string {
  return verb === "MODE" ? subject : nick;
}

function messageRefusal(self: Self, { code, message }: Failure, target: string): Line[] {
  switch (code) {
    case "unknown-user":
      return [self.numeric("401", target, "No such nick/channel")];
    case "not-in-room":
      return [self.numeric("404", target, "Cannot send to channel")];
    case "muted":
    case "full":
      return [
        isChannel(target)
          ? self.numeric("404", target, message)
          : self.numeric("531", target, message),
      ];
    default:
      return [self.notice(message)];
  }
}

function joinRefusal(self: Self, { code, message }: Failure, target: string): Line {
  switch (code) {
    case "room-banned":
      return self.numeric("474", target, "Cannot join channel (+b)");
    case "invite-only":
    case "not-allowed":
      return self.numeric("473", target, "Cannot join channel (+i)");
    case "room-key":
      return self.numeric("475", target, "Cannot join channel (+k)");
    case "room-full":
      return self.numeric("471", target, "Cannot join channel (+l)");
    case "room-invalid":
      return self.numeric("403", target, "No such channel");
    case "full":
      return self.numeric("405", target, message);
    default:
      return self.numeric("437", target, message);
  }
}

export function nickRefusal(
  self: Self,
  { code, message }: { code: string; message: string },
  nick: string,
): Line {
  switch (code) {
    case "name-invalid":
      return self.numeric("432", nick, "Erroneous nickname");
    case "name-taken":
    case "name-registered":
    case "wrong-password":
      return self.numeric(
        "433",
        nick,
        code === "name-taken" ? "Nickname is already in use" : message,
      );
    default:
      return self.numeric("437", nick, message);
  }
}

function operatorRefusal(self: Self, { code, message }: Failure, target: string): Line {
  if (code === "not-allowed") return self.numeric("481", "Permission Denied");
  if (code === "unknown-user") return self.numeric("401", target, "No such nick/channel");
  return self.notice(message);
}

export function general(self: Self, { code, message, subject = "" }: Failure): Line[] {
  switch (code) {
    case "protocol":
      return self.isLoggedIn
        ? [self.notice(message)]
        : [self.numeric("451", "You have not registered")];
    case "password-required":
    case "members-only":
      return [self.numeric("464", message), { body: `ERROR :${message}` }];
    case "banned":
      return [self.numeric("465", message), { body: `ERROR :${message}` }];
    // An error about a message to a room, which is not tracked as a request.
    case "not-in-room":
      return [self.numeric("404", channelOf(subject), "Cannot send to channel")];
    case "muted":
      return [self.numeric("404", subject === "" ? "*" : channelOf(subject), message)];
    default:
      return [self.notice(message)];
  }
}

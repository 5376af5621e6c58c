// Converts names of people and rooms between IRC and the other dialects. `#lobby` is the lobby. IRC
// can write every parley name. In the other direction, characters of a nick that parley does not
// allow, as in `Ann|away` or `bob[m]`, are replaced by `_`, which everybody can type. Pure.

/** Characters that IRC allows in nicks but parley does not. */
const special = /[[\]\\`^{|}]/g;

/** A name that the server has assigned: an IPv6 address with a port. */
const addressForm = /^\[[^[\]]+:[^[\]]*\]:\d+$/;

export function nameOf(nick: string): string {
  return addressForm.test(nick) ? nick : nick.replace(special, "_");
}

/**
 * A name as a nick. Names assigned by the server, such as `[::1]:5000`, must not begin with a
 * colon.
 */
export function nickOf(name: string): string {
  return name === "" ? "*" : name;
}

/** Undefined if it is not a channel. */
export function roomOf(channel: string): string | undefined {
  return channel.startsWith("#") ? channel.slice(1) : undefined;
}

export function channelOf(room: string): string {
  return `#${room}`;
}

/** Whether a target is a channel, on this network or another. */
export function isChannel(target: string): boolean {
  return /^[#&+!]/.test(target);
}

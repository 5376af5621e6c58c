// Names of people and rooms, as IRC and the others write them. `#lobby` is the lobby. IRC can write
// every name of parley; a nick with characters that parley has not, such as `Ann|away` or `bob[m]`,
// becomes one with `_` in their place, which everybody can type. Pure.

/** What IRC allows in nicks besides, and parley does not. */
const special = /[[\]\\`^{|}]/g;

export function nameOf(nick: string): string {
  return nick.replace(special, "_");
}

/** A name as a nick. Names that the server gives, such as `[::1]:5000`, can't begin with a colon. */
export function nickOf(name: string): string {
  return name === "" ? "*" : name;
}

/** Undefined: that is no channel. */
export function roomOf(channel: string): string | undefined {
  return channel.startsWith("#") ? channel.slice(1) : undefined;
}

export function channelOf(room: string): string {
  return `#${room}`;
}

/** Whether a target names a channel, of this network or another. */
export function isChannel(target: string): boolean {
  return /^[#&+!]/.test(target);
}

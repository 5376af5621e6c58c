// A line of IRC as a client reads it.

export type IrcMessage = {
  readonly tags: ReadonlyMap<string, string>;
  /** Its nick. */
  readonly from: string;
  readonly verb: string;
  readonly params: readonly string[];
};

export function readMessage(line: string): IrcMessage {
  const [, tagged = "", from = "", verb = "", rest = ""] =
    /^(?:@(\S+) )?(?::([^ !]+)\S* )?(\S+) ?(.*)$/.exec(line) ?? [];
  const tags = tagged.split(";").map((tag): [string, string] => {
    const [key = "", ...value] = tag.split("=");
    return [key, value.join("=")];
  });
  const [, middle = "", trailing] = /^(.*?)(?:(?:^| ):(.*))?$/.exec(rest) ?? [];
  const words = middle.split(" ").filter((word) => word !== "");
  const params = trailing === undefined ? words : [...words, trailing];
  return { tags: new Map(tags), from, verb, params };
}

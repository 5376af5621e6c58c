// Examples of commands, for their help and man pages: what people want to do first. Pure.

export type Example = {
  /** As people type it. */
  readonly line: string;
  readonly does: string;
};

export const commandExamples: Readonly<Record<string, readonly Example[]>> = {
  server: [
    { line: "parley server", does: "Serve people and programs on this machine" },
    {
      line: "parley server --host 0.0.0.0 --data chat.db",
      does: "Serve other machines too, and keep messages and names",
    },
    { line: "parley server --quota 10G", does: "Let people share files" },
  ],
  client: [
    { line: "parley client --name Ann", does: "Chat at the server on this machine" },
    {
      line: "parley client chat.example:55000#PIN --name Ann",
      does: "Chat at another server, which prints this address when it starts",
    },
    { line: "make 2>&1 | parley client --room builds", does: "Say every line in a room" },
  ],
  peer: [
    {
      line: "parley peer --id Ann --port 0 --server chat.example",
      does: "/register waits for calls; /bridge Bob and /chat call somebody",
    },
  ],
  admin: [
    {
      line: "parley admin claim CODE",
      does: "Become the owner of a new server, which shows the code",
    },
    {
      line: "parley admin chat.example:55000 ban Bob --for 1d",
      does: "Disconnect Bob, and keep him out for a day",
    },
  ],
  "fetch-file": [
    { line: "parley fetch-file --code 283-beauty-ski", does: "Fetch what somebody sends" },
    { line: "parley fetch-file --list", does: "List what the server shares" },
    {
      line: "parley fetch-file chat.example:55000 report.pdf photos/",
      does: "Fetch a file and a folder from a server",
    },
  ],
  "send-file": [
    { line: "parley send-file report.pdf", does: "Show a code that fetches it" },
    {
      line: "parley send-file chat.example:55000 report.pdf photos/ --code",
      does: "The same between two networks, through a server",
    },
    {
      line: "parley send-file report.pdf --to Ann --name Bob",
      does: "Offer it to Ann, who accepts it in the chat",
    },
    { line: "parley send-file report.pdf --share", does: "Share it with everybody on the server" },
  ],
  classic: [{ line: "parley classic calculator", does: "Calculate at a server on this machine" }],
  doctor: [
    { line: "parley doctor chat.example", does: "Measure this machine and the path to a server" },
  ],
};

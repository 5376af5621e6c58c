// A transfer socket that sends nothing: everything goes over the control connection.

import { noOffload } from "../src/io/udp/udp.ts";

export const noDatagrams = {
  port: 1,
  offload: noOffload,
  locals: [],
  send: () => 0,
  canNap: false,
  nap() {},
  close() {},
};

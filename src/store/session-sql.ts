// SQL for rows of sessions, and for other rows that have a `network`; the same for SQLite and
// PostgreSQL.

import { accountMark } from "../chat/accounts/account-store.ts";

/** `widestNetworkOf(network)`, without its `:/48`. */
export const widestNetwork = `CASE WHEN network LIKE '%::/64'
  THEN rtrim(substr(network, 1, length(network) - 5), '0123456789abcdef') ELSE network END`;

/** False for the mailboxes of accounts, which are kept. */
export const isSession = `substr(id, 1, 1) <> '${accountMark}'`;

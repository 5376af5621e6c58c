// Accounts as the hub sees them: people who own a name, the keys and passwords that prove it, and
// how they are changed. Types only.

/** A person who owns a name (docs/security.md, "People"). */
export type Account = {
  /** Random, never used again. */
  readonly id: string;
  /** The name as it was registered, and folded. */
  readonly name: string;
  readonly folded: string;
  /** argon2id in PHC form; undefined if the account has no password. */
  readonly password: string | undefined;
  /** Number of the last private message that came to somebody who logged in without a key. */
  readonly mail: number;
  /** Its devices, in the order in which they were added, revoked ones included. */
  readonly keys: readonly DeviceKey[];
};

/** A device's Ed25519 public key, in base64url. */
export type DeviceKey = {
  readonly key: string;
  /** What its owner calls the device. */
  readonly label: string;
  readonly addedMs: number;
  readonly usedMs: number;
  /** Undefined: it may log in. */
  readonly revokedMs: number | undefined;
  /** Number of the last private message that it has had. */
  readonly mail: number;
  /** Which other device vouches for it, and its signature; undefined: none does. */
  readonly vouch: string | undefined;
};

/** `token` is the hash of a session token; `key` must not be revoked. */
export type AccountLookup = { name: string } | { id: string } | { key: string } | { token: string };

/**
 * A change of one account. Repeating it changes nothing more, so one whose outcome is unknown is
 * asked for again.
 */
export type AccountChange = { readonly account: string; readonly atMs: number } & (
  | {
      readonly type: "register";
      readonly name: string;
      readonly folded: string;
      readonly key: { readonly key: string; readonly label: string } | undefined;
      readonly password: string | undefined;
    }
  | { readonly type: "add-key"; readonly key: string; readonly label: string }
  | { readonly type: "revoke-key"; readonly key: string }
  /** Another device vouches for the key. */
  | { readonly type: "vouch"; readonly key: string; readonly vouch: string }
  /** Removes all tokens, which the old password may have given. */
  | { readonly type: "set-password"; readonly password: string | undefined }
  | { readonly type: "add-token"; readonly token: string }
  | { readonly type: "remove-token"; readonly token: string }
  /**
   * The key was used, and its device has had the private messages up to `mail`. Undefined: the
   * owner logged in without a key.
   */
  | { readonly type: "used"; readonly key: string | undefined; readonly mail: number }
  | { readonly type: "delete" }
);

/** What became of a change: the account as it is now, or why there was none. */
export type AccountOutcome =
  | { readonly done: true; readonly account: Account }
  | {
      readonly done: false;
      /**
       * `name`: it is another account's. `key`: the same. `full`: no room for another account or
       * key. `missing`: there is no such account or key (any more).
       */
      readonly why: "name" | "key" | "full" | "missing";
    };

/** The people who own a name. */
export interface Accounts {
  find(lookup: AccountLookup): Account | undefined;
  change(change: AccountChange): AccountOutcome;
}

/**
 * The mailbox of an account. Records of sessions are hashes, which never begin so; what stands in
 * such a mailbox outlives the sessions that read it.
 */
export function accountMailbox(account: string): string {
  return `${accountMark}${account}`;
}

/** The first character of the ID of an account's mailbox. */
export const accountMark = "@";

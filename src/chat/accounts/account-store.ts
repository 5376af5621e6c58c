// Accounts as the hub sees them: registered names, the keys and passwords that prove ownership, and
// how they are changed. Types only.

/** A person who owns a name (docs/security.md, "People"). */
export type Account = {
  /** Random, never reused. */
  readonly id: string;
  /** The name as registered, and folded. */
  readonly name: string;
  readonly folded: string;
  /** argon2id in PHC form; undefined if the account has no password. */
  readonly password: string | undefined;
  /** Number of the last private message delivered to an owner who logged in without a key. */
  readonly mail: number;
  /** Its devices in the order in which they were added, including revoked ones. */
  readonly keys: readonly DeviceKey[];
};

/** A device's Ed25519 public key, in base64url. */
export type DeviceKey = {
  readonly key: string;
  /** The owner's label for the device. */
  readonly label: string;
  readonly addedMs: number;
  readonly usedMs: number;
  /** When it was revoked; undefined if it may log in. */
  readonly revokedMs: number | undefined;
  /** Number of the last private message delivered to it. */
  readonly mail: number;
  /** Which other device vouches for it, and that device's signature; undefined if none does. */
  readonly vouch: string | undefined;
};

/** `token` is the hash of a session token; `key` must not be revoked. */
export type AccountLookup = { name: string } | { id: string } | { key: string } | { token: string };

/** A session's mailbox, and the number of the last message that its client certainly has. */
export type OwnMailbox = { readonly session: string; readonly received: number };

/** A change of one account. One whose outcome is unknown is repeated as the same request. */
export type AccountChange = { readonly account: string; readonly atMs: number } & (
  | {
      readonly type: "register";
      readonly name: string;
      readonly folded: string;
      readonly key: { readonly key: string; readonly label: string } | undefined;
      readonly password: string | undefined;
      /**
       * In a shared store: the account's mailbox continues this one, and gets letters that other
       * servers are still sending to it.
       */
      readonly mailbox?: OwnMailbox | undefined;
    }
  /** `code`: the hash of the code in a shared store that allows it, and that it uses up. */
  | {
      readonly type: "add-key";
      readonly key: string;
      readonly label: string;
      readonly code?: string | undefined;
    }
  | { readonly type: "revoke-key"; readonly key: string }
  /** Another device vouches for the key. */
  | { readonly type: "vouch"; readonly key: string; readonly vouch: string }
  /** Removes all tokens, which may have been issued for the old password. */
  | { readonly type: "set-password"; readonly password: string | undefined }
  /** Refused unless `password`, for which it is issued, is still that of the account. */
  | { readonly type: "add-token"; readonly token: string; readonly password: string | undefined }
  | { readonly type: "remove-token"; readonly token: string }
  /**
   * The key was used, and private messages up to `mail` were delivered to its device. Undefined:
   * the owner logged in without a key.
   */
  | { readonly type: "used"; readonly key: string | undefined; readonly mail: number }
  | { readonly type: "delete" }
);

/** The outcome of a change: the account afterwards, or why it was not changed. */
export type AccountOutcome =
  | { readonly done: true; readonly account: Account }
  | {
      readonly done: false;
      /**
       * `name`: it belongs to another account. `key`: likewise. `full`: no room for another account
       * or key. `missing`: the account, key or code does not exist, the key is revoked (unless
       * that was the change), or the password is another one. `last`: the key or password is all
       * that proves the account.
       */
      readonly why: "name" | "key" | "full" | "missing" | "last";
    };

/** The registered names and their owners. */
export interface Accounts {
  find(lookup: AccountLookup): Account | undefined;
  change(change: AccountChange): AccountOutcome;
}

/**
 * The mailbox of an account. Session record IDs are hashes, which never begin with this character;
 * the messages in such a mailbox outlive the sessions that read it.
 */
export function accountMailbox(account: string): string {
  return `${accountMark}${account}`;
}

/** The first character of the ID of an account's mailbox. */
export const accountMark = "@";

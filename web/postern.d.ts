// The types of postern.js. test/types.ts checks them against openapi.yaml.

/** What `createPostern` needs to know. */
export interface PosternOptions {
  /** The address of the API, for instance `https://api.example.com`: the stack's output ApiUrl. */
  base: string;
  /**
   * `popup` signs in in a second window, so that this page stays; `redirect` leaves this page and
   * comes back. `auto` (the default) is `popup`, and `redirect` where the popup is blocked.
   */
  mode?: "auto" | "popup" | "redirect";
  /**
   * Where the session lives. `cookie`: in a partitioned cookie that no script can read; it outlives
   * a reload. `memory`: as a token in this page's memory; a reload ends it. `auto` (the default) is
   * `cookie`, and `memory` in a browser that does not keep the cookie.
   */
  session?: "auto" | "cookie" | "memory";
  /** Bound to the code. Default: `web`. */
  clientId?: string;
  /**
   * The page of this application where a sign-in comes back, absolute or relative to this page. It
   * must call `finish()`. Default: this page, without query and fragment.
   */
  redirectUri?: string;
}

/** Creates the client. Import and create it anywhere; only `connect` and `finish` need a browser. */
export function createPostern(options: PosternOptions): Postern;

export interface Postern extends Api {
  /**
   * Why a sign-in cannot work in this browser, to say before the click: `disallowed_useragent` (the
   * browser inside another application, which Google refuses), `insecure_context` (a page without
   * HTTPS), or `null`. `explain` has the sentence.
   */
  readonly obstacle: "disallowed_useragent" | "insecure_context" | null;

  /**
   * Signs in. Call it directly in the handler of a click, before any `await`: browsers block a later
   * popup. Resolves with the new connection. While a sign-in is under way, a second call joins it.
   * Where it redirects, it does not resolve: the page is left, and `finish` reports.
   *
   * Rejects with `PopupBlocked`, `PopupClosed` (a sign-in that succeeds later still counts: it is
   * announced by `change`), another `PosternError`, or the reason of `signal`.
   */
  connect(options?: ConnectOptions): Promise<Connection>;

  /**
   * Finishes a sign-in that came back to this page, and removes its parameters from the address
   * bar. Call it at start-up, before anything else reads the address; a second call returns the
   * same promise. It never rejects. In the
   * popup it hands the code to the page that opened it and closes the window: then it never resolves,
   * so that nothing else of the application starts there.
   */
  finish(): Promise<Finished>;

  /**
   * Whose mailbox is connected. Always answered, also for a first visit: `signed_out` is no error.
   * Each answer has another `receipt`.
   */
  connection(options?: CallOptions): Promise<Connection>;

  /** Ends this session, or with `everywhere` every session of the user. Other tabs hear of it. */
  signOut(options?: SignOutOptions): Promise<void>;

  /**
   * Revokes the access at Google, deletes what is stored, and ends every session of the user. After
   * a 503 the connection is `disconnecting`: call it again.
   */
  disconnect(options?: CallOptions): Promise<void>;

  /**
   * `change`: what is known of the connection changed: by the first `connection()`, by a sign-in or
   * sign-out in this or another tab, or because access was lost; not by another receipt. Returns a
   * function that ends it.
   */
  on(event: "change", listener: (connection: Connection) => void): () => void;
  /**
   * `reauthorize`: a call failed and the user must authorize again; `error.reason` says why. Called
   * once for any number of calls. A call waits for the promises that the listeners return and is then
   * repeated once; without such a promise, or if one rejects, it rejects with `error`.
   */
  on(event: "reauthorize", listener: (error: PosternError) => unknown): () => void;

  /**
   * One plain sentence for users: what an error or a code means, or why a connection is not
   * `connected`. Loads explain.js when first called; `explain` of that module is the same without a
   * promise.
   */
  explain(what: string | PosternError | Connection): Promise<string>;
}

/** The routes that need a session. */
export interface Api {
  connection(options?: CallOptions): Promise<Connection>;

  /**
   * The messages, page by page: `for await (const page of postern.messages({ q }))`, or only the
   * first page: `await postern.messages({ q }).first()`. Nothing is asked before. By default each
   * message has its sender, subject and date; with `format: "ids"` only its IDs.
   */
  messages(query?: MessageQuery & { format?: "metadata" }): Pages<Message | FailedMessage>;
  messages(query: MessageQuery & { format: "ids" }): Pages<MessageId>;

  /** One message; with `format: "full"` as Gmail returns it, with its body. */
  message(id: string, options?: CallOptions & { format?: "metadata" }): Promise<Message>;
  message(id: string, options: CallOptions & { format: "full" }): Promise<GmailMessage>;

  signOut(options?: SignOutOptions): Promise<void>;
  disconnect(options?: CallOptions): Promise<void>;
}

export interface CallOptions {
  signal?: AbortSignal;
}

export interface SignOutOptions extends CallOptions {
  /** Ends every session of the user, on all devices. */
  everywhere?: boolean;
}

export interface ConnectOptions {
  /** The account that Google preselects. Default: the last known user, when access was lost. */
  loginHint?: string;
  /** Where a redirect comes back in the end, on this origin. Default: this address, as it is. */
  returnTo?: string | URL;
  /**
   * Gives up: closes the popup, also for the other calls that wait for this sign-in. Once the code
   * came back it is too late: then the sign-in ends as if nobody had given up. A redirect that has
   * begun cannot be given up either.
   */
  signal?: AbortSignal;
}

/** What `finish` found. */
export interface Finished {
  /**
   * - `none`: no sign-in came back; the usual case.
   * - `connected`: signed in; `connection` is there.
   * - `failed`: `error` says why.
   * - `unclaimed`: an answer that this tab did not ask for, and no other window took it, or the one
   *   that did is gone. Nothing was redeemed here. Go on as usual; `error` says that the sign-in is perhaps in another window.
   */
  status: "none" | "connected" | "failed" | "unclaimed";
  connection?: Connection;
  error?: PosternError;
  /**
   * Where the user was before a redirect. The address bar shows it already; only an application
   * whose `redirectUri` is another document has to load it.
   */
  returnTo?: string;
}

/** The answer of `GET /connection`. */
export interface Connection {
  status: "signed_out" | "connected" | "reauthorize" | "disconnecting";
  /** Why it is `signed_out` or must be reauthorized; `explain(connection)` has the sentence. */
  reason: string | null;
  user: User | null;
  /** What was granted. */
  scopes: string[];
  /** What the API is configured to need, and was not granted. */
  missing_scopes: string[];
  /** In seconds since the epoch. */
  connected_at: number | null;
  /** In seconds since the epoch: when Google ends the grant, if it said so. */
  grant_expires_at: number | null;
  /**
   * Names the user to your own back end, which trades it with the function `access-token`. Works once
   * and for a minute: call `connection()` just before you hand it on. `null` while nobody is connected
   * and while a disconnect is not completed.
   */
  receipt: string | null;
  /** The API's `/auth/start`, for a plain link. */
  start_url: string;
}

export interface User {
  /** The Google user ID. */
  id: string;
  /** For display; do not use it as a key. */
  email: string | null;
}

/** Gmail's parameters; the API's documentation describes them. */
export interface MessageQuery extends CallOptions {
  /** Gmail's search syntax, for instance `is:unread`. */
  q?: string;
  /** Only messages that have all of these labels. */
  labelIds?: string[];
  /** The size of a page: at most 100 (default 25), or 500 with `format: "ids"`. */
  maxResults?: number;
  /** Where to begin: the `nextPageToken` of an earlier page of the same query. */
  pageToken?: string;
  includeSpamTrash?: boolean;
}

export type Pages<Item> = AsyncIterable<Page<Item>> & {
  /** The first page only. */
  first(): Promise<Page<Item>>;
};

export interface Page<Item = Message | FailedMessage> {
  messages: Item[];
  /** Absent at the end. */
  nextPageToken?: string;
  /** Gmail's estimate. */
  resultSizeEstimate: number;
}

export interface MessageId {
  id: string;
  threadId: string;
}

export interface Message extends MessageId {
  from: Address | null;
  to: Address[];
  subject: string;
  /** For instance `2026-11-20T08:15:00Z`; `null` if the message has no usable date. */
  date: string | null;
  /** Plain text. */
  snippet: string;
  labelIds: string[];
  unread: boolean;
}

/** A message of a page that could not be read; the others could. */
export interface FailedMessage {
  id: string;
  /** A code; `explain` has the sentence. */
  error: string;
}

export interface Address {
  name: string | null;
  email: string;
}

/** A message as Gmail returns it: see the resource `users.messages` in Gmail's reference. */
export interface GmailMessage {
  id: string;
  payload: unknown;
  [member: string]: unknown;
}

/** Every error of this client, except that a call rejects with the reason of its own `signal`. */
export class PosternError extends Error {
  constructor(facts: Partial<Omit<PosternError, keyof Error>> & { code: string; message?: string });
  /**
   * The stable name of the error: a code of the API, or one of the client's own: `unreachable`,
   * `popup_blocked`, `popup_closed`, `timed_out`, `cookie_not_kept`, `unclaimed`,
   * `insecure_context`, `issuer_mismatch`, `state_mismatch`, `disallowed_useragent`. `unreachable` can
   * also mean that the page's origin is not in `ALLOWED_ORIGINS`.
   */
  readonly code: string;
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Why the user must authorize again: `not_signed_in`, `revoked_or_expired`... */
  readonly reason?: string;
  /** Seconds to wait before the same request makes sense. */
  readonly retryAfter?: number;
  /** The API's `/auth/start`, on errors that a new authorization solves. */
  readonly startUrl?: string;
  /** The scopes to grant. */
  readonly missingScopes?: string[];
  /** The request's ID: quote it when you report a problem. */
  readonly instance?: string;
}

/** The browser opened no popup. In `auto` mode this happens only inside a frame. */
export class PopupBlocked extends PosternError {}

/**
 * The popup seems to be closed. `reason` is `embedded` inside a frame, where the browser may have
 * cut the connection to the popup: offer a link that opens this page in a tab of its own.
 */
export class PopupClosed extends PosternError {}

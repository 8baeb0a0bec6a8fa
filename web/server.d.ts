// The types of server.js.

import type { Api, User } from "./postern.js";

/** The API on behalf of the user whose session token this is. */
export function createServerClient(options: { base: string; token: string }): Api;

/** How a server signs a user in. The same values are needed for both steps. */
export interface SignInOptions {
  base: string;
  /** The address of this application's callback, exactly as it is sent. */
  redirectUri: string;
  /** Default: `server`. */
  clientId?: string;
}

/** What a server must remember between both steps, bound to this browser and unreadable to scripts. */
export interface PendingSignIn {
  state: string;
  /** The PKCE verifier: a secret. */
  verifier: string;
}

/** The first step: keep `pending` in an HttpOnly cookie and redirect the browser to `url`. */
export function startSignIn(options: SignInOptions & { loginHint?: string }): Promise<{
  url: string;
  pending: PendingSignIn;
}>;

/**
 * The second step: checks the callback's `state` and `iss` and redeems its code. Rejects with a
 * `PosternError`, whose `code` may be, for instance, `consent_denied` or `state_mismatch`.
 */
export function finishSignIn(
  options: SignInOptions & {
    /** The address that the browser asked for, with its query. */
    url: string | URL;
    /** What the first step kept, if this browser sent it. */
    pending: PendingSignIn | undefined;
  },
): Promise<ServerSession>;

export interface ServerSession {
  /** The session token: keep it on the server or in an HttpOnly cookie. */
  token: string;
  /** Seconds. */
  expiresIn: number;
  /** The granted scopes. */
  scopes: string[];
  user: User;
}

// The API of the tests: the routes that postern.js calls, with codes, sessions and cookies.

import { createHash, randomUUID } from "node:crypto";

const MAILBOX = Array.from({ length: 5 }, (_, index) => ({
  id: `m${index}`,
  threadId: `t${index}`,
  from: { name: "Ann", email: "ann@example.com" },
  to: [],
  subject: `Subject ${index}`,
  date: "2026-11-20T08:15:00Z",
  snippet: "",
  labelIds: ["INBOX"],
  unread: false,
}));

export class Api {
  base = "https://api.example.net";
  keepsCookies = true;
  user = { id: "1", email: "ann@example.com" };
  /** Each request: `{ method, path, headers, credentials, form }`. */
  calls = [];
  codes = new Map();
  /** Session tokens. */
  sessions = new Set();
  /** Session tokens in cookies, by partition. */
  cookies = new Map();
  /** Answers that the next requests get instead: functions that return a Response, or throw. */
  instead = [];
  /** Why the user must authorize again, if they must. */
  lost = null;

  /** Where the browser goes after Google's page: `start` is the address that it came from. */
  answer(start, refusal) {
    const asked = Object.fromEntries(new URL(start).searchParams);
    const back = new URL(asked.redirect_uri);
    const code = randomUUID();
    this.codes.set(code, { ...asked });
    const outcome = refusal ? { error: "access_denied", error_code: refusal } : { code };
    back.hash = new URLSearchParams({ ...outcome, state: asked.state, iss: this.base });
    return back.href;
  }

  paths(path) {
    return this.calls.filter((call) => call.path.split("?")[0] === path);
  }

  async fetch(url, { method = "GET", headers = {}, credentials, body, signal, partition }) {
    signal?.throwIfAborted();
    const path = url.slice(this.base.length);
    const form = body instanceof URLSearchParams ? Object.fromEntries(body) : body;
    this.calls.push({ url, method, path, headers, credentials, form });
    const instead = this.instead.shift();
    if (instead) return instead();
    const bearer = headers.Authorization?.replace("Bearer ", "");
    const token = bearer ?? (credentials === "include" ? this.cookies.get(partition) : undefined);
    const isSignedIn = this.sessions.has(token);
    const route = path.split("?")[0];
    if (route === "/auth/token") return this.#redeem(form, partition);
    if (route === "/connection" && method === "GET") return Response.json(this.#connection(isSignedIn));
    if (!isSignedIn) return this.unauthorized("not_signed_in");
    if (route === "/auth/sign-out" || method === "DELETE") {
      this.sessions.delete(token);
      return new Response(null, { status: 204 });
    }
    if (this.lost) return this.unauthorized(this.lost);
    if (route.startsWith("/messages/")) return Response.json(MAILBOX[0]);
    const start = Number(new URL(url).searchParams.get("pageToken") ?? 0);
    const messages = MAILBOX.slice(start, start + 2);
    const more = start + 2 < MAILBOX.length ? { nextPageToken: String(start + 2) } : {};
    return Response.json({ messages, resultSizeEstimate: MAILBOX.length, ...more });
  }

  #redeem(form, partition) {
    const asked = this.codes.get(form.code);
    const challenge = createHash("sha256").update(form.code_verifier).digest("base64url");
    const fits =
      asked?.code_challenge === challenge &&
      asked.redirect_uri === form.redirect_uri &&
      asked.client_id === form.client_id;
    if (asked?.session) this.sessions.delete(asked.session);
    if (!fits || asked.session) {
      return Response.json(
        { error: "invalid_grant", error_description: "No.", code: "invalid_grant" },
        { status: 400 },
      );
    }
    asked.session = randomUUID();
    this.sessions.add(asked.session);
    this.lost = null;
    const answer = { expires_in: 604800, scope: "openid email", user: this.user };
    if (form.session !== "cookie")
      return Response.json({ ...answer, access_token: asked.session, token_type: "Bearer" });
    if (this.keepsCookies) this.cookies.set(partition, asked.session);
    return Response.json(answer);
  }

  #connection(isSignedIn) {
    const status = isSignedIn ? (this.lost ? "reauthorize" : "connected") : "signed_out";
    return {
      status,
      reason: isSignedIn ? this.lost : "not_signed_in",
      user: isSignedIn ? this.user : null,
      scopes: [],
      missing_scopes: [],
      connected_at: null,
      grant_expires_at: null,
      // Another one in each answer.
      receipt: isSignedIn ? `v1.k1.${randomUUID()}` : null,
      start_url: `${this.base}/auth/start`,
    };
  }

  unauthorized(reason) {
    return problem(401, "unauthenticated", { reason, start_url: `${this.base}/auth/start` });
  }
}

/** A problem document of the API. */
export function problem(status, code, more = {}) {
  return new Response(JSON.stringify({ status, code, detail: "Because.", ...more }), {
    status,
    headers: { "content-type": "application/problem+json", "retry-after": "1" },
  });
}

// The front-end client of a Postern API. An ES module without dependencies: copy it, or import it.

/** What the API answers when it does not do what was asked: its problem document (RFC 9457), as an error. */
export class Problem extends Error {
  constructor(document) {
    super(document.detail ?? document.title ?? "The API gave no reason.");
    this.name = "Problem";
    /** The HTTP status; 0 when there was no answer. */
    this.status = document.status ?? 0;
    /** The stable word for what is wrong: `unauthenticated`, `invalid_query`... */
    this.code = document.code;
    /** On a 401, why: `not_signed_in`, `session_expired`, `not_connected`, `revoked_or_expired`... */
    this.reason = document.reason;
    /** Google's page, ready to open; its flow cookie came with this answer. */
    this.authorizationUrl = document.authorization_url;
    /** Where the API itself sends a browser to Google, for callers whose cookies are not kept. */
    this.startUrl = document.start_url;
    /** The request's ID, to quote to whoever runs the API. */
    this.instance = document.instance;
  }
}

/** A Postern API at `base`, for instance `https://mail.example.com`. */
export class Postern {
  #base;
  #token;

  /** Give `sessionToken` only where the session cookie cannot be used; the two are never sent together. */
  constructor(base, { sessionToken } = {}) {
    this.#base = base.replace(/\/+$/, "");
    this.#token = sessionToken;
  }

  /** The address that begins the connection of a mailbox. */
  startUrl({ returnTo, loginHint } = {}) {
    const query = new URLSearchParams();
    if (returnTo) query.set("return_to", returnTo);
    if (loginHint) query.set("login_hint", loginHint);
    return `${this.#base}/auth/start${query.size > 0 ? `?${query}` : ""}`;
  }

  /** Leaves this page for Google's consent page, and comes back to `returnTo`. */
  connect({ returnTo = location.origin + location.pathname, loginHint } = {}) {
    location.assign(this.startUrl({ returnTo, loginHint }));
  }

  /**
   * One page of the mailbox: `{messages: [{id, threadId}], nextPageToken?, resultSizeEstimate}`.
   * With `all: true` every page, up to the API's own bound. Rejects with a `Problem`.
   */
  async messages({ q, labelIds = [], maxResults, pageToken, includeSpamTrash, all, signal } = {}) {
    const query = new URLSearchParams(labelIds.map((label) => ["labelIds", label]));
    for (const [name, value] of Object.entries({ q, maxResults, pageToken, includeSpamTrash, all })) {
      if (value !== undefined && value !== "" && value !== false) query.set(name, value);
    }
    return this.#get(`/messages${query.size > 0 ? `?${query}` : ""}`, signal);
  }

  async #get(path, signal) {
    const options = this.#token
      ? { headers: { Authorization: `Bearer ${this.#token}` }, credentials: "omit" }
      : { credentials: "include" };
    let answer;
    try {
      answer = await fetch(this.#base + path, { ...options, signal });
    } catch (cause) {
      if (cause.name === "AbortError") throw cause;
      throw new Problem({ title: "The API cannot be reached.", code: "unreachable" });
    }
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Problem({ status: answer.status, ...body });
    return body;
  }
}

// The front-end client of a Postern API. An ES module without dependencies: copy it, or import it.

/** An error of the API: its problem document (RFC 9457). */
export class Problem extends Error {
  constructor(document) {
    super(document.detail ?? document.title ?? "The API gave no reason.");
    this.name = "Problem";
    /** The HTTP status; 0 when there was no answer. */
    this.status = document.status ?? 0;
    /** The stable name of the error: `unauthenticated`, `invalid_query`... */
    this.code = document.code;
    /** On a 401, why: `not_signed_in`, `session_expired`, `revoked_or_expired`... */
    this.reason = document.reason;
    /** Google's authorization page, ready to open; its flow cookie came with this answer. */
    this.authorizationUrl = document.authorization_url;
    /** The API's `/auth/start`, for browsers that do not keep the cookies of a fetch. */
    this.startUrl = document.start_url;
    /** The request's ID: quote it when you report a problem. */
    this.instance = document.instance;
  }
}

/** How often to repeat a read that the API itself did not answer. */
const RETRIES = 2;
/**
 * Milliseconds before the first retry; doubled before each next one. A random part of the same
 * again is added.
 */
const FIRST_PAUSE = 500;
/** If the wait would be longer than this, the error is reported instead. */
const LONGEST_PAUSE = 10_000;

/** A Postern API at `base`, for instance `https://mail.example.com`. */
export class Postern {
  #base;
  #token;
  #fetch;
  #sleep;

  /**
   * Give `sessionToken` only if the session cookie cannot be used; never both are sent.
   * `fetch` and `sleep` are for tests.
   */
  constructor(base, { sessionToken, fetch = (...request) => globalThis.fetch(...request), sleep = wait } = {}) {
    this.#base = base.replace(/\/+$/, "");
    this.#token = sessionToken;
    this.#fetch = fetch;
    this.#sleep = sleep;
  }

  /** The address that begins a sign-in. */
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
   * With `all: true` every page, up to the API's limit. Rejects with a `Problem`. If API Gateway
   * refuses the request itself, or there is no answer, it is repeated at most twice: reading
   * changes nothing.
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
      : { headers: isSameOrigin(this.#base) ? { "X-Requested-With": "postern.js" } : {}, credentials: "include" };
    for (let retry = 0; ; retry += 1) {
      const answer = await this.#fetch(this.#base + path, { ...options, signal }).catch(noneIfUnreachable);
      const pause = retry < RETRIES && isNotOurs(answer) ? pauseBefore(retry, answer) : Infinity;
      if (pause <= LONGEST_PAUSE) {
        await this.#sleep(pause, signal);
        continue;
      }
      if (answer === undefined) throw new Problem({ title: "The API cannot be reached.", code: "unreachable" });
      const body = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Problem({ status: answer.status, ...body });
      return body;
    }
  }
}

/**
 * Whether the API is at this page's own origin. There, a browser without Fetch Metadata does not
 * say where a request comes from, so the API requires a header. At another origin the browser sends
 * `Origin`, and the header would only cost a preflight.
 */
function isSameOrigin(base) {
  const page = globalThis.location;
  return page !== undefined && new URL(base, page.href).origin === page.origin;
}

/**
 * `fetch` throws a `TypeError` when there is no answer, or one without CORS headers, as API
 * Gateway's may be.
 */
function noneIfUnreachable(cause) {
  if (cause.name !== "TypeError") throw cause;
}

/**
 * Whether there is no answer, or a 429 or 503 without a problem document: API Gateway's, not the
 * API's own.
 */
function isNotOurs(answer) {
  if (answer === undefined) return true;
  const isProblem = answer.headers.get("content-type")?.startsWith("application/problem+json");
  return [429, 503].includes(answer.status) && !isProblem;
}

/** Milliseconds to wait: exponential backoff with jitter, at least what `Retry-After` says. */
function pauseBefore(retry, answer) {
  const backoff = FIRST_PAUSE * 2 ** retry * (1 + Math.random());
  const header = answer?.headers.get("retry-after") ?? "";
  const asked = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Math.max(backoff, asked || 0);
}

/** Waits; an abort of `signal` rejects. */
function wait(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", end, { once: true });
  });
}

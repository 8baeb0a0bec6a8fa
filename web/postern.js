// The client of a Postern API for any front end: one ES module without dependencies, to import or
// to copy. It keeps tokens in memory or in a cookie that no script can read, never in storage.
// postern.d.ts documents everything that it exports.

/** How often a request is repeated that the API itself did not answer. */
const RETRIES = 2;
/** Milliseconds before the first repetition; doubled before each next one, with a random part. */
const FIRST_PAUSE = 500;
/** If the wait would be longer than this, the error is reported instead. */
const LONGEST_PAUSE = 10_000;
/** Milliseconds in which the page that began a sign-in must take the code. */
const CLAIM_TIME = 500;
/** Milliseconds in which it must redeem the code: more than its repeated requests take. */
const REDEEM_TIME = 60_000;
/** Milliseconds between looks whether a popup is closed. */
const LOOK_TIME = 250;
/** Looks without a break that found a popup closed and this page with focus: three seconds. */
const LOOKS = 12;
/** Milliseconds that a sign-in may take; the API allows the same. */
const SIGN_IN_TIME = 600_000;
/** Begins each `state`, so that `finish` leaves the fragments of others alone. */
const OURS = "postern:";
/** The key in sessionStorage of a sign-in by redirect: its verifier, never a token. */
const PENDING = "postern";
/**
 * Browsers inside applications, where Google does not show its sign-in: Android's web view says so,
 * and WebKit's does not call itself Safari.
 */
const IN_APP = /; wv\)|AppleWebKit(?!.*Safari\/)/;

export class PosternError extends Error {
  name = "PosternError";
  status = 0;
  constructor(facts) {
    super(facts.code);
    Object.assign(this, facts);
  }
}

export class PopupBlocked extends PosternError {}

export class PopupClosed extends PosternError {}

export function createPostern({ base, mode = "auto", session = "auto", clientId = "web", redirectUri }) {
  base = trim(base);
  const hasPage = typeof document === "object";
  const isEmbedded = globalThis.top !== globalThis.self;
  const obstacle = hasPage ? findObstacle() : null;
  const listeners = { change: new Set(), reauthorize: new Set() };
  /** The session token, only without a cookie. */
  let token;
  let isInMemory = session === "memory";
  /** The last known connection. */
  let current;
  /** The same as text, without its receipt. */
  let latest;
  /** Counts sign-ins and sign-outs, so that a late 401 of an earlier session asks nobody. */
  let sessions = 0;
  /** The one reauthorization that all failed calls of this session share. */
  let reauthorizing;
  /** The sign-in that is under way, how to give it up, and its popup. */
  let connecting;
  let giveUp;
  let popup;
  /** The one result of `finish`. */
  let finishing;

  const api = createApi({ base, token: () => token, run });
  let tabs;
  /** The next sign-in, made before the click: Safari blocks a popup that is opened after waiting. */
  let prepared;
  const fresh = () =>
    newAttempt(
      base,
      clientId,
      new URL(redirectUri ?? location.origin + location.pathname, location.href).href,
      "fragment",
    );
  const prepare = async () => (prepared = await fresh());

  if (hasPage) {
    tabs = new BroadcastChannel(`postern ${base}`);
    tabs.onmessage = () => {
      begin();
      connection().catch(() => {});
    };
    if (!obstacle) prepare();
  }

  /** A session began or ended, here or in another tab. */
  function begin() {
    sessions += 1;
    reauthorizing = undefined;
  }

  /** The same, here: tells the other tabs. */
  function announce(newToken) {
    token = newToken;
    begin();
    tabs?.postMessage("");
  }

  function learn(connection) {
    if (connection.status === "connected") reauthorizing = undefined;
    current = connection;
    // Each answer has another receipt: that is no news.
    const news = JSON.stringify({ ...connection, receipt: 0 });
    // Async: one that throws becomes an unhandled rejection, and disturbs nobody else.
    if (news !== latest) listeners.change.forEach(async (listener) => listener(connection));
    latest = news;
    return connection;
  }

  async function connection(options) {
    const begun = sessions;
    const answer = await api.connection(options);
    if (begun === sessions) learn(answer);
    return answer;
  }

  /** Sends a request, and once more after a new sign-in. */
  async function run(send, signal) {
    const begun = sessions;
    try {
      return await send();
    } catch (error) {
      if (!error.startUrl) throw error;
      if (begun === sessions && !(await untilAborted((reauthorizing ??= ask(error)), signal))) throw error;
      return send();
    }
  }

  /** Whether the user authorized again. */
  async function ask(error) {
    await connection().catch(() => {});
    try {
      const answers = [...listeners.reauthorize].map((listener) => listener(error));
      await Promise.all(answers);
      return answers.some((answer) => answer?.then);
    } catch {
      reauthorizing = undefined;
    }
  }

  async function connect({ loginHint, returnTo = location.href, signal } = {}) {
    if (obstacle) throw new PosternError({ code: obstacle });
    popup?.focus();
    const attempt = prepared ?? (await prepare());
    signal?.throwIfAborted();
    if (!connecting) {
      prepared = undefined;
      prepare();
      loginHint ??= current?.status === "reauthorize" ? current.user?.email : undefined;
      const url = withHint(attempt, loginHint);
      popup = mode !== "redirect" || isEmbedded ? open(url, "_blank", "width=520,height=680") : undefined;
      if (!popup) {
        if (mode === "popup" || isEmbedded) throw new PopupBlocked({ code: "popup_blocked" });
        // Whatever it says, it is on this origin.
        const { pathname, search, hash } = new URL(returnTo, location.href);
        return leave(attempt, url, location.origin + pathname + search + hash);
      }
      connecting = throughPopup(attempt, popup).finally(() => (connecting = undefined));
    }
    return untilAborted(connecting, signal, (reason) => giveUp(reason));
  }

  /** Goes to `url`, and leaves in this tab what `finish` needs. */
  function leave(attempt, url, returnTo) {
    sessionStorage.setItem(PENDING, JSON.stringify({ ...attempt, isInMemory, returnTo }));
    location.assign(url);
    return new Promise(() => {});
  }

  function throughPopup(attempt, popup) {
    return new Promise((resolve, reject) => {
      let isTaken;
      let looks = 0;
      const timer = setTimeout(() => end(new PosternError({ code: "timed_out" })), SIGN_IN_TIME);
      const line = openLine(attempt.state, popup, ({ type, answer }) => {
        if (type !== "answer") return;
        line.send({ type: "taken" });
        if (isTaken) return;
        isTaken = true;
        clearInterval(watch);
        clearTimeout(timer);
        const again = (next, url) => {
          const connecting = throughPopup(next, popup);
          line.send({ type: "done", url });
          return connecting;
        };
        redeem(attempt, answer, again)
          .then(resolve, reject)
          .finally(() => {
            line.send({ type: "done" });
            line.close();
          });
      });
      // Once the code is taken there will be a session: giving up would leave it half begun.
      const end = (giveUp = (error) => {
        if (isTaken) return;
        clearInterval(watch);
        clearTimeout(timer);
        line.close();
        popup.close();
        reject(error);
      });

      // `closed` is only a hint: it is also true for a window that Google's page cut off. So the
      // line stays open, and a success that comes later still counts.
      const watch = setInterval(() => {
        looks = popup.closed && document.hasFocus() ? looks + 1 : 0;
        if (looks > LOOKS)
          reject(new PopupClosed({ code: "popup_closed", reason: isEmbedded ? "embedded" : undefined }));
      }, LOOK_TIME);
    });
  }

  /**
   * Exchanges the code for a session. If the browser does not keep the cookie, it takes another code,
   * which `again` gets, to exchange it for a token.
   */
  async function redeem(attempt, response, again) {
    const answer = await exchange(base, isInMemory ? attempt.form : { ...attempt.form, session: "cookie" }, response);
    announce(answer.access_token);
    const known = await api.connection();
    if (isInMemory || known.status !== "signed_out") return learn(known);
    if (session === "cookie") throw new PosternError({ code: "cookie_not_kept" });
    isInMemory = true;
    const next = await fresh();
    return again(next, withHint(next, answer.user.email));
  }

  async function finish() {
    let pending, result;
    try {
      const url = new URL(location.href);
      const refused = url.searchParams.get("auth_error");
      const answer = Object.fromEntries(new URLSearchParams(url.hash.slice(1)));
      if (refused) url.searchParams.delete("auth_error");
      else if (answer.state?.startsWith(OURS)) url.hash = "";
      else return { status: "none" };
      history.replaceState(history.state, "", url);
      if (refused) throw new PosternError({ code: refused });

      const kept = JSON.parse(sessionStorage.getItem(PENDING));
      if (kept?.state !== answer.state) return await relay(answer);
      pending = kept;
      sessionStorage.removeItem(PENDING);
      isInMemory ||= pending.isInMemory;
      const again = (next, url) => leave(next, url, pending.returnTo);
      result = { status: "connected", connection: await redeem(pending, answer, again) };
    } catch (error) {
      result = { status: "failed", error };
    }
    if (pending) history.replaceState(history.state, "", pending.returnTo);
    return { ...result, returnTo: pending?.returnTo };
  }

  /** Hands the answer to the page that began the sign-in: only that one has the verifier. */
  function relay(answer) {
    return new Promise((resolve) => {
      let timer;
      // Whatever the other page does, this window does not stay blank.
      const wait = (time) => {
        clearTimeout(timer);
        timer = setTimeout(resolve, time, {
          status: "unclaimed",
          error: new PosternError({ code: "unclaimed" }),
        });
      };
      wait(CLAIM_TIME);
      openLine(answer.state, window.opener, ({ type, url }) => {
        if (type === "taken") wait(REDEEM_TIME);
        if (type !== "done") return;
        if (url) location.replace(url);
        else window.close();
      }).send({ type: "answer", answer });
    });
  }

  /** `call`, which ends the session. A failure may have changed the connection too. */
  const ending = (call) => async (options) => {
    try {
      await call(options);
      announce();
    } finally {
      await connection().catch(() => {});
    }
  };

  return {
    ...api,
    obstacle,
    connection,
    connect,
    finish: () => (finishing ??= finish()),
    signOut: ending(api.signOut),
    disconnect: ending(api.disconnect),
    on(event, listener) {
      listeners[event].add(listener);
      return () => listeners[event].delete(listener);
    },
    explain: async (what) => (await import("./explain.js")).explain(what),
  };
}

/** The routes that need a session; also what server.js is made of. */
export function createApi({ base, token, run = (send) => send() }) {
  const call = (path, options) => run(() => request(base + path, withSession(options)), options.signal);

  function withSession({ method = "GET", body, signal }) {
    const bearer = token();
    const headers = {};
    if (bearer) headers.Authorization = `Bearer ${bearer}`;
    // At the page's own origin a browser without Fetch Metadata does not say where a read comes from.
    // Elsewhere it sends `Origin`, and the header would only cost a preflight.
    else if (method !== "GET" || base === globalThis.location?.origin)
      headers["X-Requested-With"] = "postern";
    if (body) headers["Content-Type"] = "application/json";
    return { method, headers, body, signal, credentials: bearer ? "omit" : "include" };
  }

  const page = ({ signal, labelIds = [], ...rest }) => {
    const query = new URLSearchParams(labelIds.map((label) => ["labelIds", label]));
    for (const [name, value] of Object.entries({ format: "metadata", ...rest })) {
      if (value) query.set(name, value);
    }
    return call(`/messages?${query}`, { signal });
  };

  return {
    connection: ({ signal } = {}) => call("/connection", { signal }),
    messages: (query = {}) => ({
      first: () => page(query),
      async *[Symbol.asyncIterator]() {
        let pageToken = query.pageToken;
        do {
          const answer = await page({ ...query, pageToken });
          yield answer;
          pageToken = answer.nextPageToken;
        } while (pageToken);
      },
    }),
    message: (id, { format = "metadata", signal } = {}) =>
      call(`/messages/${encodeURIComponent(id)}?format=${format}`, { signal }),
    signOut: ({ everywhere = false, signal } = {}) =>
      call("/auth/sign-out", { method: "POST", body: JSON.stringify({ everywhere }), signal }),
    disconnect: ({ signal } = {}) => call("/connection", { method: "DELETE", signal }),
  };
}

/**
 * The JSON of an answer. When API Gateway refuses a request itself, or there is no answer, it is
 * repeated: repeating changes nothing, or ends at worst in the error that would have been reported.
 */
async function request(url, options) {
  for (let retry = 0; ; retry += 1) {
    let answer, body;
    try {
      answer = await fetch(url, { cache: "no-store", ...options });
      body = await answer.json();
    } catch (cause) {
      // No answer, or one without CORS headers, as API Gateway's may be.
      if (cause.name === "TypeError") answer = undefined;
      // A SyntaxError: no JSON, as with a 204, or a page that is not the API's. Else an abort.
      else if (cause.name !== "SyntaxError") throw cause;
    }
    if (answer?.ok && (body || answer.status === 204)) return body;
    const header = answer?.headers.get("retry-after");
    // Seconds, or a date.
    const asked = Math.ceil(header >= 0 ? header : (Date.parse(header) - Date.now()) / 1000);
    const retryAfter = asked > 0 ? asked : undefined;
    const pause = Math.max(FIRST_PAUSE * 2 ** retry * (1 + Math.random()), (retryAfter ?? 0) * 1000);
    // An answer with a code is the API's own.
    const isRefused = !answer || ([429, 503].includes(answer.status) && !body?.code);
    if (retry === RETRIES || !isRefused || pause > LONGEST_PAUSE) {
      const code = body?.code ?? "unreachable";
      throw new PosternError({
        code,
        message: body?.detail ?? code,
        status: answer?.status ?? 0,
        reason: body?.reason,
        retryAfter,
        startUrl: body?.start_url,
        missingScopes: body?.missing_scopes,
        instance: body?.instance,
      });
    }
    await untilAborted(new Promise((resolve) => setTimeout(resolve, pause)), options.signal);
  }
}

/** `promise`; before that, `signal` calls `stop`, or else is the end. */
function untilAborted(promise, signal, stop) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const hear = () => (stop ?? reject)(signal.reason);
    signal?.addEventListener("abort", hear);
    promise.then(resolve, reject).finally(() => signal?.removeEventListener("abort", hear));
  });
}

/**
 * A line between the page that began a sign-in and the page where it came back. Two ways, because
 * each can be cut: Google's or the application's Cross-Origin-Opener-Policy separates the windows,
 * and storage partitioning the channel. Only pages of this origin can use either.
 */
function openLine(state, other, hear) {
  const channel = new BroadcastChannel(state);
  const receive = ({ data, origin }) => {
    if (origin === location.origin && data?.postern === state) hear(data);
  };
  addEventListener("message", receive);
  channel.onmessage = receive;
  return {
    send(message) {
      const whole = { ...message, postern: state };
      other?.postMessage(whole, location.origin);
      channel.postMessage(whole);
    },
    close() {
      removeEventListener("message", receive);
      channel.close();
    },
  };
}

/** Why a sign-in cannot work in this browser. */
function findObstacle() {
  if (!crypto.subtle) return "insecure_context";
  return IN_APP.test(navigator.userAgent) && !navigator.standalone ? "disallowed_useragent" : null;
}

/**
 * One sign-in: where it begins (RFC 6749 section 4.1.1), and what redeems its code. In `form`,
 * `code_verifier` is a secret (RFC 7636).
 */
export async function newAttempt(base, client_id, redirect_uri, response_mode) {
  const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
  const state = OURS + random();
  const form = { client_id, redirect_uri, code_verifier: random() };
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(form.code_verifier));
  const query = new URLSearchParams({
    response_type: "code",
    response_mode,
    client_id,
    redirect_uri,
    state,
    code_challenge: base64url(digest),
    code_challenge_method: "S256",
  });
  return { state, url: `${base}/auth/start?${query}`, form };
}

/** Where the sign-in begins, with the account that Google preselects. */
export function withHint({ url }, hint) {
  return hint ? `${url}&login_hint=${encodeURIComponent(hint)}` : url;
}

function base64url(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Redeems the code that came back (RFC 6749 section 4.1.3), if the answer is of this API (RFC 9207).
 */
export async function exchange(base, form, { iss, error, error_code, code }) {
  if (iss !== base) throw new PosternError({ code: "issuer_mismatch" });
  if (error) throw new PosternError({ code: error_code ?? error });
  const body = new URLSearchParams({ grant_type: "authorization_code", code, ...form });
  return request(`${base}/auth/token`, { method: "POST", body, credentials: "include" });
}

/** An address without slashes at its end. */
export function trim(address) {
  return address.replace(/\/+$/, "");
}

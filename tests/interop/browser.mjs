// As much of a browser as a sign-in needs: keeps cookies, follows redirects, and allows everything
// on the fake Google's consent page. It runs no script.

/** A person who chooses the account `ann@example.com`. */
export class Browser {
  /** By host, as cookies are: the port does not matter. */
  #cookies = new Map();
  #sites;

  /**
   * `sites` are the applications that run in this process: for each origin, a function from
   * `Request` to `Response`.
   */
  constructor(sites = {}) {
    this.#sites = sites;
  }

  /** Sends one request, with the cookies of its host. */
  async send(url, options = {}) {
    const { hostname, origin } = new URL(url);
    const jar = this.#cookies.get(hostname) ?? new Map();
    this.#cookies.set(hostname, jar);
    const headers = new Headers(options.headers);
    const cookies = [...jar].map(([name, value]) => `${name}=${value}`);
    if (cookies.length > 0) headers.set("cookie", cookies.join("; "));
    const request = new Request(url, { ...options, headers, redirect: "manual" });
    const answer = await (this.#sites[origin] ?? fetch)(request);
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      if (value === "" || /max-age=0/i.test(cookie)) jar.delete(name);
      else jar.set(name, value);
    }
    return answer;
  }

  /**
   * Goes to an address, and on from there: through redirects and the consent page. Stops at the
   * first address that begins with `until`, without loading it, and returns it.
   */
  async travel(url, until, options) {
    let answer = await this.send(url, options);
    for (let steps = 0; steps < 12; steps += 1) {
      let next = answer.headers.get("location");
      let decision;
      if (answer.status === 200) ({ next, decision } = allow(await answer.text()));
      if (!next) throw new Error(`${answer.status} at ${url}: ${await answer.text()}`);
      url = new URL(next, url).href;
      if (url.startsWith(until)) return url;
      answer = await this.send(url, decision);
    }
    throw new Error(`the way to ${until} does not end`);
  }
}

/** What the button "Continue" of the consent page sends. */
function allow(page) {
  const plain = (text) => text.replaceAll("&amp;", "&");
  const [, next] = /<form method="post" action="([^"]+)"/.exec(page) ?? [];
  const scopes = [...page.matchAll(/name="scope" value="([^"]+)"/g)].map(([, scope]) => ["scope", plain(scope)]);
  const form = [["account", "ann@example.com"], ["decision", "allow"], ...scopes];
  return { next: next && plain(next), decision: { method: "POST", body: new URLSearchParams(form) } };
}

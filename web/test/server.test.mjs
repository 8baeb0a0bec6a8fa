// Signing in on a server: both steps, and what the second refuses.

import assert from "node:assert/strict";
import { test } from "node:test";

import { finishSignIn, startSignIn } from "../server.js";
import { Api } from "./api.mjs";

const redirectUri = "https://app.example.com/api/callback";

/** A sign-in whose answer has arrived: `url` as a server sees it. */
async function arrived(context, refusal) {
  const api = new Api();
  context.mock.method(globalThis, "fetch", (url, options) => api.fetch(url, options));
  const { url: start, pending } = await startSignIn({
    base: `${api.base}/`,
    redirectUri,
    loginHint: "ann@example.com",
  });
  const asked = new URL(start).searchParams;
  assert.equal(asked.get("response_mode"), "query");
  assert.equal(asked.get("login_hint"), "ann@example.com");
  assert.ok(!start.includes(pending.verifier));
  const url = api.answer(start, refusal).replace("#", "?");
  return { api, url, pending, options: { base: api.base, redirectUri } };
}

test("a server redeems the code with its verifier and gets the session token", async (context) => {
  const { api, url, pending, options } = await arrived(context);
  const session = await finishSignIn({ ...options, url, pending });
  assert.ok(api.sessions.has(session.token));
  const { expiresIn, scopes, user } = session;
  assert.deepEqual([expiresIn, scopes, user.id], [604800, ["openid", "email"], "1"]);
});

test("a path is enough as the address, as servers see it", async (context) => {
  const { url, pending, options } = await arrived(context);
  assert.ok(
    (await finishSignIn({ ...options, url: url.replace("https://app.example.com", ""), pending })).token,
  );
});

test("without what the first step kept in this browser, nothing is redeemed", async (context) => {
  const { api, url, pending, options } = await arrived(context);
  const other = { ...pending, state: "postern:other" };
  for (const kept of [undefined, other]) {
    await assert.rejects(finishSignIn({ ...options, url, pending: kept }), { code: "state_mismatch" });
  }
  assert.equal(api.calls.length, 0);
});

test("what was kept cannot say which API to ask", async (context) => {
  const { api, url, pending, options } = await arrived(context);
  const forged = { ...pending, base: "https://evil.example", redirectUri: "https://evil.example/" };
  await finishSignIn({ ...options, url, pending: forged });
  assert.equal(api.calls[0].url, `${api.base}/auth/token`);
  assert.equal(api.calls[0].form.redirect_uri, redirectUri);
});

test("an answer of another API is refused, and a refusal has the API's code", async (context) => {
  const { api, url, pending, options } = await arrived(context, "consent_denied");
  await assert.rejects(finishSignIn({ ...options, url, pending }), { code: "consent_denied" });
  const evil = url.replace(/iss=[^&]*/, "iss=https://evil.example");
  await assert.rejects(finishSignIn({ ...options, url: evil, pending }), { code: "issuer_mismatch" });
  assert.equal(api.calls.length, 0);
});

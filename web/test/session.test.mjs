// What a page knows of its session: reauthorization, sign-out, other tabs, and obstacles.

import assert from "node:assert/strict";
import { test } from "node:test";

import { problem } from "./api.mjs";
import { Browser } from "./world.mjs";

/** A tab with a connected mailbox. */
async function connected(options = {}) {
  const browser = new Browser();
  const tab = await browser.tab(options);
  const connecting = tab.postern.connect();
  await tab.popup.consent();
  await connecting;
  await browser.settle();
  return { browser, tab, api: browser.api, postern: tab.postern };
}

test("a first visit asks for the connection and sees no error", async () => {
  const browser = new Browser();
  const { postern } = await browser.tab();
  const { status, reason, user } = await postern.connection();
  assert.deepEqual([status, reason, user], ["signed_out", "not_signed_in", null]);
});

test("each answer has another receipt, which is no news", async () => {
  const { postern } = await connected();
  const changes = [];
  postern.on("change", ({ status }) => changes.push(status));
  const first = await postern.connection();
  const second = await postern.connection();
  assert.notEqual(first.receipt, second.receipt);
  assert.deepEqual(changes, []);
});

test("ten calls that fail ask for one authorization, wait for it and are repeated", async () => {
  const { browser, tab, api, postern } = await connected();
  api.lost = "revoked_or_expired";
  const reasons = [];
  postern.on("reauthorize", (error) => {
    reasons.push(error.reason);
    return postern.connect();
  });
  const calls = Array.from({ length: 10 }, (_, index) => postern.message(`m${index}`));
  await browser.settle();
  assert.deepEqual(reasons, ["revoked_or_expired"]);
  assert.equal(new URL(tab.popup.away).searchParams.get("login_hint"), "ann@example.com");
  calls.push(postern.messages().first());
  await browser.settle();
  await tab.popup.consent();
  assert.equal((await Promise.all(calls)).length, 11);
  assert.equal(reasons.length, 1);
  assert.equal(browser.windows.length, 3, "the tab, the first popup and one more");
});

test("without a promise of a listener, calls fail, and the listener hears of it once", async () => {
  const { browser, api, postern } = await connected();
  api.lost = "reauth_policy";
  let heard = 0;
  postern.on("reauthorize", () => void (heard += 1));
  for (let count = 0; count < 3; count += 1) {
    await assert.rejects(postern.message("m1"), {
      name: "PosternError",
      status: 401,
      reason: "reauth_policy",
    });
    await browser.settle();
  }
  assert.equal(heard, 1);
});

test("a user who gives up can be asked again", async () => {
  const { api, postern } = await connected();
  api.lost = "revoked_or_expired";
  let heard = 0;
  postern.on("reauthorize", async () => {
    heard += 1;
    throw new Error("not now");
  });
  await assert.rejects(postern.message("m1"), { reason: "revoked_or_expired" });
  await assert.rejects(postern.message("m1"), { reason: "revoked_or_expired" });
  assert.equal(heard, 2);
});

test("a late 401 of an earlier session is repeated and asks nobody", async () => {
  const { browser, tab, api, postern } = await connected();
  postern.on("reauthorize", () => assert.fail("asked"));
  let answer;
  api.instead = [() => new Promise((resolve) => (answer = resolve))];
  const call = postern.message("m1");
  await browser.settle();
  const connecting = postern.connect();
  await tab.popup.consent();
  await connecting;
  answer(api.unauthorized("session_expired"));
  assert.equal((await call).id, "m0");
});

test("an answer from before a sign-in does not replace what is known since", async () => {
  const browser = new Browser();
  const { api } = browser;
  const tab = await browser.tab();
  let answer;
  api.instead = [() => new Promise((resolve) => (answer = resolve))];
  const early = tab.postern.connection();
  const connecting = tab.postern.connect();
  await tab.popup.consent();
  await connecting;
  const changes = [];
  tab.postern.on("change", ({ status }) => changes.push(status));
  answer(Response.json({ status: "signed_out" }));
  assert.equal((await early).status, "signed_out");
  assert.deepEqual(changes, []);
});

test("a caller who gives up does not wait for the authorization", async () => {
  const { browser, api, postern } = await connected();
  api.lost = "revoked_or_expired";
  postern.on("reauthorize", () => new Promise(() => {}));
  const abort = new AbortController();
  const call = postern.message("m1", { signal: abort.signal });
  await browser.settle();
  abort.abort();
  await assert.rejects(call, { name: "AbortError" });
});

test("lost access shows in the connection", async () => {
  const { browser, api, postern } = await connected();
  const changes = [];
  postern.on("change", ({ status, reason }) => changes.push([status, reason]));
  api.lost = "revoked_or_expired";
  await postern.message("m1").catch(() => {});
  await browser.settle();
  assert.deepEqual(changes, [["reauthorize", "revoked_or_expired"]]);
});

for (const [name, leave] of [
  ["sign-out", (postern) => postern.signOut()],
  ["disconnect", (postern) => postern.disconnect()],
]) {
  test(`other tabs hear of a sign-in, a change of user and a ${name}`, async () => {
    const browser = new Browser();
    const tab = await browser.tab();
    const other = await browser.tab();
    await other.postern.connection();
    const changes = [];
    const end = other.postern.on("change", ({ status, user }) => changes.push([status, user?.id]));
    for (const id of ["1", "2"]) {
      browser.api.user = { id, email: `${id}@example.com` };
      const connecting = tab.postern.connect();
      await tab.popup.consent();
      await connecting;
      await browser.settle();
    }
    await leave(tab.postern);
    await browser.settle();
    assert.deepEqual(changes, [
      ["connected", "1"],
      ["connected", "2"],
      ["signed_out", undefined],
    ]);
    end();
    await tab.postern.signOut().catch(() => {});
    assert.equal(changes.length, 3);
  });
}

test("sign-out forgets the token", async () => {
  const { api, postern } = await connected({ session: "memory" });
  await postern.signOut({ everywhere: true });
  const [call] = api.paths("/auth/sign-out");
  assert.deepEqual([call.method, call.form], ["POST", '{"everywhere":true}']);
  assert.equal(call.headers["Content-Type"], "application/json");
  assert.match(call.headers.Authorization, /^Bearer /);
  assert.equal((await postern.connection()).status, "signed_out");
  assert.equal(api.calls.at(-1).headers.Authorization, undefined);
});

test("a failed disconnection is reported, and the connection is asked for again", async () => {
  const { browser, api, postern } = await connected();
  api.instead = [() => problem(503, "upstream_unavailable")];
  await assert.rejects(postern.disconnect(), { code: "upstream_unavailable", status: 503, retryAfter: 1 });
  await browser.settle();
  assert.deepEqual([api.calls.at(-1).method, api.calls.at(-1).path], ["GET", "/connection"]);
  await postern.disconnect();
  assert.equal((await postern.connection()).status, "signed_out");
});

test("a browser that Google refuses is recognised before the click", async () => {
  const iphone =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
  const android = "Mozilla/5.0 (Linux; Android 14; Pixel 8";
  const chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/150.0.0.0 Mobile Safari/537.36";
  for (const userAgent of [
    `${iphone} Mobile/22B83 Instagram 350.0.0.0 (iPhone15,2; iOS 18_1)`,
    `${iphone} Mobile/22B83 [FBAN/FBIOS;FBAV/480.0.0.0]`,
    `${iphone} Mobile/22B83 [LinkedInApp]`,
    `${iphone} Mobile/22B83 Safari Line/14.0.0`,
    `${android}; wv) ${chrome}`,
    `${android}; wv) ${chrome} Instagram 350.0.0.0 Android`,
    `${android}; wv) ${chrome} [FB_IAB/FB4A;FBAV/480.0.0.0;]`,
    `${android}; wv) ${chrome} MicroMessenger/8.0.50`,
  ]) {
    const browser = Object.assign(new Browser(), { userAgent });
    const tab = await browser.tab();
    assert.equal(tab.postern.obstacle, "disallowed_useragent", userAgent);
    await assert.rejects(tab.postern.connect(), { code: "disallowed_useragent" });
    assert.equal(tab.popup ?? tab.away, undefined, "nothing was opened");
  }
  for (const userAgent of [
    new Browser().userAgent,
    `${iphone} Version/18.1 Mobile/15E148 Safari/604.1`,
    `${iphone} CriOS/150.0.0.0 Mobile/15E148 Safari/604.1`,
    `${android}) ${chrome}`,
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0",
  ]) {
    const browser = Object.assign(new Browser(), { userAgent });
    assert.equal((await browser.tab()).postern.obstacle, null, userAgent);
  }
  // An application on the home screen is no web view, though it looks like one.
  const browser = Object.assign(new Browser(), { userAgent: `${iphone} Mobile/15E148`, isStandalone: true });
  assert.equal((await browser.tab()).postern.obstacle, null);
});

test("each call fails with its own error, and a new loss is asked about", async () => {
  const { browser, api, postern } = await connected();
  api.lost = "revoked_or_expired";
  let heard = 0;
  postern.on("reauthorize", () => {
    heard += 1;
    throw new Error("a mistake of the application");
  });
  const failures = await Promise.allSettled([postern.message("m1"), postern.message("m2")]);
  assert.ok(failures.every(({ reason }) => reason.reason === "revoked_or_expired"));
  assert.notEqual(failures[0].reason, failures[1].reason);
  api.lost = null;
  await postern.connection();
  api.lost = "reauth_policy";
  await assert.rejects(postern.message("m1"), { reason: "reauth_policy" });
  await browser.settle();
  assert.equal(heard, 2);
});

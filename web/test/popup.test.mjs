// Signing in through a popup: who may redeem, how often, and what happens when windows are cut off.

import assert from "node:assert/strict";
import { test } from "node:test";

import { APP, Browser, Window } from "./world.mjs";

/** A browser with a tab whose user has clicked, and is at Google. */
async function started(change = {}, options = {}, place = {}) {
  const browser = Object.assign(new Browser(), change);
  const tab = await browser.tab(options, place);
  const connecting = tab.postern.connect();
  connecting.catch(() => {});
  return { browser, tab, api: browser.api, connecting };
}

/** What a promise did so far. */
async function outcome(promise) {
  let result = "pending";
  promise.then(
    (value) => (result = value),
    (error) => (result = error),
  );
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
  return result;
}

test("a sign-in in a popup connects the page and closes the popup", async () => {
  const { browser, tab, api, connecting } = await started();
  const start = new URL(tab.popup.away);
  assert.equal(start.pathname, "/auth/start");
  const asked = Object.fromEntries(start.searchParams);
  assert.equal(asked.redirect_uri, `${APP}/inbox`);
  assert.equal(asked.response_mode, "fragment");
  assert.match(asked.code_challenge, /^[\w-]{43}$/);
  await tab.popup.consent();
  assert.equal((await connecting).user.email, "ann@example.com");
  await browser.settle();
  assert.ok(tab.popup.closed);
  assert.equal(tab.popup.url.hash, "", "the code is gone from the address bar");
  assert.equal(tab.url.href, `${APP}/inbox?view=unread#top`, "the page stayed");
  assert.equal((await tab.postern.messages().first()).messages[0].subject, "Subject 0");
  assert.equal(await outcome(tab.popup.finished), "pending", "the application does not start in the popup");
  assert.equal(api.paths("/auth/token").length, 1);
});

test("the popup is opened before the click's handler waits for anything", async () => {
  const browser = new Browser();
  const tab = await browser.tab();
  tab.postern.connect();
  assert.ok(tab.popup, "synchronously");
});

test("each sign-in has its own verifier, state and challenge", async () => {
  const { browser, tab, connecting } = await started();
  const first = new URL(tab.popup.away).searchParams;
  await tab.popup.consent();
  await connecting;
  tab.postern.connect();
  await browser.settle();
  const second = new URL(tab.popup.away).searchParams;
  for (const name of ["state", "code_challenge"]) assert.notEqual(first.get(name), second.get(name));
});

test("a click while a sign-in is under way opens no second popup", async () => {
  const { tab, browser, connecting } = await started();
  const { popup } = tab;
  const again = tab.postern.connect();
  assert.equal(tab.popup, popup);
  await popup.consent();
  assert.equal(await again, await connecting);
  assert.equal(browser.windows.length, 2);
});

test("windows that a page's or Google's COOP cut apart meet in the channel", async () => {
  const { tab, browser, connecting } = await started({ severs: true });
  await tab.popup.consent();
  assert.equal((await connecting).status, "connected");
  await browser.settle();
  assert.ok(tab.popup.closed);
});

test("a frame on another site, whose channel is partitioned, is reached through its opener", async () => {
  const place = { partition: "https://portal.example.org", isEmbedded: true };
  const { tab, connecting } = await started({}, {}, place);
  await tab.popup.consent();
  assert.equal((await connecting).status, "connected");
});

test("a frame that is cut from its popup says so, and the popup goes on by itself", async () => {
  const place = { partition: "https://portal.example.org", isEmbedded: true };
  const { tab, browser, connecting } = await started({ severs: true }, {}, place);
  await tab.popup.consent();
  await browser.pass(600);
  const { status, error } = await tab.popup.finished;
  assert.deepEqual([status, error.code], ["unclaimed", "unclaimed"]);
  assert.equal(browser.api.paths("/auth/token").length, 0);
  tab.focused = true;
  await browser.pass(4000);
  const closed = await outcome(connecting);
  assert.deepEqual([closed.code, closed.reason], ["popup_closed", "embedded"]);
});

test("a blocked popup becomes a redirect, and in popup mode PopupBlocked", async () => {
  const { tab } = await started({ blocksPopups: true });
  assert.match(tab.away, /^https:\/\/api\.example\.net\/auth\/start\?/);
  const strict = await started({ blocksPopups: true }, { mode: "popup" });
  await assert.rejects(strict.connecting, { code: "popup_blocked" });
  assert.equal(strict.tab.away, undefined);
  const frame = await started(
    { blocksPopups: true },
    {},
    { partition: "https://portal.example.org", isEmbedded: true },
  );
  await assert.rejects(frame.connecting, { code: "popup_blocked" });
});

test("a closed popup is reported after three seconds with focus, and a late success still counts", async () => {
  const { tab, browser, connecting } = await started({ severs: true });
  await browser.pass(10_000);
  assert.equal(await outcome(connecting), "pending", "`closed` is a hint only while the page has focus");
  tab.focused = true;
  await browser.pass(2500);
  assert.equal(await outcome(connecting), "pending");
  await browser.pass(1000);
  assert.equal((await outcome(connecting)).code, "popup_closed");
  const changes = [];
  tab.postern.on("change", (connection) => changes.push(connection.status));
  await tab.popup.consent();
  await browser.settle();
  assert.deepEqual(changes, ["connected"]);
  assert.ok(tab.popup.closed);
});

test("a popup whose code was taken waits for a slow redemption", async () => {
  const { tab, api, browser, connecting } = await started();
  let answer;
  api.instead = [() => new Promise((resolve) => (answer = resolve))];
  await tab.popup.consent();
  await browser.pass(2000);
  assert.equal(await outcome(tab.popup.finished), "pending");
  answer(Response.json({ error: "invalid_grant", code: "invalid_grant" }, { status: 400 }));
  await assert.rejects(connecting, { code: "invalid_grant", status: 400 });
  await browser.settle();
  assert.ok(tab.popup.closed);
});

test("a refusal comes through the relay with the API's code", async () => {
  const { tab, api, browser, connecting } = await started();
  await tab.popup.consent("consent_denied");
  await assert.rejects(connecting, { name: "PosternError", code: "consent_denied" });
  await browser.settle();
  assert.ok(tab.popup.closed);
  assert.equal(api.paths("/auth/token").length, 0);
});

test("a relay that is loaded again redeems nothing twice", async () => {
  const { tab, api, browser, connecting } = await started();
  const { popup } = tab;
  const back = await popup.consent();
  await connecting;
  popup.load(back);
  await browser.settle();
  assert.equal(api.paths("/auth/token").length, 1);
  assert.equal(api.sessions.size, 1, "the session lives");
});

test("an answer from another API is not redeemed (RFC 9207)", async () => {
  for (const iss of ["https://evil.example", ""]) {
    const { tab, api, browser, connecting } = await started();
    const back = new URL(api.answer(tab.popup.away));
    back.hash = back.hash.replace(/iss=[^&]*/, `iss=${encodeURIComponent(iss)}`);
    tab.popup.load(back.href);
    await browser.settle();
    await assert.rejects(connecting, { code: "issuer_mismatch" });
    assert.equal(api.paths("/auth/token").length, 0);
  }
});

test("a49: messages of another origin, type or state are ignored", async () => {
  const { tab, api, browser, connecting } = await started();
  const answer = Object.fromEntries(new URLSearchParams(new URL(api.answer(tab.popup.away)).hash.slice(1)));
  const good = { type: "answer", answer, postern: answer.state };
  const send = (data, origin = APP) => tab.listeners.forEach((listener) => listener({ data, origin }));
  send(good, "https://evil.example");
  send(good, "null");
  send({ ...good, type: "taken" });
  send({ ...good, postern: "postern:other" });
  for (const data of [null, "answer", 7, {}]) send(data);
  await browser.settle();
  assert.equal(api.calls.length, 0);
  send(good);
  assert.equal((await connecting).status, "connected");
});

test("a49: a planted code is cleared and not redeemed", async () => {
  const browser = new Browser();
  const planted = `${APP}/inbox?view=all#code=${"c".repeat(43)}&state=postern:evil&iss=${browser.api.base}`;
  const tab = await browser.tab({}, { url: planted });
  await browser.pass(600);
  assert.equal((await tab.finished).status, "unclaimed");
  assert.equal(tab.url.href, `${APP}/inbox?view=all`);
  assert.equal(browser.api.paths("/auth/token").length, 0);
});

test("a planted code does not end a sign-in that waits in the same tab", async () => {
  const { tab, browser, api } = await started({ blocksPopups: true });
  const start = tab.away;
  tab.load(`${APP}/inbox#code=x&state=postern:evil&iss=${api.base}`);
  await browser.pass(600);
  assert.equal((await tab.finished).status, "unclaimed");
  tab.load(api.answer(start));
  await browser.settle();
  assert.equal((await tab.finished).status, "connected");
});

test("the user gives up: the popup closes and a late success does not count", async () => {
  const browser = new Browser();
  const tab = await browser.tab();
  const abort = new AbortController();
  const connecting = tab.postern.connect({ signal: abort.signal });
  const back = browser.api.answer(tab.popup.away);
  abort.abort();
  await assert.rejects(connecting, { name: "AbortError" });
  assert.ok(tab.popup.closed);
  tab.popup.load(back);
  await browser.pass(600);
  assert.equal(browser.api.paths("/auth/token").length, 0);
});

test("a sign-in ends after ten minutes", async () => {
  const { tab, browser, connecting } = await started();
  await browser.pass(599_000);
  assert.equal(await outcome(connecting), "pending");
  await browser.pass(2000);
  assert.equal((await outcome(connecting)).code, "timed_out");
  await tab.popup.consent();
  await browser.pass(600);
  assert.equal(browser.api.paths("/auth/token").length, 0);
});

test("where the cookie is not kept, the same popup fetches a token for the memory", async () => {
  const { tab, browser, api, connecting } = await started();
  api.keepsCookies = false;
  await tab.popup.consent();
  assert.equal(await outcome(connecting), "pending");
  assert.match(tab.popup.away, /\/auth\/start\?/, "the popup is at Google again");
  await tab.popup.consent();
  assert.equal((await connecting).status, "connected");
  await browser.settle();
  assert.ok(tab.popup.closed);
  assert.deepEqual(
    api.paths("/auth/token").map(({ form }) => form.session),
    ["cookie", undefined],
  );
  await tab.postern.messages().first();
  const { headers, credentials } = api.calls.at(-1);
  assert.match(headers.Authorization, /^Bearer /);
  assert.equal(credentials, "omit", "a token and a cookie are never sent together");
});

test("session: cookie says when the cookie is not kept; session: memory asks for none", async () => {
  const strict = await started({}, { session: "cookie" });
  strict.api.keepsCookies = false;
  await strict.tab.popup.consent();
  await assert.rejects(strict.connecting, { code: "cookie_not_kept" });
  const memory = await started({}, { session: "memory" });
  await memory.tab.popup.consent();
  await memory.connecting;
  assert.equal(memory.api.paths("/auth/token")[0].form.session, undefined);
  assert.equal(memory.api.cookies.size, 0);
});

test("another window of the application takes no code that it did not ask for", async () => {
  const { tab, browser, api, connecting } = await started();
  const other = await browser.tab();
  await tab.popup.consent();
  await connecting;
  assert.equal(api.paths("/auth/token").length, 1);
  assert.ok(other instanceof Window && !other.closed);
});

test("once the code is taken, giving up comes too late and leaves no half session", async () => {
  const browser = new Browser();
  const tab = await browser.tab();
  const abort = new AbortController();
  const connecting = tab.postern.connect({ signal: abort.signal });
  let answer;
  browser.api.instead = [() => new Promise((resolve) => (answer = resolve))];
  const back = browser.api.answer(tab.popup.away);
  tab.popup.load(back);
  await browser.settle();
  abort.abort();
  answer(Response.json({ user: browser.api.user }));
  browser.api.keepsCookies = false;
  assert.notEqual((await outcome(connecting)).name, "AbortError");
});

test("each click's own signal gives up the sign-in that they share", async () => {
  const { tab, browser, connecting } = await started();
  const abort = new AbortController();
  const again = tab.postern.connect({ signal: abort.signal });
  await browser.settle();
  abort.abort();
  await assert.rejects(again, { name: "AbortError" });
  await assert.rejects(connecting, { name: "AbortError" });
  assert.ok(tab.popup.closed);
});

test("two clicks before the first sign-in is prepared open one popup", async () => {
  const browser = new Browser();
  const loading = browser.tab();
  const [tab] = browser.windows;
  tab.postern.connect();
  tab.postern.connect();
  await loading;
  assert.equal(browser.windows.length, 2);
});

test("a popup whose opener is gone after it took the code does not stay blank", async () => {
  const { tab, api, browser } = await started();
  api.instead = [() => new Promise(() => {})];
  await tab.popup.consent();
  await browser.pass(59_000);
  assert.equal(await outcome(tab.popup.finished), "pending");
  await browser.pass(2000);
  assert.equal((await tab.popup.finished).status, "unclaimed");
});

test("a finished sign-in leaves no line and no timer behind", async () => {
  const { tab, browser, connecting } = await started();
  const listeners = tab.listeners.size;
  await tab.popup.consent();
  await connecting;
  await browser.settle();
  assert.equal(tab.listeners.size, listeners - 1);
  await browser.pass(700_000);
  assert.equal((await tab.postern.connection()).status, "connected");
});

test("finish can be called twice", async () => {
  const { browser, tab } = await started();
  await tab.popup.consent();
  await browser.settle();
  assert.equal(tab.postern.finish(), tab.postern.finish());
});

// Signing in by leaving the page: what stays in the tab, and what is cleaned up after it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { APP, Browser } from "./world.mjs";

const REDIRECT = { mode: "redirect" };

/** A tab that left for Google. */
async function left(options = REDIRECT, place = {}) {
  const browser = new Browser();
  const tab = await browser.tab(options, place);
  tab.postern.connect();
  await browser.settle();
  return { browser, tab, api: browser.api };
}

test("a redirect comes back to the full address, connected", async () => {
  const { browser, tab, api } = await left();
  assert.equal(new URL(tab.away).searchParams.get("redirect_uri"), `${APP}/inbox`);
  await tab.consent();
  const { status, connection, returnTo } = await tab.finished;
  assert.deepEqual([status, connection.user.email], ["connected", "ann@example.com"]);
  assert.equal(returnTo, `${APP}/inbox?view=unread#top`);
  assert.equal(tab.url.href, returnTo);
  assert.equal(tab.storage.size, 0, "the verifier is gone");
  assert.equal(api.paths("/auth/token").length, 1);
  assert.equal(browser.windows.length, 1);
});

test("returnTo decides where a redirect ends, and redirectUri where it comes back", async () => {
  const browser = new Browser();
  const tab = await browser.tab({ ...REDIRECT, redirectUri: "/callback" });
  tab.postern.connect({ returnTo: "/settings?tab=2#mail" });
  await browser.settle();
  const back = await tab.consent();
  assert.equal(new URL(back).pathname, "/callback");
  assert.equal((await tab.finished).returnTo, `${APP}/settings?tab=2#mail`);
  assert.equal(tab.url.href, `${APP}/settings?tab=2#mail`);
});

test("a refusal comes back with the API's code and the full address", async () => {
  const { tab, api } = await left();
  await tab.consent("blocked_by_admin");
  const { status, error } = await tab.finished;
  assert.deepEqual([status, error.code], ["failed", "blocked_by_admin"]);
  assert.equal(tab.url.href, `${APP}/inbox?view=unread#top`);
  assert.equal(api.paths("/auth/token").length, 0);
});

test("an answer that is loaded again, by Back or Reload, redeems nothing", async () => {
  const { browser, tab, api } = await left();
  const back = await tab.consent();
  await tab.finished;
  tab.load(back);
  await browser.pass(600);
  assert.equal((await tab.finished).status, "unclaimed");
  assert.equal(api.paths("/auth/token").length, 1);
  assert.equal(api.sessions.size, 1);
});

test("an answer from another API or for another state is not redeemed", async () => {
  for (const [from, to] of [
    [/iss=[^&]*/, "iss=https%3A%2F%2Fevil.example"],
    [/state=[^&]*/, "state=postern:other"],
  ]) {
    const { browser, tab, api } = await left();
    tab.load(api.answer(tab.away).replace(from, to));
    await browser.pass(600);
    assert.notEqual((await tab.finished).status, "connected");
    assert.equal(api.paths("/auth/token").length, 0);
  }
});

test("finish leaves everything that it does not own, and the history's state", async () => {
  const own = "auth_error=consent_denied";
  for (const [before, after, status] of [
    ["/a?x=1&flag#top", "/a?x=1&flag#top", "none"],
    ["/a#code=4&state=theirs", "/a#code=4&state=theirs", "none"],
    ["/a?code=4&state=theirs", "/a?code=4&state=theirs", "none"],
    [`/a?${own}`, "/a", "failed"],
    [`/a?x=a+b&${own}&y=%26#top`, "/a?x=a+b&y=%26#top", "failed"],
    [`/a?${own}&x=1`, "/a?x=1", "failed"],
    [`/a?x=1&${own}`, "/a?x=1", "failed"],
    ["/a?my_auth_error=1", "/a?my_auth_error=1", "none"],
    ["/a?x=1#state=postern:x&error=access_denied", "/a?x=1", "unclaimed"],
  ]) {
    const browser = new Browser();
    const tab = await browser.tab({}, { url: APP + before });
    await browser.pass(600);
    assert.equal((await tab.finished).status, status, before);
    assert.equal(tab.url.href, APP + after);
    assert.deepEqual(tab.historyState, { scroll: 7 });
  }
});

test("where the cookie is not kept, the redirect is repeated once, for a token", async () => {
  const { tab, api } = await left();
  api.keepsCookies = false;
  await tab.consent();
  assert.match(tab.away, /\/auth\/start\?/);
  await tab.consent();
  assert.equal((await tab.finished).status, "connected");
  assert.equal(tab.url.href, `${APP}/inbox?view=unread#top`);
  assert.deepEqual(
    api.paths("/auth/token").map(({ form }) => form.session),
    ["cookie", undefined],
  );
});

test("no token and no code is ever written to a storage", async () => {
  for (const options of [REDIRECT, { ...REDIRECT, session: "memory" }, { session: "memory" }, {}]) {
    const { browser, tab, api } = await left(options);
    await (tab.popup ?? tab).consent();
    await browser.settle();
    assert.equal((await tab.postern.connection()).status, "connected");
    const text = JSON.stringify(browser.written);
    for (const secret of [...api.sessions, ...api.codes.keys()]) assert.ok(!text.includes(secret));
    assert.ok(browser.written.every(([area]) => area === "sessionStorage"));
    if (!tab.visited[1]) assert.deepEqual(browser.written, [], "a popup writes nothing at all");
  }
});

test("a page in a frame never leaves: it opens a popup", async () => {
  const { tab } = await left(REDIRECT, { isEmbedded: true });
  assert.equal(tab.away, undefined);
  assert.ok(tab.popup);
});

// What a person may do while signing in, and afterwards in several tabs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { click, closed, connect, decide, open, opened, setUp, shows, visitor } from "./chromium.mjs";
import { GOOGLE, OTHER_SITE, google } from "./environment.mjs";

const ANN = "connected ann@example.com";
const SIGNED_OUT = "signed_out not_signed_in";
const PLAIN = `${OTHER_SITE}/plain`;
/** Cut off from its popup. */
const ISOLATED = `${OTHER_SITE}/isolated`;

setUp();

const popupOf = (context, page) => opened(context, () => click(page, "connect"));

test("a popup that the browser blocks becomes a redirect, and the whole address comes back", async (t) => {
  const context = await visitor(t);
  const address = `${PLAIN}?at-once&kept=%20+#part`;
  const page = await context.newPage();
  await page.goto(address, { waitUntil: "commit" });
  // Only the address is watched: whatever looks into the page counts as a gesture of its user.
  await page.waitForURL(`${GOOGLE}/**`);
  await decide(page);
  await shows(page, "connection", ANN);
  assert.equal(page.url(), address);
  assert.equal(context.pages().length, 1);
});

for (const [name, address] of Object.entries({ "": PLAIN, ", out of sight": ISOLATED })) {
  test(`a popup closed at Google's page${name}: PopupClosed, and the next attempt works`, async (t) => {
    const context = await visitor(t);
    const page = await open(context, address);
    const popup = await popupOf(context, page);
    await popup.locator("#allow").waitFor();
    await popup.close();
    await shows(page, "error", "PopupClosed popup_closed");
    await shows(page, "explained", /^[A-Z].*\.$/);
    await connect(context, page);
  });
}

test("a success after the popup seemed closed still counts", async (t) => {
  const context = await visitor(t);
  const page = await open(context, ISOLATED);
  const popup = await popupOf(context, page);
  await shows(page, "error", "PopupClosed popup_closed");
  await decide(popup);
  await shows(page, "connection", ANN);
  await closed(popup);
});

const REFUSALS = [
  ["denied", { decision: "deny" }, "consent_denied"],
  ["the mailbox is not ticked", { untick: ["gmail.readonly"] }, "consent_incomplete"],
];
for (const [name, decision, code] of REFUSALS) {
  for (const [way, address] of Object.entries({ popup: PLAIN, "popup that is cut off": ISOLATED })) {
    test(`${name} in a ${way}: the page says so and nobody is signed in`, async (t) => {
      const context = await visitor(t);
      await google("revoke", { account: "dora@example.com" });
      const page = await open(context, address);
      const popup = await popupOf(context, page);
      await decide(popup, { account: "dora@example.com", ...decision });
      await shows(page, "error", new RegExp(`^PosternError ${code}\\b`));
      await shows(page, "explained", /^[A-Z].*\.$/);
      await closed(popup);
      await page.reload();
      await shows(page, "connection", SIGNED_OUT);
    });
  }
  test(`${name} in a redirect: the page says so, and its address is clean`, async (t) => {
    const context = await visitor(t);
    await google("revoke", { account: "dora@example.com" });
    const page = await open(context, `${PLAIN}?mode=redirect`);
    await click(page, "connect");
    await decide(page, { account: "dora@example.com", ...decision });
    await shows(page, "finished", `failed ${code}`);
    await shows(page, "connection", SIGNED_OUT);
    assert.equal(page.url(), `${PLAIN}?mode=redirect`);
  });
}

test("the relay page, reloaded or gone back to, redeems nothing", async (t) => {
  const context = await visitor(t);
  const page = await open(context, PLAIN);
  const popup = await popupOf(context, page);
  // The opener is gone, so that the relay stays.
  await page.close();
  await decide(popup);
  await shows(popup, "finished", "unclaimed unclaimed");
  assert.equal(popup.url(), PLAIN);
  await popup.reload();
  await shows(popup, "finished", "none");
  await shows(popup, "connection", SIGNED_OUT);
  await popup.goBack({ waitUntil: "commit" });
  await popup.goForward({ waitUntil: "commit" });
  await shows(popup, "connection", SIGNED_OUT);
  assert.equal(popup.url(), PLAIN);
  assert.deepEqual(context.seen.redemptions, []);
});

test("a session in memory ends with the page", async (t) => {
  const context = await visitor(t);
  const page = await open(context, `${PLAIN}?session=memory`);
  await connect(context, page);
  await click(page, "list");
  await shows(page, "listed", /\n/);
  assert.equal((await context.cookies()).filter(({ name }) => name.includes("session")).length, 0);
  assert.deepEqual(await page.evaluate(() => [localStorage.length, sessionStorage.length]), [0, 0]);
  await page.reload();
  await shows(page, "connection", SIGNED_OUT);
});

test("where no cookie is kept, a second round at Google gives a session in memory", async (t) => {
  const context = await visitor(t);
  await context.route("**/connection", async (route) => {
    await context.clearCookies();
    await route.continue();
  });
  const page = await open(context, ISOLATED);
  const popup = await popupOf(context, page);
  // Google remembers the first answer, and asks nothing the second time.
  await decide(popup);
  await shows(page, "connection", ANN);
  await closed(popup);
  await click(page, "list");
  await shows(page, "listed", /\n/);
});

test("two tabs know of each other: sign-in, another user, sign-out", async (t) => {
  const context = await visitor(t);
  const [first, second] = [await open(context, PLAIN), await open(context, ISOLATED)];
  await shows(second, "connection", SIGNED_OUT);
  await connect(context, first);
  await shows(second, "connection", ANN);
  await connect(context, second, "ben@example.com");
  await shows(first, "connection", "connected ben@example.com");
  await click(second, "sign-out");
  await shows(first, "connection", /^signed_out /);
  await click(first, "list");
  await shows(first, "reauthorize", "not_signed_in");
});

test("two tabs that connect at the same time both end up signed in", async (t) => {
  const context = await visitor(t);
  const tabs = [await open(context, PLAIN), await open(context, PLAIN)];
  const popups = [await popupOf(context, tabs[0]), await popupOf(context, tabs[1])];
  for (const popup of popups.reverse()) await decide(popup);
  for (const tab of tabs) await shows(tab, "connection", ANN);
  for (const tab of tabs) {
    await click(tab, "list");
    await shows(tab, "listed", /\n/);
  }
});

test("a grant revoked in mid-list: one reauthorization, and the list goes on", async (t) => {
  const context = await visitor(t);
  const page = await open(context, PLAIN);
  await connect(context, page);
  await click(page, "list");
  await shows(page, "listed", /\n/);
  const before = await page.locator("#listed").textContent();
  await google("revoke", { account: "ann@example.com" });
  await click(page, "next");
  await shows(page, "reauthorize", "revoked_or_expired");
  await connect(context, page);
  await shows(page, "listed", (text) => text !== before && text.includes("\n"));
});

for (const [name, path] of Object.entries({ "plain HTML": "/html/", "Vite and React": "/" })) {
  test(`the example with ${name}, served from another site, lists senders and subjects`, async (t) => {
    const context = await visitor(t);
    const page = await open(context, OTHER_SITE + path);
    const button = page.getByRole("button", { name: "Connect" });
    await button.waitFor();
    assert.deepEqual(context.seen.console, [], "a first visit logs nothing");
    await decide(await opened(context, () => button.click()));
    const isListed = async () => {
      await page.getByText("ann@example.com").waitFor();
      await page.locator("li", { hasText: /^\S.*: \S/ }).nth(24).waitFor();
    };
    await isListed();
    await page.reload();
    await isListed();
  });
}

test("sign-out everywhere ends the session of another browser; disconnect ends the grant", async (t) => {
  const [here, there] = [await visitor(t), await visitor(t)];
  const [page, other] = [await open(here, PLAIN), await open(there, PLAIN)];
  await connect(here, page);
  await connect(there, other);
  await click(page, "sign-out-everywhere");
  await shows(page, "connection", /^signed_out /);
  await other.reload();
  await shows(other, "connection", /^signed_out /);
  await connect(there, other);
  await click(other, "disconnect");
  await shows(other, "connection", /^signed_out /);
  await other.reload();
  await shows(other, "connection", /^signed_out /);
});

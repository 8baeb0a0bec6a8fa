// Signing in from any site, in every way, whatever Google's and the application's
// Cross-Origin-Opener-Policy cut.

import assert from "node:assert/strict";
import { test } from "node:test";

import { click, closed, connect, decide, open, opened, setUp, shows, visitor } from "./chromium.mjs";
import { OTHER_SITE, SAME_SITE, THIRD_SITE, google } from "./environment.mjs";

const SITES = { "the API's site": SAME_SITE, "another site": OTHER_SITE };
const GOOGLES = {
  "no policy": {},
  "same-origin, report only": { opener_policy: "report_only" },
  "same-origin": { opener_policy: "same_origin" },
};
const APPLICATIONS = { "no policy": "/plain", "same-origin": "/isolated" };
const CONNECTED = "connected ann@example.com";
const frameOf = (address) => `${THIRD_SITE}/frame?${new URLSearchParams({ address })}`;

setUp();

async function list(page) {
  await click(page, "list");
  await shows(page, "listed", /^.+\n.+\n.+$/);
}

const WAYS = {
  async redirect({ context, address }) {
    const page = await open(context, `${address}?mode=redirect&kept=1#part`);
    await shows(page, "connection", "signed_out not_signed_in");
    assert.deepEqual(context.seen.console, [], "a first visit logs nothing");
    await click(page, "connect");
    await decide(page);
    await shows(page, "connection", CONNECTED);
    await shows(page, "finished", "connected");
    assert.equal(page.url(), `${address}?mode=redirect&kept=1#part`);
    await list(page);
    // The cookie outlives the page.
    await page.reload();
    await shows(page, "connection", CONNECTED);
    await shows(page, "finished", "none");
  },

  async popup({ context, address }) {
    const page = await open(context, address);
    const popup = await opened(context, () => click(page, "connect"));
    await decide(popup);
    await shows(page, "connection", CONNECTED);
    await closed(popup);
    assert.equal(page.url(), address);
    await list(page);
    await page.reload();
    await shows(page, "connection", CONNECTED);
  },

  async frame({ context, address, isCut }) {
    const portal = await open(context, frameOf(address));
    const frame = portal.frameLocator("iframe");
    const popup = await opened(context, () => click(frame, "connect"));
    if (!isCut) {
      await decide(popup);
      await shows(frame, "connection", CONNECTED);
      await closed(popup);
      await list(frame);
      return;
    }
    // Nothing that the popup does can reach the frame, which lives in another partition. It says
    // so, and offers a tab of its own.
    await decide(popup);
    await shows(popup, "finished", "unclaimed unclaimed");
    await shows(frame, "error", "PopupClosed popup_closed embedded");
    const tab = await opened(context, () => click(frame, "new-tab"));
    await connect(context, tab);
    await list(tab);
    await shows(frame, "connection", "signed_out not_signed_in");
  },
};

test("the browser keeps no third-party cookie and parts the storage of an embedded site", async (t) => {
  const context = await visitor(t);
  const portal = await open(context, frameOf(`${SAME_SITE}/cookie`));
  await portal.reload();
  const frame = portal.frames()[1];
  assert.equal(await frame.locator("body").textContent(), "none");
  await frame.evaluate(() => localStorage.setItem("here", "1"));
  const page = await open(context, `${SAME_SITE}/cookie`);
  assert.equal(await page.locator("body").textContent(), "none");
  assert.equal(await page.evaluate(() => localStorage.getItem("here")), null);
  await page.reload();
  assert.equal(await page.locator("body").textContent(), "any-site=1");
});

for (const [way, signIn] of Object.entries(WAYS)) {
  for (const [site, origin] of Object.entries(SITES)) {
    for (const [googles, switches] of Object.entries(GOOGLES)) {
      for (const [applications, path] of Object.entries(APPLICATIONS)) {
        const policies = `opener policy of Google: ${googles}, of the application: ${applications}`;
        test(`${way} on ${site}; ${policies}`, async (t) => {
          const context = await visitor(t);
          await google("switches", switches);
          // The page that embeds the application decides in its place, but the popup is a page of
          // the application again.
          const isCut = googles === "same-origin" || applications === "same-origin";
          await signIn({ context, address: `${origin}${path}`, isCut });
        });
      }
    }
  }
}

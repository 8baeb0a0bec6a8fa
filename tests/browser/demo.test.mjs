// The demo in each of its states: axe finds nothing, nothing violates the page's policy, and
// target/browser/ has a picture of it at three widths, light and dark.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { click, decide, open, opened, setUp, visitor } from "./chromium.mjs";
import { DEMO, google } from "./environment.mjs";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PICTURES = fileURLToPath(new URL("../../target/browser/", import.meta.url));
const WIDTHS = [1280, 768, 320];
const SCHEMES = ["light", "dark"];
const ROWS = "#messages li:not(.skeleton)";

setUp();
await mkdir(PICTURES, { recursive: true });

const notice = (page, text) => page.locator("#notice", { hasText: text }).waitFor();

async function connect(page, account = "ann@example.com") {
  await decide(await opened(page.context(), () => click(page, "connect")), { account });
  await page.locator("#mail").waitFor();
}

async function mailbox(page) {
  await connect(page);
  await page.locator(ROWS).nth(24).waitFor();
}

async function search(page, text) {
  await page.locator("#search").fill(text);
}

/** How each state is reached, from a first visit. */
const STATES = {
  welcome: (page) => page.locator("#welcome").waitFor(),
  async "welcome after a refusal"(page) {
    await decide(await opened(page.context(), () => click(page, "connect")), { decision: "deny" });
    await notice(page, "not connected");
  },
  mailbox,
  async skeletons(page) {
    await google("failures", { endpoint: "messages_list", failure: { slow: 6000 } });
    await connect(page);
    await page.locator("#messages .skeleton").first().waitFor();
  },
  async "empty mailbox"(page) {
    await connect(page, "dora@example.com");
    await page.locator("#empty").waitFor();
  },
  async "no match"(page) {
    await mailbox(page);
    await search(page, "subject:nothing-is-called-this");
    await page.locator("#empty").waitFor();
  },
  async error(page) {
    await mailbox(page);
    await google("failures", { endpoint: "messages_list", failure: { status: 503 } });
    await search(page, "is:unread");
    await notice(page, "could not be read");
  },
  async offline(page) {
    await mailbox(page);
    await page.context().setOffline(true);
    await notice(page, "You are offline");
  },
  async reconnect(page) {
    await mailbox(page);
    await google("revoke", { account: "ann@example.com" });
    await search(page, "is:unread");
    await notice(page, "Reconnect ann@example.com");
  },
  async message(page) {
    await mailbox(page);
    await page.locator(`${ROWS} button`).first().click();
    await page.locator("#message-text:not(:empty)").waitFor();
  },
  async "account menu"(page) {
    await mailbox(page);
    await click(page, "account");
    await page.locator("#sign-out").waitFor();
  },
  async "disconnect, asked"(page) {
    await mailbox(page);
    await click(page, "account");
    await click(page, "open-disconnect");
    await page.locator("#confirm-disconnect").waitFor();
  },
};

async function inspect(page, name) {
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      await page.screenshot({ path: `${PICTURES}${name.replace(/\W+/g, "-")}-${width}-${colorScheme}.png` });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `at ${width} pixels the page is ${overflow} pixels too wide`);
      const found = await page.evaluate(`${AXE}; axe.run()`);
      const violations = found.violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]);
      assert.deepEqual(violations, [], `${width} ${colorScheme}`);
    }
  }
}

for (const [name, reach] of Object.entries(STATES)) {
  test(`demo: ${name}`, async (t) => {
    const context = await visitor(t, { viewport: { width: 1280, height: 900 } });
    const page = await open(context, DEMO);
    await page.locator("#welcome").waitFor();
    assert.deepEqual(context.seen.console, [], "a first visit logs nothing");
    await reach(page);
    await inspect(page, name);
  });
}

test("demo: loading more keeps focus and position, by keyboard and by mouse", async (t) => {
  const context = await visitor(t, { viewport: { width: 1280, height: 900 } });
  const page = await open(context, DEMO);
  await mailbox(page);
  const more = page.locator("#more");
  for (const press of [() => more.press("Enter"), () => more.click()]) {
    await more.scrollIntoViewIfNeeded();
    await more.focus();
    const [before, top] = [await page.locator(ROWS).count(), await page.evaluate(() => scrollY)];
    assert.ok(top > 0);
    await press();
    await page.locator(ROWS).nth(before).waitFor();
    assert.equal(await page.evaluate(() => scrollY), top);
    assert.equal(await page.evaluate(() => document.activeElement.id), "more");
  }
});

test("demo: reconnecting keeps the search and the address", async (t) => {
  const context = await visitor(t);
  const page = await open(context, DEMO);
  await STATES.reconnect(page);
  const address = page.url();
  assert.match(address, /q=is/);
  const popup = await opened(context, () => click(page, "notice-action"));
  await decide(popup);
  await page.locator("#notice").waitFor({ state: "hidden" });
  await page.locator(ROWS).first().waitFor();
  assert.equal(page.url(), address);
  assert.equal(await page.locator("#search").inputValue(), "is:unread");
});

test("demo: sign-out and disconnect lead back to the welcome", async (t) => {
  const context = await visitor(t);
  const page = await open(context, DEMO);
  await mailbox(page);
  await click(page, "account");
  await click(page, "sign-out");
  await page.locator("#welcome").waitFor();
  await STATES["disconnect, asked"](page);
  await click(page, "confirm-disconnect");
  await notice(page, "The mailbox is disconnected");
  await page.locator("#welcome").waitFor();
});

test("demo: after a failed search there is no more to load, until it is tried again", async (t) => {
  const context = await visitor(t);
  const page = await open(context, DEMO);
  await STATES.error(page);
  await page.locator("#more").waitFor({ state: "hidden" });
  await google("clear");
  await click(page, "notice-action");
  await page.locator("#notice").waitFor({ state: "hidden" });
  await click(page, "more");
  await page.locator(ROWS).nth(49).waitFor();
  assert.equal(await page.locator(`${ROWS}:has(.unread)`).count(), await page.locator(ROWS).count());
});

test("demo: a click on the blank space of a short message leaves it open", async (t) => {
  const context = await visitor(t, { viewport: { width: 320, height: 700 } });
  const page = await open(context, DEMO);
  await mailbox(page);
  await page.locator(ROWS).first().click();
  await page.locator("#message-text", { hasText: /\w/ }).waitFor();
  await page.mouse.click(160, 680);
  assert.ok(await page.locator("#message").isVisible());
  await click(page, "close-message");
  await page.locator("#message").waitFor({ state: "hidden" });
});

test("demo: signing out on all devices takes the mail off the others", async (t) => {
  const [here, there] = [await open(await visitor(t), DEMO), await open(await visitor(t), DEMO)];
  for (const page of [here, there]) await mailbox(page);
  await click(here, "account");
  await click(here, "sign-out-everywhere");
  await here.locator("#welcome").waitFor();
  await search(there, "is:unread");
  await there.locator("#notice-action").waitFor();
  assert.equal(await there.locator(ROWS).count(), 0);
});

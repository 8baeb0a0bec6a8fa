// Debian's Chromium as a person has it: third-party cookies blocked, storage partitioned, popups
// blocked. Each test gets a fresh profile; one Chromium serves all tests of a file.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { setTimeout } from "node:timers/promises";

import { chromium } from "playwright-core";

import { serveApplications } from "./application.mjs";
import { google } from "./environment.mjs";

/**
 * Playwright's own arguments turn off what these tests are about: storage partitioning, the popup
 * blocker... So these are all. Contexts are incognito profiles, in which Chromium blocks
 * third-party cookies by default; the first test sees that it does.
 */
const ARGUMENTS = [
  "--headless=new",
  "--no-sandbox",
  "--remote-debugging-pipe",
  "--no-first-run",
  "--disable-background-networking",
];
/** Milliseconds within which everything happens, on a busy machine too. */
const WAIT = 15_000;

let browser;

/** Starts Chromium and the applications before the tests of a file, and stops them after. */
export function setUp() {
  let folder;
  let server;
  before(async () => {
    server = await serveApplications();
    folder = await mkdtemp(join(tmpdir(), "postern-browser-"));
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      ignoreDefaultArgs: true,
      args: [...ARGUMENTS, `--user-data-dir=${folder}`],
    });
  });
  after(async () => {
    await browser?.close();
    server?.close();
    server?.closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  });
}

/**
 * A person with a browser of their own, and Google as usual. `seen` has the errors in the console
 * and the requests that redeem a code. When the test ends, no page may have violated its
 * Content-Security-Policy or thrown an error.
 */
export async function visitor(t, options = {}) {
  await google("clear");
  const context = await browser.newContext(options);
  context.setDefaultTimeout(WAIT);
  const seen = { console: [], redemptions: [] };
  const faults = [];
  context.on("weberror", (fault) => faults.push(String(fault.error())));
  context.on("console", (message) => {
    if (message.type() !== "error") return;
    seen.console.push(message.text());
    if (/Content.Security.Policy/i.test(message.text())) faults.push(message.text());
  });
  context.on("request", (request) => {
    if (request.url().endsWith("/auth/token")) seen.redemptions.push(request.url());
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(faults, []);
  });
  return Object.assign(context, { seen });
}

/** Opens a page. */
export async function open(context, address) {
  const page = await context.newPage();
  await page.goto(address);
  return page;
}

/** The page that a click opens. */
export async function opened(context, click) {
  const [page] = await Promise.all([context.waitForEvent("page"), click()]);
  return page;
}

/** What the person does on Google's consent page. */
export async function decide(page, { decision = "allow", account = "ann@example.com", untick = [] } = {}) {
  await page.locator(`input[name=account][value="${account}"]`).check();
  for (const scope of untick) await page.locator(`input[name=scope][value$="${scope}"]`).uncheck();
  // A popup may close itself before the click has ended.
  await click(page, decision).catch((error) => {
    if (!page.isClosed()) throw error;
  });
}

/** Waits until a popup has closed itself. */
export async function closed(popup) {
  if (!popup.isClosed()) await popup.waitForEvent("close");
}

/** Clicks on the element with this id, in a page or frame. */
export const click = (page, id) => page.locator(`#${id}`).click();

/** Connects by popup, on a page of the test application. */
export async function connect(context, page, account = "ann@example.com") {
  await decide(await opened(context, () => click(page, "connect")), { account });
  await shows(page, "connection", `connected ${account}`);
}

/** Waits until the element with this id has this text, in a page or frame. */
export async function shows(page, id, expected) {
  const element = page.locator(`#${id}`);
  const deadline = Date.now() + WAIT;
  let text;
  do {
    text = await element.textContent();
    if (matches(text, expected)) return;
    await setTimeout(50);
  } while (Date.now() < deadline);
  assert.fail(`#${id} shows ${JSON.stringify(text)}, not ${expected}`);
}

function matches(text, expected) {
  if (typeof expected === "function") return expected(text);
  return expected instanceof RegExp ? expected.test(text) : text === expected;
}

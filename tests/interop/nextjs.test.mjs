// The example with Next.js, built and started as in production, and visited without a browser.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { Browser } from "./browser.mjs";

const { POSTERN_API } = process.env;
const EXAMPLE = fileURLToPath(new URL("../../web/examples/nextjs", import.meta.url));

let application, server;

before(async () => {
  const port = await freePort();
  application = `http://localhost:${port}`;
  const command = ["node_modules/next/dist/bin/next", "start", "--hostname", "127.0.0.1", "--port", port];
  const env = { ...process.env, APPLICATION_URL: application, NEXT_TELEMETRY_DISABLED: "1" };
  server = spawn(process.execPath, command, { cwd: EXAMPLE, env, stdio: ["ignore", "ignore", "inherit"] });
  for (let tries = 0; tries < 200; tries += 1) {
    if (await fetch(application).catch(() => undefined)) return;
    await setTimeout(100);
  }
  throw new Error("next start does not answer");
});

after(() => server.kill());

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return String(port);
}

/** The page at an address of the application, as text. */
const read = async (browser, path) => (await browser.send(application + path)).text();

test("the server signs the user in, keeps the token from the page, and lists the messages", async () => {
  const browser = new Browser();
  assert.match(await read(browser, "/"), /Connect Gmail/);

  const back = await browser.travel(`${application}/api/auth/start`, `${application}/api/auth/callback`);
  const answer = await browser.send(back);
  assert.equal(answer.headers.get("location"), `${application}/`);
  const session = answer.headers.getSetCookie().find((cookie) => cookie.startsWith("session="));
  assert.match(session, /HttpOnly/i);
  const [, token] = /^session=([^;]+)/.exec(session);

  const inbox = await read(browser, "/");
  assert.ok(inbox.includes("ann@example.com"), "the page does not say whose mailbox it is");
  assert.ok(/<li>[^<]+: [^<]+<\/li>/.test(inbox), "the page does not list the messages");
  assert.ok(!inbox.includes(token), "the page has the token");

  const signedOut = await browser.send(`${application}/api/auth/sign-out`, { method: "POST" });
  assert.equal(signedOut.status, 303);
  assert.match(await read(browser, "/"), /Connect Gmail/);
  const again = await fetch(`${POSTERN_API}/messages`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(again.status, 401);
});

test("a code that another browser asked for signs nobody in", async () => {
  const back = await new Browser().travel(`${application}/api/auth/start`, `${application}/api/auth/callback`);
  const victim = new Browser();
  const answer = await victim.send(back);
  assert.equal(answer.headers.get("location"), `${application}/?problem=state_mismatch`);
  assert.match(await read(victim, "/?problem=state_mismatch"), /did not begin in this browser/);
});

// Codes in the wrong hands: stolen, replayed, too old, planted, or asked for by someone else.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";

import { connect, decide, open, setUp, shows, visitor } from "./chromium.mjs";
import { API, OTHER_SITE, SAME_SITE, THIRD_SITE, ageCodes } from "./environment.mjs";

const BLANK = `${OTHER_SITE}/blank`;
const PLAIN = `${OTHER_SITE}/plain`;
const random = () => randomBytes(32).toString("base64url");
const challengeOf = (verifier) => createHash("sha256").update(verifier).digest("base64url");

setUp();

const startUrl = (verifier, more) =>
  `${API}/auth/start?${new URLSearchParams({
    response_type: "code",
    client_id: "test",
    redirect_uri: BLANK,
    state: "of-the-test",
    code_challenge: challengeOf(verifier),
    code_challenge_method: "S256",
    ...more,
  })}`;

/** Signs in as a client of the test's own; gives the right fields for the redemption. */
async function obtain(page) {
  const verifier = random();
  await page.goto(startUrl(verifier));
  await decide(page);
  await page.waitForURL(`${BLANK}?*`);
  const answer = new URL(page.url()).searchParams;
  assert.deepEqual([answer.get("state"), answer.get("iss")], ["of-the-test", API]);
  return {
    grant_type: "authorization_code",
    code: answer.get("code"),
    code_verifier: verifier,
    redirect_uri: BLANK,
    client_id: "test",
  };
}

/** Sends a redemption from a page; status 0 means that the page may not read the answer. */
const redeem = (page, fields) =>
  page.evaluate(
    async ([address, fields]) => {
      const body = new URLSearchParams(fields);
      const options = { method: "POST", body, credentials: "include" };
      const answer = await fetch(address, options).catch(() => undefined);
      return answer ? { status: answer.status, ...(await answer.json()) } : { status: 0 };
    },
    [`${API}/auth/token`, fields],
  );

const statusOf = (page) =>
  page.evaluate(async (address) => {
    const answer = await fetch(address, { credentials: "include" });
    return (await answer.json()).status;
  }, `${API}/connection`);

const WRONG = {
  "another verifier": { code_verifier: random() },
  "another client": { client_id: "other" },
  "another redirect_uri": { redirect_uri: PLAIN },
  "another code": { code: random() },
};
for (const [name, wrong] of Object.entries(WRONG)) {
  test(`${name}: refused, and the code still works for its own client`, async (t) => {
    const context = await visitor(t);
    const page = await context.newPage();
    const right = await obtain(page);
    const { status, error, code } = await redeem(page, { ...right, ...wrong });
    assert.deepEqual({ status, error, code }, { status: 400, error: "invalid_grant", code: "invalid_grant" });
    assert.equal((await redeem(page, right)).status, 200);
  });
}

test("a page of an origin that is not listed: it reads no answer, and the code is not used up", async (t) => {
  const context = await visitor(t);
  const page = await context.newPage();
  const right = await obtain(page);
  const stranger = await open(context, `${THIRD_SITE}/blank`);
  assert.equal((await redeem(stranger, right)).status, 0);
  assert.equal((await redeem(page, right)).status, 200);
});

test("a redirect_uri of an origin that is not listed: the browser stays at a page of the API", async (t) => {
  const context = await visitor(t);
  const page = await open(context, startUrl(random(), { redirect_uri: `${THIRD_SITE}/blank` }));
  assert.equal(new URL(page.url()).origin, API);
  await page.getByText("redirect", { exact: false }).first().waitFor();
});

test("a replayed code is refused and ends the session that it began", async (t) => {
  const context = await visitor(t);
  const page = await context.newPage();
  const fields = { ...(await obtain(page)), session: "cookie" };
  const { access_token: token, user } = await redeem(page, fields);
  assert.deepEqual([token, user.email, await statusOf(page)], [undefined, "ann@example.com", "connected"]);
  assert.equal((await redeem(page, fields)).error, "invalid_grant");
  assert.equal(await statusOf(page), "signed_out");
});

for (const [seconds, status] of [[50, 200], [61, 400]]) {
  test(`a code after ${seconds} seconds: ${status}`, async (t) => {
    const context = await visitor(t);
    const page = await context.newPage();
    const right = await obtain(page);
    await ageCodes(seconds);
    assert.equal((await redeem(page, right)).status, status);
  });
}

test("the session cookie of one site is worth nothing in another site's partition", async (t) => {
  const context = await visitor(t);
  const page = await context.newPage();
  assert.equal((await redeem(page, { ...(await obtain(page)), session: "cookie" })).status, 200);
  const [cookie] = (await context.cookies(API)).filter(({ name }) => name === "__Host-session-p");
  assert.deepEqual([cookie.httpOnly, cookie.secure, cookie.sameSite], [true, true, "None"]);
  assert.equal(await statusOf(await open(context, `${SAME_SITE}/blank`)), "signed_out");
});

/** Opens the address in a browser with a victim's page beside it; nothing may be redeemed. */
async function isIgnored(t, arrive) {
  const context = await visitor(t);
  const page = await open(context, PLAIN);
  await shows(page, "connection", "signed_out not_signed_in");
  const victim = await context.newPage();
  await arrive(victim);
  await shows(victim, "finished", "unclaimed unclaimed");
  await shows(victim, "connection", "signed_out not_signed_in");
  assert.equal(victim.url(), PLAIN, "the code is gone from the address");
  await shows(page, "connection", "signed_out not_signed_in");
  assert.deepEqual(context.seen.redemptions, []);
  // The victim can still sign in.
  await connect(context, page);
}

test("a planted code is not redeemed", async (t) => {
  const attacker = await (await visitor(t)).newPage();
  const { code } = await obtain(attacker);
  await isIgnored(t, (page) =>
    page.goto(`${PLAIN}#${new URLSearchParams({ code, state: `postern:${random()}`, iss: API })}`));
});

test("an attacker's start link signs nobody in", async (t) => {
  await isIgnored(t, async (page) => {
    const theirs = { redirect_uri: PLAIN, state: `postern:${random()}`, response_mode: "fragment" };
    await page.goto(startUrl(random(), theirs));
    await decide(page);
  });
});

// The examples for back ends, as an application would run them: the environment has what a deployment
// has, and the addresses of the local stack in place of Amazon's and Google's.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { Browser } from "../interop/browser.mjs";

const { POSTERN_API, POSTERN_DYNAMODB, POSTERN_GOOGLE, POSTERN_LAMBDA, POSTERN_PAGE } = process.env;
const HERE = fileURLToPath(new URL("../..", import.meta.url));
const ENVIRONMENT = {
  ...process.env,
  AWS_REGION: "us-east-1",
  // boto3 reads the region only here. Lambda sets both.
  AWS_DEFAULT_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: "a-key",
  AWS_SECRET_ACCESS_KEY: "a-secret",
  AWS_ENDPOINT_URL_LAMBDA: POSTERN_LAMBDA,
  GMAIL_ENDPOINT: POSTERN_GOOGLE,
  // They would come after the error of an example.
  NODE_NO_WARNINGS: "1",
  POSTERN_FUNCTION: "access-token",
  APP_ORIGIN: POSTERN_PAGE,
};
const EXAMPLES = {
  Python: ["python3", "examples/back-ends/python/app.py"],
  "Node.js": [process.execPath, "examples/back-ends/node/app.js"],
  Go: ["target/back-ends/go"],
  Rust: ["target/debug/back-end"],
};
// What an EventBridge rule calls, without this file's environment. The others are programs of their own.
const HANDLERS = {
  Python: [
    "python3",
    ["-c", "import event, json, sys; event.handler(json.load(sys.stdin), None)"],
    "examples/back-ends/python",
  ],
  "Node.js": [
    process.execPath,
    ["--input-type=module", "-e", 'import { handler } from "./event.js"; handler(JSON.parse(process.env.EVENT))'],
    "examples/back-ends/node",
  ],
  Go: ["target/back-ends/go", ["event"], "."],
  Rust: ["target/debug/back-end", ["event"], "."],
};
// Each event, as the document shows it. Another test compares these with the schemas.
const EVENTS = readFileSync(`${HERE}/docs/events.md`, "utf8")
  .split("```json\n")
  .map((rest) => rest.split("```")[0])
  .filter((block) => block.includes('"detail": {'));

/** Runs an example, and returns what it prints: on standard output, or as its error. */
async function run([program, ...first], command, { input = "", ...environment } = {}) {
  const env = { ...ENVIRONMENT, ...environment };
  const child = spawn(program, [...first, ...command], { cwd: HERE, env, stdio: "pipe" });
  child.stdin.end(input);
  const ended = new Promise((resolve) => child.on("close", resolve));
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return code === 0 ? { said: output.trim() } : { refused: errors.trim().split("\n").at(-1) };
}

/** Runs the handler of an event as it is deployed: without a variable of the other commands. */
async function handle([program, first, directory], input) {
  const env = { PATH: process.env.PATH, PYTHONDONTWRITEBYTECODE: "1", EVENT: input };
  const path = program.startsWith("target/") ? HERE + program : program;
  const child = spawn(path, first, { cwd: HERE + directory, env, stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.on("error", () => {}).end(input);
  return (await text(child.stdout)).trim();
}

/** Sets something at the fake Google. */
async function control(action, fields = {}) {
  const answer = await fetch(`${POSTERN_GOOGLE}/control/${action}`, { method: "POST", body: JSON.stringify(fields) });
  assert.ok(answer.ok, await answer.text());
}

/** Signs in, and waits until the token of this sign-in is past its end for Postern. */
async function signInForMoments(browser) {
  await control("switches", { access_token_lifetime: 62 });
  await browser.travel(`${POSTERN_API}/auth/start`, `${POSTERN_PAGE}/`);
  await control("switches", { access_token_lifetime: 3599 });
  await setTimeout(3000);
}

/** Makes the stored tokens older than a minute, so that a refused one is replaced. */
async function ageTokens() {
  const TableName = "CredentialsTable";
  const { Items } = await dynamodb("Scan", { TableName });
  for (const Item of Items) {
    const obtained = Item.access_token_obtained_at;
    if (obtained) obtained.N = `${obtained.N - 61}`;
    await dynamodb("PutItem", { TableName, Item });
  }
}

async function dynamodb(operation, request) {
  const headers = {
    // The local DynamoDB wants a signature, but does not check it.
    authorization: "AWS4-HMAC-SHA256 Credential=test, SignedHeaders=host, Signature=test",
    "x-amz-date": "20260101T000000Z",
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": `DynamoDB_20120810.${operation}`,
  };
  const answer = await fetch(POSTERN_DYNAMODB, { method: "POST", headers, body: JSON.stringify(request) });
  assert.ok(answer.ok, await answer.clone().text());
  return answer.json();
}

/** What `access-token` answers. */
async function invoke(question) {
  const url = `${POSTERN_LAMBDA}/2015-03-31/functions/access-token/invocations`;
  return (await fetch(url, { method: "POST", body: JSON.stringify(question) })).json();
}

/** A call of the page at `origin`, with the user's session. */
async function ask(browser, path, origin = POSTERN_PAGE) {
  const answer = await browser.send(POSTERN_API + path, { headers: { origin } });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

const receipt = async (browser) => (await ask(browser, "/connection")).receipt;

for (const [language, program] of Object.entries(EXAMPLES)) {
  describe(language, () => {
    let browser, user;

    before(async () => {
      await control("reset");
      browser = new Browser();
      await browser.travel(`${POSTERN_API}/auth/start`, `${POSTERN_PAGE}/`);
      ({ user } = await ask(browser, "/connection"));
    });

    test("a receipt of the page says whose mailbox it is, once", async () => {
      const trade = ["trade", await receipt(browser)];
      assert.deepEqual(await run(program, trade), { said: `${user.id} is ann@example.com` });
      assert.match((await run(program, trade)).refused, /^invalid_receipt: /);
    });

    test("a receipt of another front end is refused", async () => {
      const trade = ["trade", await receipt(browser)];
      const { refused } = await run(program, trade, { APP_ORIGIN: "https://app.example.com" });
      assert.equal(refused, `refused: the receipt is for ${POSTERN_PAGE}`);
    });

    test("a receipt that no page asked for is refused", async () => {
      const headers = { "sec-fetch-site": "none" };
      const { receipt } = await (await browser.send(`${POSTERN_API}/connection`, { headers })).json();
      assert.match((await run(program, ["trade", receipt])).refused, /^refused: the receipt is for (None|null|no page)$/);
    });

    test("it does not start without the origin of its page", async () => {
      for (const APP_ORIGIN of [undefined, ""]) {
        const { refused } = await run(program, ["trade", "a receipt"], { APP_ORIGIN });
        assert.equal(refused.replace("Error: ", ""), "set APP_ORIGIN to the origin of your page");
      }
    });

    test("a token whose end Google does not say serves for a run", async () => {
      // Gmail knows this token; Postern has to get another, which says no end.
      const { access_token } = await invoke({ user_id: user.id });
      await signInForMoments(browser);
      const body = JSON.stringify({ access_token, token_type: "Bearer" });
      const answer = { status: 200, headers: [["content-type", "application/json"]], body };
      await control("failures", { endpoint: "token", failure: { answer } });
      assert.equal((await invoke({ user_id: user.id })).expires_at, null);
      const { said } = await run(program, ["unread", user.id]);
      await control("clear");
      assert.equal(said?.split("\n").length, 3);
    });

    test("unread messages are listed while the user is away", async () => {
      const query = "format=metadata&q=is:unread&maxResults=3";
      const { messages } = await ask(browser, `/messages?${query}`);
      const { said } = await run(program, ["unread", user.id]);
      assert.deepEqual(said.split("\n"), messages.map(({ subject }) => subject || "(no subject)"));
      assert.equal(messages.length, 3);
    });

    test("while Google is down, it says when to try again, and then it works", async () => {
      await ageTokens();
      await control("expire", { account: "ann@example.com" });
      await control("failures", { endpoint: "token", failure: { status: 503 } });
      const { refused } = await run(program, ["unread", user.id]);
      await control("clear");
      const [, seconds] = /^try again in ([1-9]) s: upstream_unavailable$/.exec(refused) ?? assert.fail(refused);
      await setTimeout(seconds * 1000);
      assert.ok((await run(program, ["unread", user.id])).said);
    });

    test("a grant that the user took back gives the reason, and where to connect again", async () => {
      await ageTokens();
      await control("revoke", { account: "ann@example.com" });
      const { refused } = await run(program, ["unread", user.id]);
      assert.equal(refused, `connect Gmail again (revoked_or_expired): ${POSTERN_API}/auth/start`);
    });

    test("a user who never connected gets the same link", async () => {
      const { refused } = await run(program, ["unread", "1234567890"]);
      assert.equal(refused, `connect Gmail again (not_connected): ${POSTERN_API}/auth/start`);
    });

    test("each event is understood", async () => {
      const said = {};
      for (const input of EVENTS) {
        const event = JSON.parse(input);
        const answer = await handle(HANDLERS[language], input);
        said[event["detail-type"]] = answer.replace(event.detail.user.id, "ID");
      }
      assert.deepEqual(said, {
        "Gmail Connected": "start the jobs of ID",
        "Gmail Reconnected": "start the jobs of ID",
        "Gmail Lapsed": "pause the jobs of ID and ask them to connect again: revoked_or_expired",
        "Gmail Scopes Changed": "",
        "Gmail Grant Ends Soon": "ask ID to connect again: the grant ends soon",
        "Gmail Disconnected": "delete what you keep of the mailbox of ID",
      });
    });
  });
}

// The canary of infra/objectives.yaml: it is content with this API, and with nothing less. It runs as
// Synthetics would run it, as a process with an environment.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";

const { POSTERN_API, POSTERN_GOOGLE } = process.env;
const GOOGLE = new URL(POSTERN_GOOGLE).origin;
const CLIENT = "1-x.apps.googleusercontent.com";

/** The script as the template has it: the lines below `Script: |` that are indented further. */
function script() {
  const lines = readFileSync(new URL("../../infra/objectives.yaml", import.meta.url), "utf8").split("\n");
  const first = lines.findIndex((line) => line.trim() === "Script: |") + 1;
  const indent = lines[first].search(/\S/);
  const end = lines.findIndex((line, at) => at > first && line !== "" && line.search(/\S/) < indent);
  return lines.slice(first, end).map((line) => line.slice(indent)).join("\n");
}

/** Runs it. Gives what it returns or throws, as one text. */
function run(environment) {
  const end = 'exports.handler().then((text) => console.log("good:", text), ({ message }) => console.log("bad:", message));';
  const env = { GOOGLE_SIGN_IN: GOOGLE, ...environment };
  return new Promise((resolve) => {
    const options = { env, encoding: "utf8" };
    execFile(process.execPath, ["--input-type=commonjs", "-e", `${script()}\n${end}`], options, (_, out, problems) => {
      resolve((out + problems).trim());
    });
  });
}

/** An API that answers as Postern does, but for what `changes` says. Gives what the canary says. */
async function against(changes, environment = {}) {
  const server = createServer((request, response) => {
    const path = request.url.split("?")[0];
    const api = `http://127.0.0.1:${server.address().port}`;
    const asked = { client_id: CLIENT, redirect_uri: `${api}/oauth/callback`, state: "s", code_challenge_method: "S256" };
    const answers = {
      "/messages": { status: 401, body: { code: "unauthenticated", authorization_url: "u" } },
      "/auth/start": { status: 302, to: GOOGLE, asked, cookie: "__Host-flow-abcdef=x; Secure" },
      "/oauth/callback": { status: 400, body: { code: "state_missing" } },
    };
    const { status, body, to, asked: query, cookie } = { ...answers[path], ...changes[path] };
    if (to) response.setHeader("location", `${to}/o/oauth2/v2/auth?${new URLSearchParams({ ...query, ...changes.asked })}`);
    if (cookie) response.setHeader("set-cookie", cookie);
    response.writeHead(status).end(JSON.stringify(body ?? {}));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const said = await run({ POSTERN_API: `http://127.0.0.1:${server.address().port}`, ...environment });
  await new Promise((resolve) => server.close(resolve));
  return said;
}

test("the canary is content with the API as it is, and with its client", async () => {
  const start = await fetch(`${POSTERN_API}/auth/start`, { redirect: "manual" });
  const client = new URL(start.headers.get("location")).searchParams.get("client_id");
  assert.equal(await run({ POSTERN_API }), "good: all as it should be");
  assert.equal(await run({ POSTERN_API, GOOGLE_CLIENT_ID: client }), "good: all as it should be");
  const other = await run({ POSTERN_API, GOOGLE_CLIENT_ID: CLIENT });
  assert.equal(other, `bad: GET /auth/start: another client: ${client}`);
});

test("the canary says which answer is not as it should be", async () => {
  assert.equal(await against({}), "good: all as it should be");
  assert.equal(await against({}, { GOOGLE_CLIENT_ID: CLIENT }), "good: all as it should be");
  const broken = { status: 503, body: { code: "config_error" }, to: undefined, cookie: undefined };
  assert.equal(
    await against({ "/messages": broken, "/auth/start": broken, "/oauth/callback": broken }),
    "bad: GET /messages: 503 config_error; GET /auth/start: 503 config_error; GET /oauth/callback: 503 config_error",
  );
  for (const [changes, said] of [
    [{ "/messages": { status: 200 } }, "GET /messages: 200 unauthenticated"],
    [{ "/messages": { body: { message: "Unauthorized" } } }, "GET /messages: 401 undefined"],
    [{ "/messages": { body: { code: "unauthenticated" } } }, "GET /messages: 401 without authorization_url"],
    [{ "/auth/start": { to: "https://evil.example" } }, "GET /auth/start: a redirect to https://evil.example"],
    [{ asked: { redirect_uri: "https://old.example/oauth/callback" } }, "GET /auth/start: another redirect URI: https://old.example/oauth/callback"],
    [{ asked: { state: "" } }, "GET /auth/start: a sign-in without state or PKCE"],
    [{ asked: { code_challenge_method: "plain" } }, "GET /auth/start: a sign-in without state or PKCE"],
    [{ "/auth/start": { cookie: undefined } }, "GET /auth/start: no flow cookie"],
    [{ "/oauth/callback": { status: 303 } }, "GET /oauth/callback: 303 state_missing"],
    [{ "/oauth/callback": { body: { message: "Bad Request" } } }, "GET /oauth/callback: 400 undefined"],
  ]) {
    assert.equal(await against(changes), `bad: ${said}`);
  }
});

test("the canary says that nobody answers", async () => {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  const said = await run({ POSTERN_API: `http://127.0.0.1:${port}` });
  assert.match(said, /^bad: GET \/messages: ECONNREFUSED; GET \/auth\/start: ECONNREFUSED; /);
});

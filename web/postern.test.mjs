// Tests of postern.js, with a fetch and a sleep of their own: `node --test web/postern.test.mjs`.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

// Read as text, because no package.json tells Node that the .js files here are modules.
const source = await readFile(new URL("postern.js", import.meta.url), "utf8");
const { Postern, Problem } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

const PAGE = { messages: [{ id: "1", threadId: "1" }], resultSizeEstimate: 1 };
const ok = () => Response.json(PAGE);
/** API Gateway's own answer: no problem document. */
const gateway = (status, headers = {}) => () =>
  Response.json({ message: "Service Unavailable" }, { status, headers });
/** What `fetch` does in a browser with an answer without CORS headers. */
const unreadable = () => {
  throw new TypeError("Failed to fetch");
};
const problem = (status, code) => () =>
  new Response(JSON.stringify({ status, code, detail: "Because." }), {
    status,
    headers: { "content-type": "application/problem+json", "retry-after": "1" },
  });

/** A client whose requests get these answers, the last one repeatedly; with its calls and pauses. */
function client(...answers) {
  const calls = [];
  const pauses = [];
  const fetch = async (url, options) => {
    calls.push({ url, ...options });
    return answers[Math.min(calls.length, answers.length) - 1]();
  };
  const sleep = async (milliseconds) => {
    pauses.push(milliseconds);
  };
  return { postern: new Postern("https://api.example.com/", { fetch, sleep }), calls, pauses };
}

const isBetween = (pause, least, most) => assert.ok(pause >= least && pause <= most, `${pause}`);

for (const [what, refused] of [["a 429", gateway(429)], ["a 503", gateway(503)], ["no answer", unreadable]]) {
  test(`f71: after ${what}, a request is repeated, and again after a longer pause`, async () => {
    const { postern, calls, pauses } = client(refused, refused, ok);
    assert.deepEqual(await postern.messages({ q: "is:unread" }), PAGE);
    assert.equal(calls.length, 3);
    assert.ok(calls.every(({ url }) => url === "https://api.example.com/messages?q=is%3Aunread"));
    assert.ok(calls.every(({ credentials }) => credentials === "include"));
    isBetween(pauses[0], 500, 1000);
    isBetween(pauses[1], 1000, 2000);
  });
}

test("f71: a gateway that keeps refusing requests is asked three times and no more", async () => {
  const { postern, calls } = client(gateway(503));
  await assert.rejects(postern.messages(), (error) => error instanceof Problem && error.status === 503);
  assert.equal(calls.length, 3);
  const away = client(unreadable);
  await assert.rejects(away.postern.messages(), { name: "Problem", code: "unreachable", status: 0 });
  assert.equal(away.calls.length, 3);
});

test("f71: pauses differ, so that clients refused together do not return together", async () => {
  const { postern, pauses } = client(gateway(503));
  for (let count = 0; count < 10; count += 1) await postern.messages().catch(() => {});
  assert.equal(new Set(pauses).size, 20);
});

test("f71: Retry-After is waited for, as seconds or as a date, and a long one is reported", async () => {
  const seconds = client(gateway(429, { "retry-after": "7" }), ok);
  await seconds.postern.messages();
  assert.deepEqual(seconds.pauses, [7000]);
  const soon = new Date(Date.now() + 8000).toUTCString();
  const date = client(gateway(503, { "retry-after": soon }), ok);
  await date.postern.messages();
  isBetween(date.pauses[0], 6000, 8000);
  for (const header of ["", "-5", "soon", new Date(0).toUTCString()]) {
    const odd = client(gateway(503, { "retry-after": header }), ok);
    await odd.postern.messages();
    isBetween(odd.pauses[0], 500, 1000);
  }
  const long = client(gateway(429, { "retry-after": "3600" }), ok);
  await assert.rejects(long.postern.messages(), { status: 429 });
  assert.deepEqual([long.calls.length, long.pauses.length], [1, 0]);
});

test("f71: an answer of the API's own is never repeated", async () => {
  for (const [status, code] of [[401, "unauthenticated"], [429, "rate_limited"], [503, "storage_unavailable"]]) {
    const { postern, calls } = client(problem(status, code));
    await assert.rejects(postern.messages(), { name: "Problem", status, code, message: "Because." });
    assert.equal(calls.length, 1);
  }
  const { postern, calls } = client(gateway(500));
  await assert.rejects(postern.messages(), { status: 500 });
  assert.equal(calls.length, 1);
});

test("f71: a caller who gives up ends the pause", async () => {
  const abort = new AbortController();
  let calls = 0;
  const fetch = async () => {
    calls += 1;
    setTimeout(() => abort.abort(), 10);
    return gateway(503)();
  };
  const postern = new Postern("https://api.example.com", { fetch });
  await assert.rejects(postern.messages({ signal: abort.signal }), { name: "AbortError" });
  assert.equal(calls, 1);
});

test("a82: at the page's own origin a request has X-Requested-With, and elsewhere it has not", async () => {
  const headers = async (page) => {
    globalThis.location = page && new URL(page);
    const { postern, calls } = client(ok);
    await postern.messages();
    delete globalThis.location;
    return calls[0].headers;
  };
  assert.deepEqual(await headers("https://api.example.com/inbox"), { "X-Requested-With": "postern.js" });
  for (const page of ["https://app.example.com/", "https://api.example.com:8443/", undefined]) {
    assert.deepEqual(await headers(page), {});
  }
});

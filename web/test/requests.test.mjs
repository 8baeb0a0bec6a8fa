// Requests: what is sent, what is repeated, and what becomes of errors. In Node, without a page.

import assert from "node:assert/strict";
import { test } from "node:test";

import { PosternError, createPostern } from "../postern.js";
import { createServerClient } from "../server.js";
import { Api, problem } from "./api.mjs";

const PAGE = { messages: [{ id: "1", threadId: "1" }], resultSizeEstimate: 1 };
const ok = () => Response.json(PAGE);
/** API Gateway's own answer: no problem document. */
const gateway =
  (status, headers = {}) =>
  () =>
    Response.json({ message: "Service Unavailable" }, { status, headers });
/** What `fetch` does in a browser with an answer without CORS headers. */
const unreadable = () => {
  throw new TypeError("Failed to fetch");
};

/** A client whose requests get these answers, the last one repeatedly; with its calls and pauses. */
function client(context, ...answers) {
  const calls = [];
  const pauses = [];
  context.mock.method(globalThis, "fetch", async (url, options) => {
    calls.push({ url, ...options });
    return answers[Math.min(calls.length, answers.length) - 1]();
  });
  context.mock.method(globalThis, "setTimeout", (callback, pause) => {
    pauses.push(pause);
    setImmediate(callback);
  });
  const postern = createPostern({ base: "https://api.example.com/" });
  return { postern, read: () => postern.messages().first(), calls, pauses };
}

const isBetween = (pause, least, most) => assert.ok(pause >= least && pause <= most, `${pause}`);

for (const [what, refused] of [
  ["a 429", gateway(429)],
  ["a 503", gateway(503)],
  ["no answer", unreadable],
]) {
  test(`f71: after ${what}, a request is repeated, and again after a longer pause`, async (context) => {
    const { postern, calls, pauses } = client(context, refused, refused, ok);
    assert.deepEqual(await postern.messages({ q: "is:unread" }).first(), PAGE);
    assert.equal(calls.length, 3);
    assert.ok(
      calls.every(({ url }) => url === "https://api.example.com/messages?format=metadata&q=is%3Aunread"),
    );
    assert.ok(calls.every(({ credentials, cache }) => credentials === "include" && cache === "no-store"));
    isBetween(pauses[0], 500, 1000);
    isBetween(pauses[1], 1000, 2000);
  });
}

test("f71: a gateway that keeps refusing requests is asked three times and no more", async (context) => {
  const { read, calls } = client(context, gateway(503));
  await assert.rejects(read(), (error) => error instanceof PosternError && error.status === 503);
  assert.equal(calls.length, 3);
});

test("f71: an API that cannot be reached is asked three times and no more", async (context) => {
  const { read, calls } = client(context, unreadable);
  await assert.rejects(read(), { name: "PosternError", code: "unreachable", status: 0 });
  assert.equal(calls.length, 3);
});

test("f71: pauses differ, so that clients refused together do not return together", async (context) => {
  const { read, pauses } = client(context, gateway(503));
  for (let count = 0; count < 10; count += 1) await read().catch(() => {});
  assert.equal(new Set(pauses).size, 20);
});

for (const [header, least, most] of [
  ["7", 7000, 7000],
  [new Date(Date.now() + 8000).toUTCString(), 5000, 8000],
  ["", 500, 1000],
  ["-5", 500, 1000],
  ["soon", 500, 1000],
  [new Date(0).toUTCString(), 500, 1000],
]) {
  test(`f71: Retry-After is waited for, if it is usable: ${header || "(empty)"}`, async (context) => {
    const { read, pauses } = client(context, gateway(429, { "retry-after": header }), ok);
    await read();
    isBetween(pauses[0], least, most);
  });
}

test("f71: a long Retry-After is reported, not waited for", async (context) => {
  const { read, calls, pauses } = client(context, gateway(429, { "retry-after": "3600" }), ok);
  await assert.rejects(read(), { status: 429, retryAfter: 3600 });
  assert.deepEqual([calls.length, pauses.length], [1, 0]);
});

for (const [status, code] of [
  [400, "invalid_query"],
  [429, "rate_limited"],
  [503, "storage_unavailable"],
]) {
  test(`f71: an answer of the API's own is never repeated: ${code}`, async (context) => {
    const { read, calls } = client(context, () => problem(status, code));
    await assert.rejects(read(), { name: "PosternError", status, code, message: "Because.", retryAfter: 1 });
    assert.equal(calls.length, 1);
  });
}

test("f71: a 500 of the gateway is not repeated", async (context) => {
  const { read, calls } = client(context, gateway(500));
  await assert.rejects(read(), { status: 500 });
  assert.equal(calls.length, 1);
});

test("f71: a caller who gives up ends the pause", async (context) => {
  const abort = new AbortController();
  const { postern, calls } = client(context, () => {
    setImmediate(() => abort.abort());
    return gateway(503)();
  });
  context.mock.method(globalThis, "setTimeout", () => {});
  await assert.rejects(postern.messages({ signal: abort.signal }).first(), { name: "AbortError" });
  assert.equal(calls.length, 1);
});

test("a82: at the page's own origin a read has X-Requested-With, and elsewhere it has not", async (context) => {
  const { read, calls } = client(context, ok);
  context.after(() => delete globalThis.location);
  for (const [page, headers] of [
    ["https://api.example.com/inbox", { "X-Requested-With": "postern" }],
    ["https://app.example.com/", {}],
    ["https://api.example.com:8443/", {}],
    [undefined, {}],
  ]) {
    globalThis.location = page && new URL(page);
    await read();
    assert.deepEqual(calls.at(-1).headers, headers);
  }
});

test("a request that changes something has X-Requested-With, but not beside a token", async (context) => {
  const { postern, calls } = client(context, () => new Response(null, { status: 204 }));
  await postern.disconnect();
  assert.deepEqual([calls[0].method, calls[0].headers], ["DELETE", { "X-Requested-With": "postern" }]);
  await createServerClient({ base: "https://api.example.com", token: "v2.t" }).disconnect();
  assert.deepEqual(calls.at(-1).headers, { Authorization: "Bearer v2.t" });
  assert.equal(calls.at(-1).credentials, "omit");
});

test("a query sends what it has, and labels one by one", async (context) => {
  const { postern, calls } = client(context, ok);
  const query = {
    q: "",
    labelIds: ["INBOX", "UNREAD"],
    maxResults: 50,
    includeSpamTrash: true,
    format: "ids",
  };
  await postern.messages(query).first();
  const sent = new URL(calls[0].url).searchParams.toString();
  assert.equal(sent, "labelIds=INBOX&labelIds=UNREAD&format=ids&maxResults=50&includeSpamTrash=true");
});

test("messages are iterated page by page, as far as the caller reads", async (context) => {
  const api = new Api();
  api.sessions.add("v2.t");
  context.mock.method(globalThis, "fetch", (url, options) => api.fetch(url, options));
  const client = createServerClient({ base: api.base, token: "v2.t" });
  const sizes = [];
  for await (const page of client.messages({ q: "x" })) sizes.push(page.messages.length);
  assert.deepEqual(sizes, [2, 2, 1]);
  assert.ok(api.calls.every(({ path }) => path.includes("q=x")));
  api.calls.length = 0;
  for await (const _ of client.messages()) break;
  assert.equal(api.calls.length, 1);
  assert.equal((await client.message("a/b", { format: "full" })).id, "m0");
  assert.equal(api.calls[1].path, "/messages/a%2Fb?format=full");
});

test("in Node a client can be created, reads, and says that it cannot sign in", async (context) => {
  const { postern, read } = client(context, ok);
  assert.equal(postern.obstacle, null);
  assert.deepEqual(await read(), PAGE);
  await assert.rejects(postern.connect());
});

test("a page where the API should be is an error, not an empty answer", async (context) => {
  const { read } = client(context, () => new Response("<!doctype html>", { status: 200 }));
  await assert.rejects(read(), { name: "PosternError", code: "unreachable", status: 200 });
});

// Every code and reason has a sentence of its own kind.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { explain } from "../explain.js";
import { PosternError, createPostern } from "../postern.js";

const read = (path) => readFile(new URL(path, import.meta.url), "utf8");
const unknown = explain("a code of the future");

test("every code and reason of openapi.yaml and errors.md is explained", async () => {
  const contract = await read("../../openapi.yaml");
  const lists = [...contract.matchAll(/(?:Code|reason):\n(?: +description: .*\n)* +enum:\n((?: +- .*\n)+)/g)];
  const listed = lists.flatMap(([, list]) => list.match(/\w+/g));
  assert.ok(listed.length > 50);
  const rows = [...(await read("../../docs/errors.md")).matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code);
  assert.ok(rows.length > 50);
  for (const code of new Set([...listed, ...rows])) assert.notEqual(explain(code), unknown, code);
});

test("every code of the client's own is explained", async () => {
  const source = await read("../postern.js");
  const own = [...source.matchAll(/code: "(\w+)"/g)].map(([, code]) => code);
  const documented = (await read("../postern.d.ts")).match(/of the client's own: ([^.]*)\./)[1].match(/\w+/g);
  assert.ok(own.length >= 4);
  for (const code of [...own, ...documented, "unreachable"]) {
    assert.notEqual(explain(code), unknown, code);
  }
});

test("a sentence is one or two plain sentences for users, without a code in it", () => {
  for (const code of ["not_signed_in", "consent_denied", "storage_unavailable", "a code of the future"]) {
    assert.match(explain(code), /^[A-Z][^_<>]*\.$/);
  }
});

test("an error is explained by its reason, or else by its code", () => {
  const reason = new PosternError({ code: "reauthorization_required", reason: "reauth_policy" });
  assert.equal(explain(reason), explain("reauth_policy"));
  const future = new PosternError({ code: "unauthenticated", reason: "of the future" });
  assert.equal(explain(future), explain("unauthenticated"));
  assert.equal(explain(new Error("other")), unknown);
  assert.equal(explain(null), unknown);
});

test("a connection is explained by its reason, or else by its status", () => {
  const user = { id: "1", email: null };
  assert.equal(explain({ status: "reauthorize", reason: "reauth_policy", user }), explain("reauth_policy"));
  assert.equal(explain({ status: "disconnecting", reason: null, user }), explain("disconnecting"));
  assert.notEqual(explain("disconnecting"), unknown);
});

test("a client explains by itself", async () => {
  const postern = createPostern({ base: "https://api.example.com" });
  assert.equal(await postern.explain("consent_denied"), explain("consent_denied"));
});

// The example of docs/fake-google.md runs as it stands there, against the fake of the local stack.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

test("the example of docs/fake-google.md passes", async (t) => {
  const page = await readFile(new URL("../../docs/fake-google.md", import.meta.url), "utf8");
  const [, example] = /^```js\n(.*?)^```$/ms.exec(page);
  // Here it finds playwright-core. Its port may be taken.
  const file = fileURLToPath(new URL("../node_modules/.fake-google.test.mjs", import.meta.url));
  await writeFile(file, example.replaceAll("8080", await freePort()));
  t.after(() => rm(file));
  const { NODE_TEST_CONTEXT, ...environment } = process.env;
  const child = spawn(process.execPath, [file], { env: { ...environment, GOOGLE: process.env.POSTERN_GOOGLE } });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => { output += part; });
  const status = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(status, 0, output);
  assert.match(output, /^# pass 4$/m);
});

/** A port of loopback that is free at this moment. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

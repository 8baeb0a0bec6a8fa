// The package: what it contains, and that its types name what its modules export.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const folder = new URL("../", import.meta.url);
const MODULES = ["explain", "postern", "react", "server"];

test("the package has the modules, their types, its readme and licences, and nothing else", () => {
  const [{ files }] = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--json"], { cwd: folder, stdio: "pipe" }),
  );
  const expected = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "openapi.d.ts", "package.json"];
  for (const name of MODULES) expected.push(`${name}.js`, `${name}.d.ts`);
  assert.deepEqual(files.map(({ path }) => path).sort(), expected.sort());
});

for (const name of MODULES) {
  test(`${name}.js can be imported without a browser and exports what its types say`, async () => {
    const module = await import(new URL(`${name}.js`, folder));
    const types = await readFile(new URL(`${name}.d.ts`, folder), "utf8");
    const names = [...types.matchAll(/^export (?:class|function|const) (\w+)/gm)].map(
      ([, exported]) => exported,
    );
    assert.ok(names.length > 0);
    for (const exported of names) assert.ok(module[exported], exported);
  });
}

test("the README of the repository shows the plain HTML example as it is", async () => {
  const page = await readFile(new URL("examples/html/index.html", folder), "utf8");
  assert.ok((await readFile(new URL("../README.md", folder), "utf8")).includes(`\`\`\`html\n${page}\`\`\`\n`));
  assert.ok(page.split("\n").length <= 36);
});

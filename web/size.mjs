// Checks that each module, minified and compressed, is as small as promised.

import { build } from "esbuild";
import { gzipSync } from "node:zlib";

/** The most bytes. What a module imports is counted with that module, not with this one. */
const LIMITS = { "postern.js": 3500, "react.js": 1000, "server.js": 1000, "explain.js": 2000 };

for (const [file, limit] of Object.entries(LIMITS)) {
  const { outputFiles } = await build({
    absWorkingDir: import.meta.dirname,
    bundle: true,
    entryPoints: [file],
    external: ["./*", "react"],
    format: "esm",
    minify: true,
    target: "es2022",
    write: false,
  });
  const size = gzipSync(outputFiles[0].contents, { level: 9 }).length;
  console.log(`${file}: ${size} of ${limit} bytes`);
  if (size > limit) process.exitCode = 1;
}

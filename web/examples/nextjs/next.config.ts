import type { NextConfig } from "next";

// Other lockfiles of this repository would be taken for the application's.
export default { turbopack: { root: import.meta.dirname } } satisfies NextConfig;

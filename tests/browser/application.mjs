// Serves the test application: one server on loopback that is several sites, by the host name.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

import { API, SAME_SITE } from "./environment.mjs";

const HERE = new URL("./", import.meta.url);
const WEB = new URL("../../web/", import.meta.url);
const ISOLATED = { "cross-origin-opener-policy": "same-origin" };
const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript", json: "application/json" };
/** What a careful application allows itself. */
const POLICY = `default-src 'none'; script-src 'self'; connect-src 'self' ${API}; img-src data:; frame-src *`;

/** The answer to a path: a file or a text, its type, and more headers. */
async function answer({ pathname, searchParams }, request) {
  switch (pathname) {
    case "/plain":
      return [new URL("application.html", HERE), "html"];
    case "/isolated":
      return [new URL("application.html", HERE), "html", ISOLATED];
    case "/application.js":
      return [new URL("application.js", HERE), "js"];
    case "/config.json":
      return [JSON.stringify({ api: API }), "json"];
    // Where a sign-in of the test's own comes back: nothing there reads the address.
    case "/blank":
      return ["<!doctype html><title>Blank</title>", "html"];
    // Tells which cookies came, and sets one that any site may send.
    case "/cookie":
      return [request.headers.cookie ?? "none", "html", { "set-cookie": "any-site=1; SameSite=None; Secure" }];
    case "/frame": {
      const address = searchParams.get("address").replaceAll("&", "&amp;").replaceAll('"', "&quot;");
      return [`<!doctype html><title>Portal</title><iframe src="${address}"></iframe>`, "html"];
    }
    // The plain HTML example, in a folder with the client. Its script is inline.
    case "/example/": {
      const page = await readFile(new URL("examples/html/index.html", WEB), "utf8");
      return [page.replace("http://localhost:9000", API), "html", { "content-security-policy": "" }];
    }
    default: {
      const [, name, type] = /^\/(?:postern|example)\/([\w-]+\.(js))$/.exec(pathname) ?? [];
      return name ? [new URL(name, WEB), type] : [undefined];
    }
  }
}

/** Serves until the test process ends. */
export async function serveApplications() {
  const server = createServer(async (request, response) => {
    const [body, type, headers] = await answer(new URL(request.url, SAME_SITE), request);
    const text = body instanceof URL ? await readFile(body).catch(() => undefined) : body;
    if (text === undefined) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[type], "content-security-policy": POLICY, ...headers });
    return response.end(text);
  });
  server.listen(new URL(SAME_SITE).port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

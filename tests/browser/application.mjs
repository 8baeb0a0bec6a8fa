// Serves the test application: one server on loopback that is several sites, by the host name.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

import { API, SAME_SITE } from "./environment.mjs";

const HERE = new URL("./", import.meta.url);
const WEB = new URL("../../web/", import.meta.url);
const VITE = new URL("examples/vite-react/dist/", WEB);
const ISOLATED = { "cross-origin-opener-policy": "same-origin" };
const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript", json: "application/json" };
/** What a careful application allows itself. */
const POLICY = `default-src 'none'; script-src 'self'; connect-src 'self' ${API}; img-src data:; frame-src *`;

/** The answer to a path: a file or a text, its type, and more headers. */
function answer({ pathname, searchParams }, request) {
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
    case "/html/":
      return [new URL("examples/html/index.html", WEB), "html", { "content-security-policy": "" }];
    // What `vite build` makes of its example.
    case "/":
      return [new URL("index.html", VITE), "html"];
    default: {
      const [, folder, name] = /^\/(postern|html|assets)\/([\w-]+\.js)$/.exec(pathname) ?? [];
      return name ? [new URL(name, folder === "assets" ? new URL("assets/", VITE) : WEB), "js"] : [undefined];
    }
  }
}

/** Serves until the test process ends. */
export async function serveApplications() {
  const server = createServer(async (request, response) => {
    const [body, type, headers] = answer(new URL(request.url, SAME_SITE), request);
    const text = body instanceof URL ? await readFile(body, "utf8").catch(() => undefined) : body;
    if (text === undefined) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[type], "content-security-policy": POLICY, ...headers });
    // The examples name the usual address.
    return response.end(text.replaceAll("http://localhost:9000", API));
  });
  server.listen(new URL(SAME_SITE).port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

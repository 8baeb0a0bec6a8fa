// The React components, in a document of happy-dom and in React's strict mode, with a client that
// answers what the test says.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { Window } from "happy-dom";
import { StrictMode, act, createElement as h } from "react";
import { renderToString } from "react-dom/server";

import { explain } from "../explain.js";
import { PopupClosed, PosternError } from "../postern.js";
import { ConnectButton, PosternProvider, useConnection, useMessages } from "../react.js";

const window = new Window({ url: "https://app.example.com/inbox" });
const { document, location } = window;
Object.assign(globalThis, { window, document, location, IS_REACT_ACT_ENVIRONMENT: true });
// Newer versions of Node have a navigator.
globalThis.navigator ??= window.navigator;
const { createRoot } = await import("react-dom/client");

const SIGNED_OUT = { status: "signed_out", reason: "not_signed_in", user: null };
const CONNECTED = { status: "connected", reason: null, user: { id: "1", email: "ann@example.com" } };
const LOST = { ...CONNECTED, status: "reauthorize", reason: "revoked_or_expired" };

/** A client: `become` changes the connection, `pages` are what `messages` answers with. */
class Client {
  obstacle = null;
  listeners = new Set();
  queries = [];
  pages = [{ messages: [{ id: "a" }], nextPageToken: "2" }, { messages: [{ id: "b" }] }];
  finish = async () => ({ status: "none" });
  connect = async () => CONNECTED;
  constructor(connection) {
    this.current = connection;
  }
  become(connection) {
    this.current = connection;
    this.tell();
  }
  /** Announces differences only. */
  tell() {
    if (this.told === this.current) return;
    this.told = this.current;
    for (const listener of this.listeners) listener(this.current);
  }
  async connection() {
    this.tell();
    return this.current;
  }
  on(_, listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  messages(query) {
    this.queries.push(query);
    const page = this.pages[query.pageToken ? 1 : 0];
    return { first: async () => (page instanceof Error ? Promise.reject(page) : page) };
  }
  explain = async (code) => explain(code);
}

let root;
afterEach(() => act(async () => root.unmount()));

/** Renders `component` below a provider; the result reads what is in the document. */
async function render(client, component, props = {}) {
  const container = document.createElement("div");
  root = createRoot(container);
  const show = (more) =>
    act(async () =>
      root.render(
        h(StrictMode, null, h(PosternProvider, { postern: client }, h(component, { ...props, ...more }))),
      ),
    );
  await show();
  return {
    container,
    show,
    text: () => container.textContent,
    click: (tag) => act(async () => container.querySelector(tag).click()),
  };
}

/** Shows a hook's values, and a button that loads more. */
function List({ q }) {
  const { connection, error } = useConnection();
  const { messages, isLoading, hasMore, loadMore, error: failed } = useMessages({ q });
  const ids = messages.map(({ id }) => id).join("");
  const words = [
    connection?.status,
    error?.code,
    ids,
    isLoading && "loading",
    hasMore && "more",
    failed?.code,
  ];
  return h("button", { onClick: loadMore }, words.filter(Boolean).join(" "));
}

test("messages appear when the mailbox is connected, page by page", async () => {
  const client = new Client(SIGNED_OUT);
  const view = await render(client, List, { q: "x" });
  assert.equal(view.text(), "signed_out");
  assert.equal(client.queries.length, 0);
  await act(async () => client.become(CONNECTED));
  assert.equal(view.text(), "connected a more");
  await view.click("button");
  assert.equal(view.text(), "connected ab");
  await view.click("button");
  assert.equal(view.text(), "connected ab", "there is no more");
  assert.equal(client.queries.at(-1).q, "x");
});

test("another query or user begins again; lost access keeps what is shown", async () => {
  const client = new Client(CONNECTED);
  const view = await render(client, List, { q: "x" });
  await view.click("button");
  await view.show({ q: "y" });
  assert.equal(view.text(), "connected a more");
  assert.equal(client.queries.at(-1).q, "y");
  await view.click("button");
  await act(async () => client.become(LOST));
  assert.equal(view.text(), "reauthorize ab");
  await act(async () => client.become({ ...CONNECTED, user: { id: "2", email: null } }));
  assert.equal(view.text(), "connected a more");
  await act(async () => client.become(SIGNED_OUT));
  assert.equal(view.text(), "signed_out");
});

test("a page that fails is reported, keeps the others and can be loaded again", async () => {
  const client = new Client(CONNECTED);
  const { pages } = client;
  client.pages = [pages[0], new PosternError({ code: "rate_limited" })];
  const view = await render(client, List, { q: "x" });
  await view.click("button");
  assert.equal(view.text(), "connected a more rate_limited");
  client.pages = pages;
  await view.click("button");
  assert.equal(view.text(), "connected ab");
});

test("a rendering that is not needed any more changes nothing", async () => {
  const client = new Client(CONNECTED);
  let answer;
  const slow = new Promise((resolve) => (answer = resolve));
  client.messages = ({ q, signal }) => ({
    first: () =>
      q === "slow" ? slow.then(() => assert.ok(signal.aborted)).then(() => client.pages[0]) : client.pages[1],
  });
  const view = await render(client, List, { q: "slow" });
  assert.equal(view.text(), "connected loading");
  await view.show({ q: "fast" });
  await act(async () => answer());
  assert.equal(view.text(), "connected b");
});

test("a sign-in that failed is reported until the mailbox is connected", async () => {
  const client = new Client(SIGNED_OUT);
  client.finish = async () => ({ status: "failed", error: new PosternError({ code: "consent_denied" }) });
  const view = await render(client, List);
  assert.equal(view.text(), "signed_out consent_denied");
  await act(async () => client.become(CONNECTED));
  assert.equal(view.text(), "connected a more");
});

test("the button connects in the click itself, and reports", async () => {
  const client = new Client(SIGNED_OUT);
  const seen = [];
  let isInClick = false;
  client.connect = async (options) => {
    assert.ok(isInClick);
    seen.push(options.loginHint);
    return CONNECTED;
  };
  const onConnected = ({ user }) => seen.push(user.email);
  const view = await render(client, ConnectButton, {
    loginHint: "ann@example.com",
    onConnected,
    className: "big",
  });
  assert.equal(view.text(), "Connect Gmail");
  const button = view.container.querySelector("button");
  assert.deepEqual([button.type, button.className], ["button", "big"]);
  await act(async () => {
    isInClick = true;
    button.click();
    isInClick = false;
  });
  assert.deepEqual(seen, ["ann@example.com", "ann@example.com"]);
  await act(async () => client.become(LOST));
  assert.equal(view.text(), "Reconnect Gmail");
});

test("the button says what went wrong, and in a frame offers a tab", async () => {
  const client = new Client(SIGNED_OUT);
  client.connect = async () => {
    throw new PopupClosed({ code: "popup_closed", reason: "embedded" });
  };
  const view = await render(client, ConnectButton);
  await view.click("button");
  assert.equal(view.container.querySelector("[role=alert]").textContent, explain("embedded"));
  const link = view.container.querySelector("a");
  assert.deepEqual([link.href, link.target], ["https://app.example.com/inbox", "_blank"]);
});

test("the button says before the click that a browser cannot sign in", async () => {
  const client = new Client(SIGNED_OUT);
  client.obstacle = "disallowed_useragent";
  const view = await render(client, ConnectButton);
  assert.ok(view.text().includes(explain("disallowed_useragent")));
});

test("everything renders on a server", async () => {
  const client = new Client(SIGNED_OUT);
  await render(client, List);
  const page = h(PosternProvider, { postern: client }, h(ConnectButton), h(List, { q: "x" }));
  assert.match(renderToString(page), /<button type="button">Connect Gmail<\/button>/);
});

test("a second mount knows the connection, of which no change tells any more", async () => {
  const client = new Client(CONNECTED);
  await render(client, List);
  await act(async () => root.unmount());
  const view = await render(client, List);
  assert.equal(view.text(), "connected a more");
});

test("a list whose access is lost while it loads does not say for ever that it loads", async () => {
  const client = new Client(CONNECTED);
  client.messages = () => ({ first: () => new Promise(() => {}) });
  const view = await render(client, List);
  assert.equal(view.text(), "connected loading");
  await act(async () => client.become(LOST));
  assert.equal(view.text(), "reauthorize");
});

test("the button's own onClick is called too", async () => {
  const client = new Client(SIGNED_OUT);
  const seen = [];
  client.connect = async () => seen.push("connect");
  const view = await render(client, ConnectButton, { onClick: ({ type }) => seen.push(type) });
  await view.click("button");
  assert.deepEqual(seen, ["click", "connect"]);
});

// The demo's script: who is signed in, and what to show. Postern's client makes all requests.

import { createPostern } from "/postern/postern.js";
import { createAccount } from "./account.js";
import { createList } from "./list.js";
import { createMessageView } from "./message.js";
import { byId, create, notify } from "./page.js";

const config = await readConfig().catch(cannotStart);
showConfig();
const postern = createPostern({ base: config.api });
const account = createAccount({ postern, report });
const list = createList({ postern, failed, began, open: (message) => messageView.open(message) });
const messageView = createMessageView({ postern, list, explain, failed });

/** What is shown, and whose mailbox: that outlives the session. */
let shown;
let user;
/** Repeats what failed last. */
let again;

byId("connect-form").addEventListener("submit", (event) => {
  event.preventDefault();
  connect(byId("login-hint").value.trim() || undefined);
});
for (const event of ["offline", "online"]) addEventListener(event, showNetwork);
showNetwork();
// In a sign-in's own window this never returns: nothing else must begin there.
const finished = await postern.finish();
postern.on("change", show);
await start();
if (finished.error) report("The mailbox was not connected", finished.error);
else if (postern.obstacle) report("You cannot connect in this browser", postern.obstacle);

async function readConfig() {
  const config = await (await fetch("config.json")).json();
  if (!URL.canParse(config.api)) throw new Error("config.json names no API");
  return config;
}

/** Without its configuration the page can do nothing. */
function cannotStart(error) {
  const text = "Its configuration, config.json, could not be read.";
  const action = () => location.reload();
  notify("failure", { title: "This page could not be loaded", text, label: "Try again", action });
  throw error;
}

function showConfig() {
  // The page's own policy allows any API. A second policy can only narrow it: to this API.
  const content = `connect-src 'self' ${new URL(config.api).origin}`;
  document.head.append(create("meta", { httpEquiv: "Content-Security-Policy", content }));
  byId("google-control").hidden = config.googleControl === undefined;
  byId("google-control").querySelector("a").href = config.googleControl ?? "";
}

/** Asks whose mailbox is connected. */
async function start() {
  notify("failure", null);
  try {
    await show(finished.connection ?? await postern.connection());
  } catch (error) {
    report("Your mailbox could not be opened", error, start);
  }
}

/** Shows the mailbox, or how to connect one. */
async function show(connection) {
  if (connection === shown) return;
  const { status, reason } = connection;
  const isFirst = shown === undefined;
  const isOther = connection.user !== null && connection.user.id !== user?.id;
  // When the session ends, here or by "Sign out on all devices", only the search stays.
  const isPaused = reason === "session_expired" && !byId("mail").hidden;
  const view = isPaused || status === "connected" || status === "reauthorize" ? "mail" : "welcome";
  shown = connection;
  user = connection.user ?? (isPaused ? user : undefined);
  if (isOther || isPaused || view === "welcome") {
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    began();
    list.clear();
  }
  account.show(view === "mail" ? { ...connection, user } : undefined);
  if (byId(view).hidden) {
    for (const id of ["starting", "welcome", "mail"]) byId(id).hidden = id !== view;
    byId("search-form").hidden = view !== "mail";
    if (!isFirst) byId(`${view}-title`).focus();
  }
  if (status === "connected" || reason === "not_signed_in") notify("connection", null);
  else await showLost(status, reason ?? status);
  if (status === "connected") (again ?? list.load)();
}

/** The banner that says why the mailbox cannot be read, and what to do. */
async function showLost(status, reason) {
  const text = await explain(reason);
  if (status === "disconnecting") {
    const title = "The mailbox is not disconnected yet";
    notify("connection", { title, text, label: "Disconnect", action: account.disconnect });
  } else if (byId("mail").hidden) {
    notify("connection", { title: "Please connect again", text });
  } else {
    const email = user?.email ?? undefined;
    const title = `Reconnect ${email ?? "your mailbox"}`;
    notify("connection", { title, text, label: "Reconnect", action: () => connect(email) });
  }
}

/** Signs in. Nothing may be awaited before `postern.connect`: browsers block a later window. */
async function connect(loginHint) {
  const giveUp = new AbortController();
  const connected = postern.connect({ loginHint, signal: giveUp.signal });
  notify("failure", null);
  notify("sign-in", {
    title: "Go on in Google's window",
    text: "When you have agreed there, this page goes on by itself.",
    label: "Cancel",
    action: () => giveUp.abort(),
    isCalm: true,
  });
  try {
    await connected;
  } catch (error) {
    // A second click joins this sign-in, and its "Cancel" ends both.
    if (error.name !== "AbortError") report("The mailbox was not connected", error);
  } finally {
    notify("sign-in", null);
  }
}

/** A request for mail begins: what the last one left is out of date. */
function began() {
  again = undefined;
  notify("failure", null);
}

/** A request for mail failed; `repeat` makes it again. */
function failed(error, repeat) {
  again = repeat;
  if (error.startUrl) showLost("reauthorize", error);
  else report("Your mail could not be read", error, error.status === 400 ? undefined : repeat);
}

/** Shows an error, and with `repeat` a button for it. */
async function report(title, error, repeat) {
  const wait = error.retryAfter > 1 ? ` Wait ${error.retryAfter} seconds.` : "";
  const text = await explain(error) + wait;
  notify("failure", error.reason === "embedded"
    ? { title, text, label: "Open a new tab", action: () => window.open(location.href) }
    : { title, text, label: "Try again", action: repeat });
}

/** The sentence for an error or a code. Loading the sentences can fail too. */
function explain(error) {
  return postern.explain(error).catch(() => error.message ?? error);
}

function showNetwork() {
  notify("offline", navigator.onLine ? null : {
    title: "You are offline",
    text: "What you see was loaded before. This page goes on when you are back.",
    isCalm: true,
  });
  if (navigator.onLine) again?.();
}

// The script of application.html. The address chooses mode and session; with `at-once` it connects
// without a click, which browsers do not allow a popup for.

import { PopupBlocked, PopupClosed, PosternError, createPostern } from "/postern/postern.js";

const settings = new URLSearchParams(location.search);
const element = (id) => document.getElementById(id);
const say = (id, text) => {
  element(id).textContent = text;
};

const { api } = await (await fetch("/config.json")).json();
const postern = createPostern({
  base: api,
  mode: settings.get("mode") ?? "auto",
  session: settings.get("session") ?? "auto",
});
let pages;

/** Runs a call and shows how it failed, if it did. */
async function attempt(call) {
  try {
    return await call();
  } catch (error) {
    const kind = [PopupBlocked, PopupClosed, PosternError].find((each) => error instanceof each);
    say("error", [kind?.name ?? error.name, error.code, error.reason].filter(Boolean).join(" "));
    element("new-tab").hidden = error.reason !== "embedded";
    say("explained", await postern.explain(error));
    return undefined;
  }
}

function show(connection) {
  if (!connection) return;
  const { status, user, reason } = connection;
  say("connection", `${status} ${user?.email ?? reason}`);
}

async function list() {
  const { value: page } = await pages.next();
  say("listed", page ? page.messages.map(({ subject, error }) => subject ?? error).join("\n") : "the end");
}

const connect = () => attempt(async () => show(await postern.connect()));
const act = (id, call) => element(id).addEventListener("click", () => attempt(call));
element("new-tab").href = location.href;
element("connect").addEventListener("click", connect);
act("sign-out", () => postern.signOut());
act("sign-out-everywhere", () => postern.signOut({ everywhere: true }));
act("disconnect", () => postern.disconnect());
act("next", list);
act("list", () => {
  pages = postern.messages({ maxResults: 3 })[Symbol.asyncIterator]();
  return list();
});

postern.on("change", show);
// A call that failed waits for the click on "Connect" that follows, and is then repeated.
postern.on("reauthorize", (error) => {
  say("reauthorize", error.reason);
  return new Promise((resolve) => {
    const off = postern.on("change", (connection) => {
      if (connection.status !== "connected") return;
      off();
      resolve();
    });
  });
});

const finished = await postern.finish();
say("finished", [finished.status, finished.error?.code].filter(Boolean).join(" "));
if (finished.error) say("explained", await postern.explain(finished.error));
await attempt(async () => show(finished.connection ?? (await postern.connection())));
element("actions").disabled = false;
if (settings.has("at-once") && finished.status === "none") connect();

// The demo page's script: turns clicks into calls of postern.js and shows the answers.

import { Postern, Problem } from "/postern/postern.js";

const element = (id) => document.getElementById(id);
const config = await (await fetch("config.json")).json();
const postern = new Postern(config.api);

/** What the list shows: the search, its next page, and how many messages came before. */
let shown = { q: "", nextPageToken: undefined, above: 0, rows: 0 };

element("control-link").href = config.googleControl;

element("connect-form").addEventListener("submit", (event) => {
  event.preventDefault();
  postern.connect({ returnTo: `${location.origin}/`, loginHint: element("login-hint").value.trim() });
});
element("search-form").addEventListener("submit", (event) => {
  event.preventDefault();
  list({ q: element("q").value.trim() });
});
element("read-all").addEventListener("click", () => list({ q: element("q").value.trim(), all: true }));
element("next-page").addEventListener("click", () =>
  list({ q: shown.q, pageToken: shown.nextPageToken, above: shown.above + shown.rows }));

showAuthError();
list({ isFirst: true });

/** Fetches one page, or all of them, and shows it or the problem. */
async function list({ q = "", pageToken, all, above = 0, isFirst = false }) {
  element("status").textContent = all ? "Reading every page…" : "Reading…";
  setBusy(true);
  try {
    const page = await postern.messages({ q, pageToken, all });
    shown = { q, nextPageToken: page.nextPageToken, above, rows: page.messages.length };
    showMessages(page);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    // On the first load nobody is signed in yet: that is not a problem to show.
    if (isFirst && problem.reason === "not_signed_in") {
      element("status").textContent = "Connect a mailbox, then list its messages.";
    } else {
      showProblem(problem);
    }
  } finally {
    setBusy(false);
  }
}

function showMessages({ messages, nextPageToken, resultSizeEstimate }) {
  element("problem").hidden = true;
  element("rows").replaceChildren(...messages.map((message, index) => {
    const row = document.createElement("tr");
    for (const text of [shown.above + index + 1, message.id, message.threadId]) {
      row.append(Object.assign(document.createElement("td"), { textContent: text }));
    }
    row.dataset.messageId = message.id;
    return row;
  }));
  element("messages").hidden = messages.length === 0;
  element("next-page").hidden = nextPageToken === undefined;
  element("status").textContent = messages.length === 0
    ? "No message matches."
    : `Messages ${shown.above + 1} to ${shown.above + messages.length}` +
      (resultSizeEstimate === undefined ? "." : `, of about ${Math.max(resultSizeEstimate, shown.above + messages.length)}.`);
}

function showProblem(problem) {
  element("problem-title").textContent = problem.status === 401 ? "Authorization is needed" : "That did not work";
  element("problem-detail").textContent = problem.message;
  element("problem-status").textContent = problem.status || "no answer";
  element("problem-code").textContent = problem.code ?? "none";
  element("problem-reason").textContent = problem.reason ?? "";
  element("problem-reason-row").hidden = problem.reason === undefined;
  const link = element("authorize-again");
  link.hidden = problem.authorizationUrl === undefined;
  if (problem.authorizationUrl !== undefined) link.href = problem.authorizationUrl;
  element("problem").hidden = false;
  element("messages").hidden = true;
  element("next-page").hidden = true;
  element("status").textContent = "The list could not be read.";
}

/** Shows `auth_error`, which the callback adds on failure, and removes it from the address bar. */
function showAuthError() {
  const url = new URL(location.href);
  const code = url.searchParams.get("auth_error");
  if (code === null) return;
  element("auth-error-code").textContent = code;
  element("auth-error").hidden = false;
  url.searchParams.delete("auth_error");
  history.replaceState(null, "", url);
}

function setBusy(isBusy) {
  for (const id of ["search", "read-all", "next-page"]) element(id).disabled = isBusy;
  element("messages").setAttribute("aria-busy", String(isBusy));
}

// The list of messages: searching, and loading more.

import { byId } from "./page.js";
import { rowOf, skeletonRow } from "./rows.js";

/** How long the typing must pause before the search begins, in milliseconds. */
const PAUSE = 250;

/**
 * `failed(error, again)` is told of a failure and how to repeat what failed; `began()` that a new
 * request makes an earlier failure pointless; `open(message)` that a row was chosen.
 */
export function createList({ postern, failed, began, open }) {
  const rows = byId("messages");
  const search = byId("search");
  const more = byId("more");
  const toRow = (message) => rowOf(message, open);
  let messages = [];
  let query = "";
  let nextPageToken;
  let request;
  let timer;

  /** Asks for a page. Only the last request counts: it ends the one before, which gives nothing. */
  async function read(pageToken, again) {
    request?.abort();
    const mine = new AbortController();
    request = mine;
    began();
    setBusy(true);
    try {
      const page = await postern.messages({ q: query, pageToken, signal: mine.signal }).first();
      return mine.signal.aborted ? undefined : page;
    } catch (error) {
      if (!mine.signal.aborted) failed(error, again);
    } finally {
      if (request === mine) setBusy(false);
    }
  }

  /** Reads the first page of what the search field says. */
  async function load() {
    clearTimeout(timer);
    // What is there is of the last query: there is no more of it while, or if not, this one comes.
    more.hidden = true;
    query = search.value.trim();
    keepInAddress(query);
    if (messages.length === 0) showSkeleton();
    const page = await read(undefined, load);
    if (page === undefined) return;
    messages = page.messages;
    rows.replaceChildren(...messages.map(toRow));
    byId("empty").hidden = messages.length > 0;
    byId("no-mail").hidden = query !== "";
    byId("no-match").hidden = query === "";
    byId("mail-title").textContent = query === "" ? "All mail" : "Search results";
    showEnd(page);
  }

  /** Appends the next page. The button keeps the focus, and the rows stay where they are. */
  async function loadMore() {
    if (more.ariaDisabled === "true") return;
    const page = await read(nextPageToken, loadMore);
    if (page === undefined) return;
    const added = page.messages.map(toRow);
    const { scrollX, scrollY } = window;
    const hadFocus = document.activeElement === more;
    messages.push(...page.messages);
    rows.append(...added);
    showEnd(page);
    // At the end there is no button any more: go on at the first new message.
    if (hadFocus && more.hidden) added[0]?.firstChild.focus({ preventScroll: true });
    window.scrollTo(scrollX, scrollY);
  }

  function showEnd(page) {
    nextPageToken = page.nextPageToken;
    more.hidden = nextPageToken === undefined;
    const count = messages.length;
    const about = Math.max(page.resultSizeEstimate ?? 0, count);
    byId("count").textContent = !more.hidden
      ? `${count.toLocaleString()} of about ${about.toLocaleString()} messages`
      : `${count.toLocaleString()} ${count === 1 ? "message" : "messages"}`;
  }

  function setBusy(isBusy) {
    rows.ariaBusy = String(isBusy);
    // Not `disabled`: that would lose the focus.
    more.ariaDisabled = String(isBusy);
    more.textContent = isBusy && messages.length > 0 ? "Loading…" : "Load more";
    if (isBusy || messages.length > 0) return;
    rows.replaceChildren();
    byId("count").textContent = "";
  }

  function showSkeleton() {
    byId("empty").hidden = true;
    byId("count").textContent = "Loading…";
    rows.replaceChildren(...Array.from({ length: 8 }, skeletonRow));
  }

  /** The message `step` rows further, or nothing. */
  const neighbour = (message, step) => messages[messages.indexOf(message) + step];
  const buttonOf = (message) => rows.children[messages.indexOf(message)]?.firstChild;

  /** Shows what is known now of a message whose row failed. */
  function replace(failedMessage, message) {
    const row = toRow(message);
    rows.children[messages.indexOf(failedMessage)]?.replaceWith(row);
    messages.splice(messages.indexOf(failedMessage), 1, message);
  }

  /** Forgets the mailbox; the search stays. */
  function clear() {
    request?.abort();
    messages = [];
    rows.replaceChildren();
    more.hidden = true;
    byId("empty").hidden = true;
    byId("count").textContent = "";
  }

  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(load, PAUSE);
  });
  byId("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    load();
  });
  byId("clear-search").addEventListener("click", () => {
    search.value = "";
    search.focus();
    load();
  });
  more.addEventListener("click", loadMore);
  rows.addEventListener("keydown", (event) => {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.target.closest("li")[step]?.firstChild.focus();
  });
  search.value = new URL(location.href).searchParams.get("q") ?? "";

  return { load, clear, neighbour, buttonOf, replace };
}

/** The search is part of the address, so that a reload and a sign-in by redirect keep it. */
function keepInAddress(q) {
  const address = new URL(location.href);
  if (q === "") address.searchParams.delete("q");
  else address.searchParams.set("q", q);
  history.replaceState(history.state, "", address);
}

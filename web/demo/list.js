// The list of messages: searching, loading more, and the rows.

import { byId, create, isolated } from "./page.js";
import { dateOf } from "./dates.js";

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
  let messages = [];
  let nextPageToken;
  let request;
  let timer;

  /** Asks for a page. Only the last request counts: it ends the one before, which gives nothing. */
  async function read(query, again) {
    clearTimeout(timer);
    request?.abort();
    const mine = new AbortController();
    request = mine;
    began();
    setBusy(true);
    try {
      const page = await postern.messages({ ...query, signal: mine.signal }).first();
      return mine.signal.aborted ? undefined : page;
    } catch (error) {
      if (!mine.signal.aborted) failed(error, again);
    } finally {
      if (request === mine) setBusy(false);
    }
  }

  /** Reads the first page of what the search field says. */
  async function load() {
    const q = search.value.trim();
    keepInAddress(q);
    if (messages.length === 0) showSkeleton();
    const page = await read({ q }, load);
    if (page === undefined) return;
    messages = page.messages;
    rows.replaceChildren(...messages.map(rowOf));
    byId("empty").hidden = messages.length > 0;
    byId("empty-title").textContent = q === "" ? "There is no mail" : "No message matches";
    byId("empty-text").textContent = q === "" ? "This mailbox is empty." : "Try fewer words, or Gmail's own, such as is:unread or from:grace.";
    byId("clear-search").hidden = q === "";
    showEnd(page);
  }

  /** Appends the next page. The button keeps the focus, and the rows stay where they are. */
  async function loadMore() {
    if (more.ariaDisabled === "true") return;
    const page = await read({ q: search.value.trim(), pageToken: nextPageToken }, loadMore);
    if (page === undefined) return;
    const added = page.messages.map(rowOf);
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
    const count = messages.length.toLocaleString();
    const about = Math.max(page.resultSizeEstimate ?? 0, messages.length).toLocaleString();
    byId("count").textContent = more.hidden ? `${count} ${count === "1" ? "message" : "messages"}` : `${count} of about ${about} messages`;
  }

  function setBusy(isBusy) {
    rows.ariaBusy = String(isBusy);
    // Not `disabled`: that would lose the focus.
    more.ariaDisabled = String(isBusy);
    more.textContent = isBusy && messages.length > 0 ? "Loading…" : "Load more";
    if (!isBusy && messages.length === 0) rows.replaceChildren();
  }

  function showSkeleton() {
    byId("empty").hidden = true;
    byId("count").textContent = "Loading…";
    rows.replaceChildren(...Array.from({ length: 8 }, () =>
      create("li", { className: "skeleton", ariaHidden: "true" }, create("span"), create("span"), create("span"))));
  }

  function rowOf(message) {
    const button = create("button", { type: "button", className: "row", onclick: () => open(message) });
    if (message.error !== undefined) {
      button.classList.add("failed");
      button.append(avatarOf(null), create("span", { className: "who" }, "Not loaded"),
        create("span", { className: "what" }, "This message could not be read. Open it to try again."));
      return create("li", {}, button);
    }
    const isSent = message.labelIds.includes("SENT");
    const person = isSent ? message.to[0] : message.from;
    const marks = (message.unread ? "Unread. " : "") + (message.labelIds.includes("STARRED") ? "Starred. " : "");
    button.classList.toggle("unread", message.unread);
    button.classList.toggle("starred", message.labelIds.includes("STARRED"));
    button.append(
      create("span", { className: "spoken" }, marks),
      avatarOf(person),
      create("span", { className: "who" }, isSent ? "To " : "", isolated(nameOf(person))),
      create("span", { className: "what" }, isolated(message.subject || "(no subject)", "subject"), " ", isolated(message.snippet, "snippet")),
      dateOf(message.date),
    );
    return create("li", {}, button);
  }

  /** The message `step` rows further, or nothing. */
  const neighbour = (message, step) => messages[messages.indexOf(message) + step];
  const buttonOf = (message) => rows.children[messages.indexOf(message)]?.firstChild;

  /** Shows what is known now of a message whose row failed. */
  function replace(failedMessage, message) {
    const row = rowOf(message);
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

export const nameOf = (person) => person?.name || person?.email || "(unknown)";

/** A circle with the first letter of a name, always in the same colour for the same address. */
export function avatarOf(person) {
  const letter = /[\p{L}\p{N}]/u.exec(person?.name || person?.email || "")?.[0] ?? "?";
  const sum = [...(person?.email ?? "")].reduce((total, character) => total + character.codePointAt(0), 0);
  const avatar = create("span", { className: "avatar", ariaHidden: "true" }, letter.toUpperCase());
  avatar.dataset.colour = sum % 6;
  return avatar;
}

/** The search is part of the address, so that a reload and a sign-in by redirect keep it. */
function keepInAddress(q) {
  const address = new URL(location.href);
  if (q === "") address.searchParams.delete("q");
  else address.searchParams.set("q", q);
  history.replaceState(history.state, "", address);
}

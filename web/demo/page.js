// What every part of the demo uses: elements, and the notice above the page.
// Text of a message or of the API only ever becomes a text node, never markup.

export const byId = (id) => document.getElementById(id);

/** Creates an element with these properties and children; a string becomes text. */
export function create(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** What keeps its own writing direction, whatever a sender put into it. */
export const isolated = (text, className = "") => create("bdi", { className }, text);

/** The notices to show, the most important first; only the first one is visible. */
const notices = new Map(["sign-in", "offline", "connection", "failure"].map((kind) => [kind, null]));

/** What had the focus before the button of the notice. */
let before;
byId("notice-action").addEventListener("focus", (event) => (before = event.relatedTarget));

/**
 * Sets the notice of a kind: `{ title, text, label, action, isCalm }`, or `null` for none.
 * `label` and `action` are its button.
 */
export function notify(kind, notice) {
  notices.set(kind, notice);
  const shown = [...notices.values()].find((each) => each !== null);
  const button = byId("notice-action");
  const loses = document.activeElement === button && shown?.action === undefined;
  byId("notice").hidden = shown === undefined;
  byId("notice").classList.toggle("calm", shown?.isCalm === true);
  say("notice-title", shown?.title);
  say("notice-text", shown?.text);
  say("notice-action", shown?.label);
  button.hidden = shown?.action === undefined;
  button.onclick = shown?.action ?? null;
  if (!loses) return;
  // The focused button is gone: back to where the focus was before, or to the heading.
  if (before?.checkVisibility()) before.focus({ preventScroll: true });
  else document.querySelector("main h1:not([hidden] *)")?.focus({ preventScroll: true });
}

/** Changes a text only if it is another one: a screen reader says every change. */
function say(id, text = "") {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

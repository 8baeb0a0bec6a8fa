// The message view: a dialog with one message. The browser keeps its focus inside, and the list
// behind it stays where it was.

import { byId, create, isolated } from "./page.js";
import { avatarOf, nameOf } from "./rows.js";
import { wholeDateOf } from "./dates.js";
import { readMessage } from "./text.js";

/** `failed(error, again)` is told of a failure that only a new sign-in solves. */
export function createMessageView({ postern, list, explain, failed }) {
  const dialog = byId("message");
  let shown;
  let request;

  async function open(message) {
    request?.abort();
    const mine = new AbortController();
    request = mine;
    shown = message;
    byId("newer").disabled = list.neighbour(message, -1) === undefined;
    byId("older").disabled = list.neighbour(message, 1) === undefined;
    showHeader(message);
    showBody({ isBusy: true });
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    const { signal } = mine;
    try {
      if (message.error !== undefined) {
        shown = await postern.message(message.id, { signal });
        list.replace(message, shown);
        showHeader(shown);
      }
      showBody(readMessage(await postern.message(message.id, { format: "full", signal })));
    } catch (error) {
      if (signal.aborted) return;
      if (error.startUrl) {
        dialog.close();
        failed(error, () => open(shown));
      } else {
        showBody({ problem: await explain(error) });
      }
    }
  }

  function showHeader(message) {
    const { subject, from, to = [], date = null } = message;
    const title = subject || (message.error === undefined ? "(no subject)" : "A message");
    byId("message-subject").replaceChildren(isolated(title));
    const address = (person) => person?.name ? [" ", isolated(`<${person.email}>`, "address")] : [];
    const full = (person) => [isolated(nameOf(person)), ...address(person)];
    const receivers = to.flatMap((person, index) => [index > 0 ? ", " : "To ", ...full(person)]);
    byId("message-people").replaceChildren(...(message.error !== undefined ? [] : [
      avatarOf(from),
      create("p", {}, create("strong", {}, isolated(nameOf(from))), ...address(from)),
      create("p", {}, ...receivers),
      create("p", {}, wholeDateOf(date)),
    ]));
  }

  function showBody({ text = "", attachments = [], problem = "", isBusy = false }) {
    const isEmpty = !isBusy && problem === "";
    byId("message-text").textContent = text || (isEmpty ? "This message has no text." : "");
    byId("message-text").ariaBusy = String(isBusy);
    byId("message-problem").textContent = problem;
    byId("message-retry").hidden = problem === "";
    byId("attachments").hidden = attachments.length === 0;
    byId("attachments").replaceChildren(...attachments.map(({ name, size }) =>
      create("li", {}, isolated(name), ` · ${sizeOf(size)}`)));
  }

  /** Shows another message. At the end of the list the button is disabled: the focus goes on. */
  function go(step, event) {
    open(list.neighbour(shown, step));
    if (event.currentTarget.disabled) byId("message-subject").focus();
  }

  byId("close-message").addEventListener("click", () => dialog.close());
  byId("newer").addEventListener("click", (event) => go(-1, event));
  byId("older").addEventListener("click", (event) => go(1, event));
  byId("message-retry").addEventListener("click", () => {
    byId("message-subject").focus();
    open(shown);
  });
  // A click on the backdrop: it goes to the dialog, as one on blank space within it does.
  dialog.addEventListener("click", ({ target, clientX, clientY }) => {
    const { left, right, top, bottom } = dialog.getBoundingClientRect();
    const isInside = clientX >= left && clientX <= right && clientY >= top && clientY <= bottom;
    if (target === dialog && !isInside) dialog.close();
  });
  dialog.addEventListener("close", () => {
    request.abort();
    list.buttonOf(shown)?.focus();
  });

  return { open };
}

const sizeOf = (bytes) =>
  bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

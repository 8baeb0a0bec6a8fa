// The rows of the list, and how people are shown in rows and messages.

import { dateOf } from "./dates.js";
import { create, isolated } from "./page.js";

/** A row of the list; `open(message)` is called when it is chosen. */
export function rowOf(message, open) {
  const button = create("button", { type: "button", className: "row", onclick: () => open(message) });
  button.append(...(message.error === undefined ? cellsOf(message) : failedCells()));
  return create("li", {}, button);
}

function cellsOf({ from, to, subject, snippet, date, labelIds, unread }) {
  const isSent = labelIds.includes("SENT");
  const person = isSent ? to[0] : from;
  const mark = (text) => create("span", { className: `spoken ${text.toLowerCase()}` }, `${text}. `);
  return [
    ...(unread ? [mark("Unread")] : []),
    ...(labelIds.includes("STARRED") ? [mark("Starred")] : []),
    avatarOf(person),
    create("span", { className: "who" }, isSent ? "To " : "", isolated(nameOf(person))),
    create("span", { className: "what" },
      isolated(subject || "(no subject)", "subject"), " ", isolated(snippet, "snippet")),
    dateOf(date),
  ];
}

function failedCells() {
  const text = "This message could not be read. Open it to try again.";
  const what = create("span", { className: "what" }, create("span", { className: "snippet" }, text));
  return [avatarOf(null), create("span", { className: "who" }, "Not loaded"), what];
}

/** Stands for a row while the first page loads. */
export function skeletonRow() {
  const parts = Array.from({ length: 3 }, () => create("span"));
  return create("li", { className: "skeleton", ariaHidden: "true" }, ...parts);
}

export const nameOf = (person) => person?.name || person?.email || "(unknown)";

/** A circle with the first letter of a name; an address always has the same colour. */
export function avatarOf(person) {
  const letter = /[\p{L}\p{N}]/u.exec(person ? nameOf(person) : "")?.[0] ?? "?";
  const avatar = create("span", { className: "avatar", ariaHidden: "true" }, letter.toUpperCase());
  const codes = Array.from(person?.email ?? "", (character) => character.codePointAt(0));
  avatar.dataset.colour = codes.reduce((sum, code) => sum + code, 0) % 6;
  return avatar;
}

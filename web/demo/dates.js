// How dates are shown: short in the list, whole in a message.

import { create } from "./page.js";

const TIME = new Intl.DateTimeFormat("en-GB", { hour: "numeric", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const YEAR = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const WHOLE = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "short" });

/** The time if it is today, else the day, with the year if it is another; nothing for `null`. */
export function dateOf(text) {
  if (text === null) return "";
  const date = new Date(text);
  const now = new Date();
  const isToday = date.toDateString() === now.toDateString();
  const format = isToday ? TIME : date.getFullYear() === now.getFullYear() ? DAY : YEAR;
  return create("time", { dateTime: text, title: WHOLE.format(date) }, format.format(date));
}

export const wholeDateOf = (text) =>
  text === null ? "" : create("time", { dateTime: text }, WHOLE.format(new Date(text)));

export const dayOf = (seconds) => YEAR.format(new Date(seconds * 1000));

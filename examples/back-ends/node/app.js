// What a back end does with Postern, as three commands: trade, unread, event.

import { text } from "node:stream/consumers";

import { gmail } from "@googleapis/gmail";

import { handler } from "./event.js";
import { ask, credentials, Problem } from "./postern.js";

/** The page sent its receipt with a request of a user of yours: whose mailbox is it? */
async function trade(receipt) {
  // The origin of your page. Without it, receipts would pass that no page asked for.
  const { APP_ORIGIN } = process.env;
  if (!APP_ORIGIN) throw new Error("set APP_ORIGIN to the origin of your page");
  const { origin, user } = await ask({ receipt });
  // Another front end of the same Postern gets receipts, too. Accept only those of your own page.
  if (origin !== APP_ORIGIN) throw new Error(`refused: the receipt is for ${origin}`);
  // Store this ID with your user. It is all that you need from now on.
  console.log(`${user.id} is ${user.email}`);
}

/** The subjects of the newest unread messages, whether or not the user is there. */
async function unread(userId) {
  // GMAIL_ENDPOINT is for tests, with a fake Google. Without it, this is Gmail.
  const options = { version: "v1", auth: credentials(userId), rootUrl: process.env.GMAIL_ENDPOINT };
  const { messages } = gmail(options).users;
  const { data } = await messages.list({ userId: "me", q: "is:unread", maxResults: 3 });
  for (const { id } of data.messages ?? []) {
    const wanted = { userId: "me", id, format: "metadata", metadataHeaders: ["Subject"] };
    const found = await messages.get(wanted);
    console.log(found.data.payload.headers?.[0]?.value ?? "(no subject)");
  }
}

/** What to do about an error. */
function explain(error) {
  if (!(error instanceof Problem)) return error.message;
  const { code, reason, startUrl, retryAfter } = error;
  // Only the user can help. Show this link on a page of yours.
  if (startUrl) return `connect Gmail again (${reason ?? code}): ${startUrl}`;
  // Put the job back into its queue. Until then the answer stays the same.
  if (retryAfter) return `try again in ${retryAfter} s: ${code}`;
  return error.message;
}

const commands = { trade, unread, event: async () => handler(JSON.parse(await text(process.stdin))) };
const [command, ...arguments_] = process.argv.slice(2);
try {
  await commands[command](...arguments_);
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}

// Compiled only, by `npm run types`: the hand-written types fit those that openapi-typescript made
// of openapi.yaml, and the package can be used as documented.

import { createPostern, PopupClosed, PosternError } from "@postern/client";
import type {
  Connection,
  FailedMessage,
  GmailMessage,
  Message,
  MessageId,
  MessageQuery,
  Page,
  User,
} from "@postern/client";
import { explain } from "@postern/client/explain";
import type { components, paths } from "@postern/client/openapi";
import { ConnectButton, useMessages } from "@postern/client/react";
import { createServerClient, finishSignIn, startSignIn } from "@postern/client/server";

/** The JSON that a route answers with. Without such a route it is `unknown`, which fits nothing. */
type Answer<Path extends string, Method extends string> =
  paths extends Record<
    Path,
    Record<Method, { responses: { 200: { content: { "application/json": infer Body } } } }>
  >
    ? Body
    : unknown;

/** Compiles only if what the API sends can be used as what the client promises. */
type Fits<Ours, _Theirs extends Ours> = true;

type Query = NonNullable<paths["/messages"]["get"]["parameters"]["query"]>;
type Sent = Omit<MessageQuery, "signal">;

export type Checks = [
  Fits<Page<MessageId> | Page<Message | FailedMessage>, Answer<"/messages", "get">>,
  Fits<Connection, Answer<"/connection", "get">>,
  Fits<Message | GmailMessage, Answer<"/messages/{id}", "get">>,
  Fits<
    { access_token?: string; expires_in: number; scope: string; user: User },
    Answer<"/auth/token", "post">
  >,
  // The other way round: the API takes what the client sends.
  Fits<Query, Sent>,
  Fits<keyof Query | "format", keyof Sent>,
  Fits<
    {
      code: string;
      detail: string;
      status: number;
      reason?: string;
      start_url?: string;
      missing_scopes?: string[];
    },
    components["schemas"]["Problem"]
  >,
];

export async function use(signal: AbortSignal): Promise<void> {
  const postern = createPostern({ base: "https://api.example.com", mode: "auto", session: "auto" });
  const { status, error } = await postern.finish();
  if (status === "failed" && error) console.log(await postern.explain(error), explain("not_signed_in"));
  const end: () => void = postern.on("change", ({ user }) => console.log(user?.email));
  postern.on("reauthorize", (problem) => postern.connect({ loginHint: problem.reason ?? "" }));
  end();
  for await (const page of postern.messages({ q: "is:unread", signal })) {
    for (const message of page.messages) {
      console.log("error" in message ? message.error : (message.from?.name ?? message.subject));
    }
  }
  const ids = await postern.messages({ format: "ids", labelIds: ["INBOX"] }).first();
  const thread: string | undefined = ids.messages[0]?.threadId;
  const full: GmailMessage = await postern.message("1", { format: "full" });
  const { subject }: Message = await postern.message(full.id);
  try {
    await postern.connect({ returnTo: "/inbox", signal });
  } catch (problem) {
    if (problem instanceof PopupClosed && problem.reason === "embedded") return;
    if (problem instanceof PosternError) console.log(problem.code, problem.retryAfter, subject, thread);
  }
  await postern.signOut({ everywhere: true });
  await postern.disconnect();
  // @ts-expect-error A mode that does not exist.
  createPostern({ base: "", mode: "iframe" });
  // @ts-expect-error An event that does not exist.
  postern.on("close", () => {});
}

export async function serve(url: string): Promise<string> {
  const client = { base: "https://api.example.com", redirectUri: "https://app.example.com/callback" };
  const { pending } = await startSignIn({ ...client, loginHint: "ann@example.com" });
  const { token, user } = await finishSignIn({ ...client, url, pending });
  await createServerClient({ base: client.base, token }).connection({});
  return user.id;
}

export function Inbox() {
  const { messages, hasMore, loadMore } = useMessages({ q: "is:unread" });
  if (hasMore) loadMore();
  return ConnectButton({
    loginHint: messages[0]?.id ?? "",
    className: "big",
    onConnected: ({ user }) => console.log(user),
  });
}

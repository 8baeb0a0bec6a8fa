// The mailbox, rendered on the server: the browser gets no token and runs no script of Postern's.

import { PosternError, type Connection, type FailedMessage, type Message } from "@postern/client";
import { explain } from "@postern/client/explain";
import { createServerClient } from "@postern/client/server";

import { client, sessionToken } from "../lib/postern";

/** What there is to show: messages, or why there are none. */
type Mailbox = {
  problem?: string | PosternError | null;
  connection?: Connection;
  messages?: (Message | FailedMessage)[];
};

async function mailbox(): Promise<Mailbox> {
  const token = await sessionToken();
  if (!token) return {};
  const postern = createServerClient({ base: client.base, token });
  try {
    const connection = await postern.connection();
    if (connection.status !== "connected") return { problem: connection.reason };
    return { connection, ...(await postern.messages().first()) };
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    return { problem: error };
  }
}

export default async function Page({ searchParams }: { searchParams: Promise<{ problem?: string }> }) {
  const { connection, messages, problem = (await searchParams).problem } = await mailbox();
  if (!messages) {
    return (
      <>
        <h1>Inbox</h1>
        {problem && <p role="alert">{explain(problem)}</p>}
        {/* A plain link: Next's <Link> would load it ahead of time. */}
        <a href="/api/auth/start">Connect Gmail</a>
      </>
    );
  }
  return (
    <>
      <h1>Inbox of {connection?.user?.email}</h1>
      {problem && <p role="alert">{explain(problem)}</p>}
      <form method="post" action="/api/auth/sign-out">
        <button>Sign out</button>
      </form>
      <ul>
        {messages.map((message) => (
          <li key={message.id}>{"error" in message ? explain(message.error) : line(message)}</li>
        ))}
      </ul>
    </>
  );
}

function line({ from, subject }: Message) {
  return `${from?.name ?? from?.email ?? "(no sender)"}: ${subject || "(no subject)"}`;
}

// The mailbox, rendered on the server: the browser gets no token and runs no script of Postern's.

import { explain } from "@postern/client/explain";
import { createServerClient } from "@postern/client/server";

import { client, sessionToken } from "../lib/postern";

export default async function Page({ searchParams }: { searchParams: Promise<{ problem?: string }> }) {
  const { problem } = await searchParams;
  const token = await sessionToken();
  const postern = token ? createServerClient({ base: client.base, token }) : undefined;
  const connection = await postern?.connection();
  if (!postern || connection?.status !== "connected") {
    const reason = problem ?? connection?.reason;
    return (
      <>
        <h1>Inbox</h1>
        {reason && <p role="alert">{explain(reason)}</p>}
        {/* A plain link: Next's <Link> would load it ahead of time. */}
        <a href="/api/auth/start">Connect Gmail</a>
      </>
    );
  }
  const { messages } = await postern.messages().first();
  return (
    <>
      <h1>Inbox of {connection.user?.email}</h1>
      <form method="post" action="/api/auth/sign-out">
        <button>Sign out</button>
      </form>
      <ul>
        {messages.map((message) => (
          <li key={message.id}>
            {"error" in message ? explain(message.error) : `${message.from?.name ?? message.from?.email}: ${message.subject}`}
          </li>
        ))}
      </ul>
    </>
  );
}

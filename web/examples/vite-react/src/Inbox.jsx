// Whose mailbox is connected, and its messages.

import { ConnectButton, useConnection, useMessages } from "@postern/client/react";
import { useState } from "react";

import { Problem } from "./Problem.jsx";

export function Inbox() {
  const { postern, connection, error } = useConnection();
  const [q, setQ] = useState("");

  if (!connection) return error ? <Problem of={error} /> : <p>Loading…</p>;
  const isConnected = connection.status === "connected";
  return (
    <main>
      <h1>Inbox</h1>
      <Problem of={error ?? connection.reason} />
      {!isConnected && <ConnectButton />}
      {connection.user && (
        <p>
          {connection.user.email} <button onClick={() => postern.signOut()}>Sign out</button>
        </p>
      )}
      {isConnected && (
        <>
          <input type="search" aria-label="Search mail" value={q} onChange={(event) => setQ(event.target.value)} />
          <Messages q={q} />
        </>
      )}
    </main>
  );
}

function Messages({ q }) {
  const { messages, isLoading, error, hasMore, loadMore } = useMessages({ q });
  return (
    <>
      <ul>
        {messages.map(({ id, from, subject, unread, error }) => (
          <li key={id}>
            {error ? <Problem of={error} /> : <Row from={from} subject={subject} unread={unread} />}
          </li>
        ))}
      </ul>
      <Problem of={error} />
      {isLoading ? <p>Loading…</p> : hasMore && <button onClick={loadMore}>Load more</button>}
    </>
  );
}

function Row({ from, subject, unread }) {
  const text = `${from?.name ?? from?.email ?? "unknown"}: ${subject || "(no subject)"}`;
  return unread ? <strong>{text}</strong> : text;
}

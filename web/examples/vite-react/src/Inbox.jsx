// Whose mailbox is connected, and its messages.

import { ConnectButton, useConnection, useMessages } from "@postern/client/react";
import { useState } from "react";

import { Problem } from "./Problem.jsx";

export function Inbox() {
  const { postern, connection, error } = useConnection();
  const [q, setQ] = useState("");
  const [failure, setFailure] = useState(null);

  if (!connection) {
    if (!error) return <p>Loading…</p>;
    return (
      <>
        <Problem of={error} />
        <button onClick={() => postern.connection().catch(setFailure)}>Try again</button>
      </>
    );
  }
  const signOut = () => {
    setFailure(null);
    postern.signOut().catch(setFailure);
  };
  // On submit, not on each key: every search costs quota.
  const search = (event) => {
    event.preventDefault();
    setQ(new FormData(event.target).get("q"));
  };
  const isConnected = connection.status === "connected";
  return (
    <main>
      <h1>Inbox</h1>
      <Problem of={failure ?? error ?? connection.reason} />
      {!isConnected && <ConnectButton />}
      {connection.user && (
        <p>
          {connection.user.email} <button onClick={signOut}>Sign out</button>
        </p>
      )}
      {isConnected && (
        <>
          <form role="search" onSubmit={search}>
            <input type="search" name="q" aria-label="Search mail" /> <button>Search</button>
          </form>
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

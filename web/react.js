// React components and hooks around a client of postern.js. react.d.ts documents everything that it
// exports.

import { Fragment, createContext, createElement, useContext, useEffect, useMemo, useState } from "react";

const Context = createContext();

export function PosternProvider({ postern, children }) {
  const [state, setState] = useState({ connection: null, error: null });
  useEffect(() => {
    const fail = (error) => setState((old) => ({ ...old, error }));
    const show = (connection) =>
      setState((old) => ({ connection, error: connection.status === "connected" ? null : old.error }));
    const end = postern.on("change", show);
    postern.finish().then(({ error }) => {
      if (error) fail(error);
      // After a second mount there is no change to hear of.
      postern.connection().then(show, fail);
    });
    return end;
  }, [postern]);
  const value = useMemo(() => ({ postern, ...state }), [postern, state]);
  return createElement(Context.Provider, { value }, children);
}

export function useConnection() {
  return useContext(Context);
}

const EMPTY = { messages: [], isLoading: false, error: null, hasMore: false, loadMore() {} };

export function useMessages(query = {}) {
  const { postern, connection } = useConnection();
  const [state, setState] = useState(EMPTY);
  const user = connection?.user?.id;
  const isConnected = connection?.status === "connected";
  const key = JSON.stringify(query);

  useEffect(() => {
    if (!user) setState(EMPTY);
    // Where access was lost, what is shown stays until the user authorizes again.
    if (!isConnected) return undefined;
    const abort = new AbortController();
    const load = async (messages, pageToken) => {
      const show = (news) => abort.signal.aborted || setState({ ...EMPTY, messages, ...news });
      show({ isLoading: true });
      try {
        const page = await postern.messages({ ...JSON.parse(key), pageToken, signal: abort.signal }).first();
        const all = [...messages, ...page.messages];
        const next = page.nextPageToken;
        show({ messages: all, hasMore: !!next, loadMore: () => next && load(all, next) });
      } catch (error) {
        show({ error, hasMore: true, loadMore: () => load(messages, pageToken) });
      }
    };
    load([]);
    return () => {
      abort.abort();
      setState((old) => ({ ...old, isLoading: false }));
    };
  }, [postern, key, user, isConnected]);
  return state;
}

export function ConnectButton({ loginHint, onConnected, onClick, children, ...others }) {
  const { postern, connection } = useConnection();
  const [problem, setProblem] = useState({});
  const say = async (error) =>
    setProblem({ text: await postern.explain(error), isEmbedded: error.reason === "embedded" });
  useEffect(() => {
    if (postern.obstacle) say(postern.obstacle);
  }, [postern]);
  const click = (event) => {
    onClick?.(event);
    setProblem({});
    postern.connect({ loginHint }).then(onConnected, say);
  };
  const label = connection?.status === "reauthorize" ? "Reconnect Gmail" : "Connect Gmail";
  return createElement(
    Fragment,
    null,
    createElement("button", { type: "button", ...others, onClick: click }, children ?? label),
    createElement("span", { role: "alert" }, problem.text),
    problem.isEmbedded && createElement("a", { href: location.href, target: "_blank" }, "Open in a new tab"),
  );
}

// The types of react.js.

import type { ButtonHTMLAttributes, FunctionComponent, ReactNode } from "react";
import type { Connection, FailedMessage, Message, MessageQuery, Postern, PosternError } from "./postern.js";

/** Gives `postern` to the hooks below it, and calls `finish()` once. Create `postern` outside. */
export const PosternProvider: FunctionComponent<{ postern: Postern; children?: ReactNode }>;

/** Whose mailbox is connected. */
export function useConnection(): {
  postern: Postern;
  /** `null` until the first answer. */
  connection: Connection | null;
  /** Why the connection is not known, or why a sign-in that came back failed. */
  error: PosternError | null;
};

/**
 * The messages of a query, as far as they are loaded. Begins again when the query or the user
 * changes.
 */
export function useMessages(query?: Omit<MessageQuery, "signal" | "pageToken">): {
  messages: (Message | FailedMessage)[];
  isLoading: boolean;
  error: PosternError | null;
  /** Whether there is another page. */
  hasMore: boolean;
  /** Loads the next page, or after an error the failed one again. */
  loadMore(): void;
};

/**
 * A `<button>` that connects a mailbox. It tells what stands in the way in a sentence beside it.
 * Default text: "Connect Gmail", or "Reconnect Gmail" where access was lost.
 */
export const ConnectButton: FunctionComponent<
  /** `onClick` is called first. */
  ButtonHTMLAttributes<HTMLButtonElement> & {
    loginHint?: string;
    /** After a sign-in in a popup. */
    onConnected?: (connection: Connection) => void;
  }
>;

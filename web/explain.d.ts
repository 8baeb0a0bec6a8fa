// The types of explain.js.

import type { Connection, PosternError } from "./postern.js";

/**
 * One plain sentence for users, for every code and reason of the API and of the client. Of an error
 * the reason is explained, or else the code; of a connection the reason why it is not `connected`.
 */
export function explain(what: string | PosternError | Connection): string;

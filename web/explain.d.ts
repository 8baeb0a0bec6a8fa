// The types of explain.js.

import type { PosternError } from "./postern.js";

/**
 * One plain sentence for users, for every code and reason of the API and of the client. For an
 * error, its reason is explained, or else its code.
 */
export function explain(code: string | PosternError): string;

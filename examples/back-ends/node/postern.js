// Gets access tokens from Postern's function `access-token`. Copy this file into your back end.

import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { auth } from "@googleapis/gmail";

// The stack's output AccessTokenFunction. The role of this process must be in BackEndRoleArns.
const { POSTERN_FUNCTION } = process.env;
const functions = new LambdaClient();

/** Why there is no token: Postern's problem document. */
export class Problem extends Error {
  constructor({ code, detail, reason, start_url, retry_after }) {
    super(`${code}: ${detail}`);
    this.code = code;
    this.reason = reason; // of a 401: why the user must connect again
    this.startUrl = start_url; // the page where the user does so
    this.retryAfter = retry_after; // seconds, if it will pass by itself
  }
}

/** Invokes the function, and throws the problem if that is the answer. */
export async function ask(question) {
  const invocation = { FunctionName: POSTERN_FUNCTION, Payload: JSON.stringify(question) };
  const answer = await functions.send(new InvokeCommand(invocation));
  const text = answer.Payload.transformToString();
  // The function was stopped or broke before it could answer; Lambda says why.
  if (answer.FunctionError) throw new Error(`access-token failed: ${text}`);
  const payload = JSON.parse(text);
  if (payload.code) throw new Problem(payload);
  return payload;
}

/**
 * Credentials for Google's library, which calls `refreshHandler` for the first token, and when a
 * token expires or Gmail refuses it. The token stays in memory. Never store or log one: asking is
 * cheap.
 */
export function credentials(userId) {
  const client = new auth.OAuth2({ forceRefreshOnFailure: true });
  client.refreshHandler = async () => {
    // Google's library renews a token five minutes early, so ask for one that lasts longer. And
    // never for the one that it has: Gmail may have refused it.
    const { access_token: refused_token } = client.credentials;
    const token = await ask({ user_id: userId, min_ttl_seconds: 600, refused_token });
    // If Google did not say how long it lives, use it for a minute.
    const expiry_date = token.expires_at ? token.expires_at * 1000 : Date.now() + (300 + 60) * 1000;
    return { access_token: token.access_token, expiry_date };
  };
  return client;
}

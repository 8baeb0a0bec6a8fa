// The client for servers: calls the API with a session token, and signs users in with
// `response_mode=query`. server.d.ts documents everything that it exports.

import { PosternError, createApi, exchange, newAttempt, startUrl, trim } from "./postern.js";

export function createServerClient({ base, token }) {
  return createApi({ base: trim(base), token: () => token });
}

export async function startSignIn({ base, redirectUri, clientId = "server", loginHint }) {
  const attempt = await newAttempt({ base: trim(base), redirectUri, clientId });
  const { state, verifier } = attempt;
  return { url: startUrl(attempt, "query", loginHint), pending: { state, verifier } };
}

export async function finishSignIn({ base, redirectUri, clientId = "server", url, pending }) {
  const answer = Object.fromEntries(new URL(url, redirectUri).searchParams);
  if (!pending || answer.state !== pending.state) throw new PosternError({ code: "state_mismatch" });
  const { verifier } = pending;
  const tokens = await exchange({ base: trim(base), redirectUri, clientId, verifier }, answer);
  return {
    token: tokens.access_token,
    expiresIn: tokens.expires_in,
    scopes: tokens.scope.split(" "),
    user: tokens.user,
  };
}

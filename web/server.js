// The client for servers: calls the API with a session token, and signs users in with
// `response_mode=query`. server.d.ts documents everything that it exports.

import { PosternError, createApi, exchange, newAttempt, trim, withHint } from "./postern.js";

export function createServerClient({ base, token }) {
  return createApi({ base: trim(base), token: () => token });
}

export async function startSignIn({ base, redirectUri, clientId = "server", loginHint }) {
  const attempt = await newAttempt(trim(base), clientId, redirectUri, "query");
  const pending = { state: attempt.state, verifier: attempt.form.code_verifier };
  return { url: withHint(attempt, loginHint), pending };
}

export async function finishSignIn({ base, redirectUri, clientId = "server", url, pending }) {
  const answer = Object.fromEntries(new URL(url, redirectUri).searchParams);
  if (!pending || answer.state !== pending.state) throw new PosternError({ code: "state_mismatch" });
  const form = { client_id: clientId, redirect_uri: redirectUri, code_verifier: pending.verifier };
  const tokens = await exchange(trim(base), form, answer);
  return {
    token: tokens.access_token,
    expiresIn: tokens.expires_in,
    scopes: tokens.scope.split(" "),
    user: tokens.user,
  };
}

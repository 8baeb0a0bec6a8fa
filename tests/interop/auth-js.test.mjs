// Auth.js, as an application would configure it: Postern is a provider of type "oauth", and
// GET /connection answers for the user.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Auth } from "@auth/core";

import { Browser } from "./browser.mjs";

const { POSTERN_API, POSTERN_PAGE } = process.env;

const config = {
  providers: [
    {
      id: "postern",
      name: "Postern",
      type: "oauth",
      issuer: POSTERN_API,
      clientId: "auth-js",
      client: { token_endpoint_auth_method: "none" },
      checks: ["pkce", "state"],
      authorization: { url: `${POSTERN_API}/auth/start`, params: { scope: "mail" } },
      token: `${POSTERN_API}/auth/token`,
      userinfo: `${POSTERN_API}/connection`,
      profile: ({ user }) => user,
    },
  ],
  callbacks: {
    jwt: ({ token, account }) => (account ? { ...token, mail: account.access_token } : token),
    session: ({ session, token }) => ({ ...session, mail: token.mail }),
  },
  secret: "a secret for this test",
  trustHost: true,
  basePath: "/api/auth",
};

test("Auth.js signs in, knows the user, and reads the mailbox with the token", async () => {
  const application = `${POSTERN_PAGE}/api/auth`;
  const browser = new Browser({ [POSTERN_PAGE]: (request) => Auth(request, config) });
  const { csrfToken } = await (await browser.send(`${application}/csrf`)).json();
  const form = new URLSearchParams({ csrfToken, callbackUrl: `${POSTERN_PAGE}/inbox` });
  const back = await browser.travel(`${application}/signin/postern`, `${POSTERN_PAGE}/inbox`, {
    method: "POST",
    body: form,
  });
  assert.equal(back, `${POSTERN_PAGE}/inbox`);

  const session = await (await browser.send(`${application}/session`)).json();
  assert.equal(session.user.email, "ann@example.com");
  const headers = { authorization: `Bearer ${session.mail}` };
  const { messages } = await (await fetch(`${POSTERN_API}/messages`, { headers })).json();
  assert.ok(messages.length > 0);
});

// A client that was not written for Postern: openid-client, configured by discovery alone.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as client from "openid-client";

import { Browser } from "./browser.mjs";

const { POSTERN_API, POSTERN_PAGE } = process.env;

/** What the server says about itself (RFC 8414), read by a public client. */
async function discover(id = "interop") {
  const options = { algorithm: "oauth2", execute: [client.allowInsecureRequests] };
  return client.discovery(new URL(POSTERN_API), id, undefined, client.None(), options);
}

/** Signs in; gives the configuration, the address that came back, and what redeems its code. */
async function signIn({ redirectUri = `${POSTERN_PAGE}/callback`, ...more } = {}) {
  const config = await discover();
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: "mail",
    state: expectedState,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    ...more,
  });
  const back = new URL(await new Browser().travel(url.href, redirectUri));
  return { config, back, checks: { pkceCodeVerifier, expectedState } };
}

test("openid-client discovers the server, signs in with PKCE and reads the mailbox", async () => {
  const { config, back, checks } = await signIn();
  assert.equal(config.serverMetadata().supportsPKCE(), true);
  assert.equal(config.serverMetadata().authorization_response_iss_parameter_supported, true);

  // It compares state and iss (RFC 9207), and sends the verifier.
  const tokens = await client.authorizationCodeGrant(config, back, checks);
  assert.equal(tokens.token_type, "bearer");
  assert.equal(tokens.user.email, "ann@example.com");
  assert.match(tokens.scope, /gmail\.readonly/);
  assert.ok(tokens.expiresIn() > 600_000);

  const messages = new URL("/messages?maxResults=2", POSTERN_API);
  const answer = await client.fetchProtectedResource(config, tokens.access_token, messages, "GET");
  assert.equal((await answer.json()).messages.length, 2);
});

test("openid-client refuses an answer that names another issuer", async () => {
  const { config, back, checks } = await signIn();
  back.searchParams.set("iss", "https://attacker.example");
  await assert.rejects(client.authorizationCodeGrant(config, back, checks), ({ cause }) => {
    assert.match(cause.message, /"iss"/);
    return true;
  });
});

test("a second redemption is invalid_grant, and ends the session of the first", async () => {
  const { config, back, checks } = await signIn();
  const tokens = await client.authorizationCodeGrant(config, back, checks);
  await assert.rejects(client.authorizationCodeGrant(config, back, checks), {
    name: "ResponseBodyError",
    status: 400,
    error: "invalid_grant",
  });
  const headers = { authorization: `Bearer ${tokens.access_token}` };
  assert.equal((await fetch(`${POSTERN_API}/messages`, { headers })).status, 401);
});

test("without PKCE the application is told invalid_request", async () => {
  const { config, back, checks } = await signIn({ code_challenge_method: "plain" });
  await assert.rejects(client.authorizationCodeGrant(config, back, checks), {
    name: "AuthorizationResponseError",
    error: "invalid_request",
  });
});

test("a native application comes back to any port of loopback", async () => {
  const { config, back, checks } = await signIn({ redirectUri: "http://127.0.0.1:51004/callback" });
  const tokens = await client.authorizationCodeGrant(config, back, checks);
  assert.equal(tokens.user.email, "ann@example.com");
});

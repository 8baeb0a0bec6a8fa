// What each code and reason means, in one plain sentence for users. A module of its own, so that
// only a page that shows an error loads it.

/** A sentence, and the codes that it explains. */
const SENTENCES = [
  // Reasons of a connection and of a 401.
  ["Connect your Gmail account to see your messages.", "not_signed_in not_connected connection_not_found"],
  ["Your session has ended. Connect again to continue.", "session_expired unauthenticated"],
  [
    "Google no longer gives this application access to your mailbox. Connect again to continue.",
    "revoked_or_expired reauthorization_required",
  ],
  [
    "Your organisation asks you to sign in again from time to time. Connect again to continue.",
    "reauth_policy",
  ],
  [
    "This application needs a permission that you have not given yet. Connect again to give it.",
    "scopes_changed",
  ],
  ["This application changed how it connects to Google. Connect again to continue.", "client_changed"],
  ["The stored access to your mailbox cannot be used any more. Connect again to continue.", "seal_broken"],
  ["The connection to your mailbox is being removed. Disconnect again to complete it.", "disconnecting"],

  // How a sign-in can end.
  ["You did not allow access to your mailbox. You can try again.", "consent_denied access_denied"],
  [
    "This application cannot work without the permission that was left out. Connect again and tick every box.",
    "consent_incomplete insufficient_scope",
  ],
  [
    "You chose another Google account than the one that is connected here. Connect again and choose that one.",
    "account_mismatch",
  ],
  [
    "Your organisation's administrator does not allow this application. Ask your administrator.",
    "blocked_by_admin domain_policy",
  ],
  [
    "Only accounts of certain organisations can connect here. Choose another account.",
    "org_internal domain_not_allowed",
  ],
  ["This Google account has no Gmail mailbox. Choose another account.", "mail_not_enabled"],
  [
    "Google does not allow sign-in in this app's built-in browser. Open this page in Safari, Chrome or another browser.",
    "disallowed_useragent",
  ],
  ["The sign-in took too long. Start again.", "state_expired timed_out"],
  ["This sign-in was already used. Start again.", "state_used code_rejected invalid_grant"],
  [
    "This sign-in did not begin in this browser window. Start again here.",
    "state_missing state_mismatch nonce_mismatch",
  ],
  ["The browser blocked the sign-in window. Allow pop-ups for this page and try again.", "popup_blocked"],
  ["The sign-in window was closed before the sign-in was complete. You can try again.", "popup_closed"],
  ["The sign-in window cannot report back to this page. Open this page in a tab of its own.", "embedded"],
  ["You can close this window and go on in the other one, or connect here again.", "unclaimed"],
  [
    "The browser did not keep the cookie of this sign-in. Allow cookies for this page and try again.",
    "cookie_not_kept",
  ],
  ["Sign-in works only on a secure page. Open this page with https.", "insecure_context"],

  // What ends by itself.
  ["The mail service cannot be reached. Check your connection and try again.", "unreachable"],
  ["There were too many requests for this mailbox. Try again in a moment.", "rate_limited"],
  [
    "Google does not answer as it should. Try again in a moment.",
    "upstream_timeout upstream_unavailable upstream_malformed upstream_rejected provider_error no_refresh_token " +
      "identity_invalid identity_mismatch identity_unavailable",
  ],
  [
    "The mail service is busy. Try again in a moment.",
    "out_of_time storage_unavailable secrets_unavailable temporarily_unavailable",
  ],

  // What a user cannot change.
  [
    "The mail service has a problem that its operator must solve. Try again later.",
    "config_error credential_unreadable internal quota_exhausted server_error",
  ],
  ["The message does not exist any more.", "message_not_found"],
  ["The message is too large to be shown here. Open it in Gmail.", "message_too_large"],
  ["Gmail does not understand this search. Change it and try again.", "invalid_query"],
  ["The list has changed. Load it again from the start.", "invalid_page_token"],
  ["This took too long, or was done before. Load the page again.", "invalid_receipt"],
  [
    "This page is not set up to use the mail service. Tell the people who run it.",
    "edge_required forbidden_origin invalid_return_to invalid_redirect_uri csrf_header_missing issuer_mismatch",
  ],
  ["The browser loaded the sign-in ahead of time. Connect again.", "prefetch_refused"],
  [
    "Too many cookies are set for the mail service. Clear them and try again.",
    "ambiguous_cookie headers_too_large",
  ],
  [
    "This page made a request that the mail service does not accept. Tell the people who run it.",
    "invalid_request unsupported_parameter duplicate_parameter too_many_parameters malformed_encoding not_found " +
      "method_not_allowed uri_too_long payload_too_large unsupported_media_type unsupported_grant_type " +
      "unsupported_response_type",
  ],
];

const UNKNOWN = "Something went wrong. Try again later.";

export function explain(what) {
  const find = (name) => SENTENCES.find(([, codes]) => codes.split(" ").includes(name))?.[0];
  return find(what?.reason) ?? find(what?.code ?? what?.status ?? what) ?? UNKNOWN;
}

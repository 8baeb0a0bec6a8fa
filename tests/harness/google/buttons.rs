//! The buttons of the control page: each is one call of the control API, until it is cleared.

use std::fmt::Write as _;

use super::answer::escape;

/// What it says, the action, and the fields.
type Button = (&'static str, &'static str, &'static str);

const REFRESH: &str = "endpoint=token&grant_type=refresh_token&failure=";
const PAGE: &str = "endpoint=authorize&failure=";
const LIST: &str = "endpoint=messages_list&failure=";
const USER_INFO: &str = "endpoint=user_info&failure=";

/// Under each heading, the beginning of every button's fields and the buttons.
const SECTIONS: &[(&str, &str, &[Button])] = &[
    (
        "The authorization page",
        PAGE,
        &[
            ("Stop: admin policy", "failures", "admin_policy_enforced"),
            ("Stop: Advanced Protection", "failures", "policy_enforced"),
            ("Stop: not a test user", "failures", "not_a_test_user"),
            ("Send back: interaction_required", "failures", "interaction_required"),
            ("Send back: login_required", "failures", "login_required"),
            ("Send back: consent_required", "failures", "consent_required"),
        ],
    ),
    (
        "Refreshing",
        REFRESH,
        &[
            ("Refuse: invalid_grant", "failures", "invalid_grant"),
            ("Refuse: account deleted", "failures", "account_deleted"),
            ("Refuse: invalid_rapt", "failures", "invalid_rapt"),
            ("Refuse: invalid_client", "failures", "invalid_client"),
            ("Refuse: deleted_client", "failures", "deleted_client"),
            ("Refuse: admin policy", "failures", "admin_policy_enforced"),
            ("Refuse: Advanced Protection", "failures", "policy_enforced"),
            ("\"We're sorry\" page", "failures", "sorry"),
        ],
    ),
    (
        "Tokens",
        "",
        &[
            ("No refresh token", "omit-refresh-token", ""),
            ("Rotate refresh tokens", "rotation", "mode=old_dies"),
            ("Rotate, reuse ends all", "rotation", "mode=reuse_ends_family"),
            ("Refresh tokens die after 7 days", "refresh-lifetime", "preset=testing"),
            ("Refresh tokens die after 180 days", "refresh-lifetime", "preset=time_limited"),
            ("No issuer on the way back", "issuer", ""),
            ("Another issuer", "issuer", "issuer=https://other.example"),
            ("Longest codes and tokens", "longest-values", ""),
            ("Untick gmail.readonly", "untick", "scope=https://www.googleapis.com/auth/gmail.readonly"),
        ],
    ),
    (
        "Gmail",
        LIST,
        &[
            ("Quota per minute (403)", "failures", "quota"),
            ("429 with Retry-After", "failures", "quota&status=429&retry_after=30"),
            ("Retry time in the message", "failures", "quota_in_message&retry_after=300"),
            ("Too many at once", "failures", "concurrent"),
            ("401", "failures", "invalid_credentials"),
            ("Precondition check failed", "failures", "precondition_failed"),
            ("Mail not enabled", "failures", "mail_not_enabled"),
            ("Metadata scope", "failures", "metadata_scope"),
            ("API not enabled", "failures", "service_disabled"),
            ("Project suspended", "failures", "consumer_suspended"),
            ("Domain cannot use APIs", "failures", "domain_cannot_use_apis"),
            ("Unregistered use", "failures", "daily_limit_unregistered"),
            ("\"We're sorry\" page", "failures", "sorry"),
            ("Redirect to the sorry page", "failures", "sorry_redirect"),
            ("500", "failures", "status&status=500"),
            ("503", "failures", "status&status=503"),
        ],
    ),
    (
        "UserInfo",
        USER_INFO,
        &[
            ("No credentials (401)", "failures", "credentials_missing"),
            ("API not enabled", "failures", "service_disabled"),
            ("Rate limit", "failures", "user_rate_limit"),
        ],
    ),
    (
        "The network",
        "",
        &[
            ("Slow Gmail (10 s)", "failures", "endpoint=messages_list&failure=slow"),
            ("Slow token endpoint (10 s)", "failures", "endpoint=token&failure=slow"),
            ("Reset Gmail connections", "failures", "endpoint=messages_list&failure=reset_after_reading"),
        ],
    ),
];

/// The HTML of all of them.
pub(super) fn html() -> String {
    let mut html = String::new();
    for (heading, common, buttons) in SECTIONS {
        let _ = writeln!(html, "<h2>{heading}</h2>");
        for (label, action, fields) in *buttons {
            let _ = write!(html, "<form class=\"row\" method=\"post\" action=\"/control/{action}\">");
            let all = format!("{common}{fields}&times=until_cleared");
            for (name, value) in form_urlencoded::parse(all.as_bytes()) {
                let _ = write!(html, "<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(&value));
            }
            let _ = writeln!(html, "<button>{}</button></form>", escape(label));
        }
    }
    html
}

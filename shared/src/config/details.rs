//! Every sentence with which a setting is refused: a closed list, so that who reads an answer of this API can tell its words
//! from those of another program.

/// The sentences. An error with another one does not compile.
pub const DETAILS: [&str; 29] = [
    "ALLOWED_DOMAINS must be a comma-separated list of domains in lower case, such as example.com.",
    "ALLOWED_ORIGINS is not set.",
    "ALLOWED_ORIGINS must be a comma-separated list of https origins such as https://app.example.com (http for localhost).",
    "AWS_ACCESS_KEY_ID is not set.",
    "AWS_ENDPOINT_URL_DYNAMODB must be an https URL (http for localhost).",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER must be an https URL (http for localhost).",
    "AWS_REGION is not set.",
    "AWS_SECRET_ACCESS_KEY is not set.",
    "CREDENTIALS_TABLE is not set.",
    "CREDENTIALS_TABLE or SESSIONS_TABLE names a table that this function may not use, or the AWS credentials are not accepted.",
    "EXTRA_ROOT_CERTIFICATES must be the path of a readable PEM file with at least one certificate.",
    "GMAIL_SCOPES must not have gmail.metadata beside a broader Gmail scope: with it Gmail refuses every search.",
    "GMAIL_URL must be an https URL (http for localhost).",
    "GOOGLE_CLIENT_SECRET_ID is not set.",
    "GOOGLE_CLIENT_SECRET_ID names a secret of an \"installed\" client; create an OAuth client of the type Web application.",
    "GOOGLE_CLIENT_SECRET_ID names a secret that cannot be read.",
    "GOOGLE_CLIENT_SECRET_ID names a secret that is not Google's client_secrets.json.",
    "GOOGLE_CLIENT_SECRET_ID names a secret whose auth_uri or token_uri is not https.",
    "GOOGLE_CLIENT_SECRET_ID names a secret whose client_id or client_secret is empty.",
    "GOOGLE_CLIENT_SECRET_ID names a secret without \"web\", \"client_id\" or \"client_secret\"; store client_secrets.json as downloaded.",
    "GOOGLE_REVOKE_URL must be an https URL (http for localhost).",
    "GOOGLE_USERINFO_URL must be an https URL (http for localhost).",
    "METRICS_NAMESPACE is not a name that CloudWatch takes for a namespace.",
    "PUBLIC_URL is not set, and the event names no domain.",
    "PUBLIC_URL must be an https URL without query or fragment (http for localhost).",
    "SEALING_KEYS_SECRET_ID is not set.",
    "SEALING_KEYS_SECRET_ID names a secret that cannot be read.",
    "SEALING_KEYS_SECRET_ID names a secret that is not a keyring: {\"primary\":\"k1\",\"k1\":\"<at least 32 characters>\"}.",
    "SESSIONS_TABLE is not set.",
];

/// Hands on what is in the list.
pub(crate) const fn listed(sentence: &'static str) -> &'static str {
    let mut index = 0;
    while index < DETAILS.len() {
        if is_same(DETAILS[index], sentence) {
            return sentence;
        }
        index += 1;
    }
    panic!("add this sentence to the list in shared/src/config/details.rs")
}

/// `==` of strings is not yet for constants.
const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}

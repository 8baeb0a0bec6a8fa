//! Bodies that Google really sent, taken from public recordings (numbers and names are invented).
//! The fake sends them, and the tests of the verdicts show them to the product.

/// 400: the account has no mailbox.
pub const MAIL_NOT_ENABLED: &str = r#"{"error":{"code":400,"message":"Mail service not enabled",
    "errors":[{"message":"Mail service not enabled","domain":"global","reason":"failedPrecondition"}],
    "status":"FAILED_PRECONDITION"}}"#;

/// 400, now and then: the same call works a moment later.
pub const PRECONDITION: &str = r#"{"error":{"code":400,"message":"Precondition check failed.",
    "errors":[{"message":"Precondition check failed.","domain":"global","reason":"failedPrecondition"}],
    "status":"FAILED_PRECONDITION"}}"#;

/// 403 or 429: the rate limit of one user. Only the message has the time.
pub fn user_rate_limit(when: &str) -> String {
    format!(
        r#"{{"error":{{"code":403,"message":"User-rate limit exceeded.  Retry after {when}",
        "errors":[{{"message":"User-rate limit exceeded.  Retry after {when}","domain":"usageLimits",
        "reason":"rateLimitExceeded"}}],"status":"PERMISSION_DENIED"}}}}"#
    )
}

/// 403: the quota of one user and minute.
pub const MINUTE_QUOTA: &str = r#"{"error":{"code":403,
    "message":"Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service 'gmail.googleapis.com' for consumer 'project_number:640512773041'.",
    "errors":[{"message":"Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service 'gmail.googleapis.com' for consumer 'project_number:640512773041'.",
    "domain":"usageLimits","reason":"rateLimitExceeded"}],"status":"PERMISSION_DENIED"}}"#;

/// 429: the same, as the newer form of errors says it.
pub const MINUTE_QUOTA_DETAILS: &str = r#"{"error":{"code":429,"message":"Quota exceeded.","status":"RESOURCE_EXHAUSTED",
    "details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED","domain":"googleapis.com",
    "metadata":{"consumer":"projects/640512773041","quota_limit":"QueriesPerMinutePerUser","quota_limit_value":"15000",
    "quota_location":"global","quota_metric":"gmail.googleapis.com/queries","service":"gmail.googleapis.com"}},
    {"@type":"type.googleapis.com/google.rpc.Help","links":[{"description":"Request a higher quota limit.",
    "url":"https://cloud.google.com/docs/quota#requesting_higher_quota"}]}]}}"#;

/// 429: too many concurrent calls of one user.
pub const CONCURRENT: &str = r#"{"error":{"code":429,"message":"Too many concurrent requests for user",
    "errors":[{"message":"Too many concurrent requests for user","domain":"global","reason":"rateLimitExceeded"}],
    "status":"RESOURCE_EXHAUSTED"}}"#;

/// 429, without the name of the limit.
pub const EXHAUSTED: &str = r#"{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).",
    "errors":[{"message":"Resource has been exhausted (e.g. check quota).","domain":"global","reason":"rateLimitExceeded"}],
    "status":"RESOURCE_EXHAUSTED"}}"#;

/// 403: the older form of a rate limit.
pub const USER_RATE: &str = r#"{"error":{"code":403,"message":"User Rate Limit Exceeded",
    "errors":[{"message":"User Rate Limit Exceeded","domain":"usageLimits","reason":"userRateLimitExceeded"}],
    "status":"PERMISSION_DENIED"}}"#;

/// 403 or 429: the project's daily quota is used up.
pub const DAILY_LIMIT: &str = r#"{"error":{"code":403,
    "message":"Daily Limit Exceeded. The quota will be reset at midnight Pacific Time (PT).",
    "errors":[{"message":"Daily Limit Exceeded. The quota will be reset at midnight Pacific Time (PT).",
    "domain":"usageLimits","reason":"dailyLimitExceeded"}]}}"#;

/// 403: Google saw no token.
pub const DAILY_LIMIT_UNREGISTERED: &str = r#"{"error":{"errors":[{"domain":"usageLimits","reason":"dailyLimitExceededUnreg",
    "message":"Daily Limit for Unauthenticated Use Exceeded. Continued use requires signup.",
    "extendedHelp":"https://code.google.com/apis/console"}],"code":403,
    "message":"Daily Limit for Unauthenticated Use Exceeded. Continued use requires signup."}}"#;

/// 403: a token with `gmail.metadata`, whatever else it has, does not search...
pub const METADATA_SEARCH: &str = r#"{"error":{"code":403,"message":"Metadata scope does not support 'q' parameter",
    "errors":[{"message":"Metadata scope does not support 'q' parameter","domain":"global","reason":"forbidden"}],
    "status":"PERMISSION_DENIED"}}"#;

/// ...and reads no bodies.
pub const METADATA_FULL: &str = r#"{"error":{"errors":[{"domain":"global","reason":"forbidden",
    "message":"Metadata scope doesn't allow format FULL"}],"code":403,"message":"Metadata scope doesn't allow format FULL"}}"#;

/// 403: the client's project was deleted.
pub const PROJECT_DELETED: &str = r#"{"error":{"code":403,"message":"Project #640512773041 has been deleted.",
    "errors":[{"message":"Project #640512773041 has been deleted.","domain":"global","reason":"forbidden"}],
    "status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.Help"},
    {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"CONSUMER_INVALID"}]}}"#;

/// 403: the client's project was suspended.
pub const PROJECT_SUSPENDED: &str = r#"{"error":{"code":403,
    "message":"Permission denied: Consumer 'projects/640512773041' has been suspended.","status":"PERMISSION_DENIED",
    "details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"CONSUMER_SUSPENDED","domain":"googleapis.com",
    "metadata":{"service":"gmail.googleapis.com","consumer":"projects/640512773041"}},
    {"@type":"type.googleapis.com/google.rpc.LocalizedMessage","locale":"en-US",
    "message":"Permission denied: Consumer 'projects/640512773041' has been suspended."}]}}"#;

/// 403: the organisation has switched the use of APIs off.
pub const NO_APIS: &str = r#"{"error":{"errors":[{"domain":"global","reason":"domainCannotUseApis",
    "message":"Domain cannot use apis."}],"code":403,"message":"Domain cannot use apis."}}"#;

/// 403: the API is not enabled in the client's project.
pub const API_DISABLED: &str = r#"{"error":{"code":403,
    "message":"Gmail API has not been used in project 640512773041 before or it is disabled.",
    "errors":[{"message":"Gmail API has not been used in project 640512773041 before or it is disabled.",
    "domain":"usageLimits","reason":"accessNotConfigured","extendedHelp":"https://console.developers.google.com"}],
    "status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED",
    "domain":"googleapis.com","metadata":{"service":"gmail.googleapis.com","serviceTitle":"Gmail API",
    "activationUrl":"https://console.developers.google.com/apis/api/gmail.googleapis.com/overview?project=640512773041",
    "consumer":"projects/640512773041","containerInfo":"640512773041"}}]}}"#;

/// 401 of UserInfo without an identity scope.
pub const CREDENTIAL_MISSING: &str = r#"{"error":{"code":401,
    "message":"Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
    "status":"UNAUTHENTICATED"}}"#;

/// 401: a token that is expired, revoked or unknown. `errors[0]` has a message of its own.
pub const INVALID_CREDENTIALS: &str = r#"{"error":{"code":401,
    "message":"Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
    "errors":[{"message":"Invalid Credentials","domain":"global","reason":"authError",
    "location":"Authorization","locationType":"header"}],"status":"UNAUTHENTICATED"}}"#;

/// 403: the token lacks a scope.
pub const INSUFFICIENT_SCOPE: &str = r#"{"error":{"code":403,"message":"Request had insufficient authentication scopes.",
    "errors":[{"message":"Insufficient Permission","domain":"global","reason":"insufficientPermissions"}],
    "status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",
    "reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT","domain":"googleapis.com","metadata":{"service":"gmail.googleapis.com",
    "method":"caribou.api.proto.MailboxService.ListMessages"}}]}}"#;

/// 403: the administrators of the domain have switched Gmail off.
pub const DOMAIN_POLICY: &str = r#"{"error":{"code":403,"message":"The domain administrators have disabled Gmail apps.",
    "errors":[{"message":"The domain administrators have disabled Gmail apps.","domain":"global","reason":"domainPolicy"}],
    "status":"PERMISSION_DENIED"}}"#;

/// 400 of the token endpoint: a Workspace session has ended.
pub const INVALID_RAPT: &str = r#"{"error":"invalid_grant","error_description":"reauth related error (invalid_rapt)",
    "error_uri":"https://support.google.com/a/answer/9368756","error_subtype":"invalid_rapt"}"#;

/// A page for people, which automated callers get too: 429, 403 or 503.
pub const SORRY: &str = "<html><head><meta http-equiv=\"content-type\" content=\"text/html; charset=utf-8\"/>\
    <title>Sorry...</title></head><body><h1>We're sorry...</h1><p>... but your computer or network may be sending \
    automated queries. To protect our users, we can't process your request right now.</p></body></html>";

/// An error of the token endpoint.
pub fn oauth(error: &str) -> String {
    format!(r#"{{"error":"{error}","error_description":"Access to your account data is restricted."}}"#)
}

/// Where Google's front ends redirect an address that sends too many requests.
pub const SORRY_LOCATION: &str =
    "https://www.google.com/sorry/index?continue=https://gmail.googleapis.com/gmail/v1/users/me/messages";

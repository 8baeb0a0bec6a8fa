//! The Google Workspace domains whose accounts may connect. An e-mail address proves no membership.

/// RFC 1035 section 2.3.4.
const NAME_LIMIT: usize = 253;
const LABEL_LIMIT: usize = 63;

/// The allowed domains. If empty, any account may connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domains(Vec<String>);

impl Domains {
    /// Parses a comma-separated list of lower-case DNS names with at least two labels.
    pub fn parse(list: &str) -> Option<Self> {
        let domains: Vec<String> = list.split(',').map(|entry| entry.trim().to_owned()).collect();
        domains.iter().all(|domain| is_domain(domain)).then_some(Self(domains))
    }

    /// Whether an account with this `hd` claim in its ID token may connect.
    pub fn admit(&self, hosted_domain: Option<&str>) -> bool {
        let is_listed = |hosted: &str| self.0.iter().any(|domain| domain.eq_ignore_ascii_case(hosted));
        self.0.is_empty() || hosted_domain.is_some_and(is_listed)
    }

    /// The domains.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The domain, if there is exactly one. Google then offers only its accounts.
    pub fn only(&self) -> Option<&str> {
        if let [domain] = self.0.as_slice() { Some(domain) } else { None }
    }
}

fn is_domain(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        (1..=LABEL_LIMIT).contains(&label.len())
            && label.bytes().all(|byte| is_inner(byte) || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= NAME_LIMIT && name.contains('.') && name.split('.').all(is_label)
}

//! Parses the parameters of `GET /messages`: a subset of Gmail's `users.messages.list`.

use postern::door::query::Query;
use postern::outside::google::gmail::ListQuery;
use postern_rules::error::Error;
use postern_rules::user::is_bidirectional_control;

const Q_LIMIT: usize = 2048;
const PAGE_TOKEN_LIMIT: usize = 1024;
const LABELS_LIMIT: usize = 20;
const LABEL_LIMIT: usize = 256;
const LARGEST_PAGE: u16 = 500;
/// The largest page with metadata: each message is a call of its own, though many travel together.
const LARGEST_PAGE_WITH_METADATA: u16 = 100;
/// Costs 5 + 25 × 20 = 505 of Gmail's quota units; a user has 6,000 a minute.
const USUAL_PAGE_WITH_METADATA: u16 = 25;

/// What is returned of each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Its ID and its thread's.
    Ids {
        /// Whether to follow every page.
        all: bool,
    },
    /// What a list shows.
    Metadata,
}

pub(crate) struct Wanted {
    pub(crate) query: ListQuery,
    pub(crate) format: Format,
}

impl Wanted {
    /// Reads the parameters. Google's system parameters are not passed through (A37, B51).
    pub(crate) fn parse(query: &Query) -> Result<Self, Error> {
        query.only(&["q", "labelIds", "maxResults", "pageToken", "includeSpamTrash", "all", "format"])?;
        let format = format(query.one("format")?, flag(query.one("all")?)?)?;
        let max_results = query.one("maxResults")?.map(|text| page_size(text, format)).transpose()?;
        Ok(Self {
            query: ListQuery {
                q: query.one("q")?.map(search).transpose()?.filter(|q| !q.is_empty()),
                label_ids: labels(query)?,
                max_results: max_results.or(match format {
                    // The largest page size needs the fewest calls.
                    Format::Ids { all: true } => Some(LARGEST_PAGE),
                    Format::Ids { all: false } => None,
                    Format::Metadata => Some(USUAL_PAGE_WITH_METADATA),
                }),
                page_token: query.one("pageToken")?.map(page_token).transpose()?,
                include_spam_trash: flag(query.one("includeSpamTrash")?)?,
            },
            format,
        })
    }
}

fn format(text: Option<&str>, all: bool) -> Result<Format, Error> {
    match (text, all) {
        (None | Some("ids"), all) => Ok(Format::Ids { all }),
        (Some("metadata"), false) => Ok(Format::Metadata),
        (Some("metadata"), true) => {
            Err(Error::InvalidRequest("all=true lists IDs only: leave out format=metadata."))
        }
        (Some(_), _) => Err(Error::InvalidRequest("format is ids or metadata.")),
    }
}

fn search(q: &str) -> Result<String, Error> {
    let unusable = |character: char| character.is_control() || is_bidirectional_control(character);
    if q.len() > Q_LIMIT || q.chars().any(unusable) { Err(Error::InvalidQuery) } else { Ok(q.to_owned()) }
}

fn labels(query: &Query) -> Result<Vec<String>, Error> {
    let labels: Vec<String> = query.all("labelIds").map(str::to_owned).collect();
    let usable =
        |label: &String| (1..=LABEL_LIMIT).contains(&label.len()) && !label.chars().any(char::is_control);
    if labels.len() <= LABELS_LIMIT && labels.iter().all(usable) {
        Ok(labels)
    } else {
        Err(Error::InvalidQuery)
    }
}

fn page_size(text: &str, format: Format) -> Result<u16, Error> {
    let (largest, refusal) = match format {
        Format::Ids { .. } => (LARGEST_PAGE, "maxResults must be a number from 1 to 500."),
        Format::Metadata => {
            (LARGEST_PAGE_WITH_METADATA, "maxResults must be a number from 1 to 100 with format=metadata.")
        }
    };
    let digits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|size| digits && (1..=largest).contains(size))
        .ok_or(Error::InvalidRequest(refusal))
}

fn page_token(text: &str) -> Result<String, Error> {
    let usable =
        (1..=PAGE_TOKEN_LIMIT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if usable { Ok(text.to_owned()) } else { Err(Error::InvalidPageToken) }
}

fn flag(text: Option<&str>) -> Result<bool, Error> {
    match text {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Error::InvalidRequest("includeSpamTrash and all are true or false.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(raw: &str) -> &'static str {
        Query::parse(raw)
            .and_then(|query| Wanted::parse(&query))
            .map_or_else(|error| error.facts().code, |_| "ok")
    }

    #[test]
    fn b46_a_page_size_is_one_to_five_hundred_in_ascii_digits() {
        for good in ["1", "500", "25"] {
            assert_eq!(code(&format!("maxResults={good}")), "ok");
        }
        let (full_width, beyond_u64) = ("%EF%BC%91%EF%BC%90", "18446744073709551616");
        for bad in
            ["", "0", "-1", "501", "1e3", "0x10", "%2010", "10.0", "10,20", "0010", full_width, beyond_u64]
        {
            assert_eq!(code(&format!("maxResults={bad}")), "invalid_request", "{bad}");
        }
    }

    #[test]
    fn b47_a_page_token_is_bounded_visible_ascii() {
        assert_eq!(code("pageToken=12345"), "ok");
        let long = "x".repeat(1025);
        for bad in ["", "a%0d%0a", "a%00", "a+b", &long] {
            assert_eq!(code(&format!("pageToken={bad}")), "invalid_page_token", "{bad}");
        }
    }

    #[test]
    fn b48_a_search_has_no_control_characters() {
        assert_eq!(code("q=from%3A%C3%A9t%C3%A9+is%3Aunread"), "ok");
        let long = "x".repeat(2049);
        for bad in ["a%0a", "a%E2%80%AEb", &long] {
            assert_eq!(code(&format!("q={bad}")), "invalid_query", "{bad}");
        }
    }

    #[test]
    fn b49_up_to_twenty_labels_are_taken() {
        assert_eq!(code(&"labelIds=INBOX&".repeat(20)), "ok");
        assert_eq!(code(&"labelIds=INBOX&".repeat(21)), "invalid_query");
        assert_eq!(code("labelIds="), "invalid_query");
    }

    #[test]
    fn b50_a_flag_is_true_or_false() {
        for bad in ["TRUE", "1", "yes", ""] {
            assert_eq!(code(&format!("includeSpamTrash={bad}")), "invalid_request", "{bad}");
        }
        assert_eq!(code("includeSpamTrash=true&all=false"), "ok");
    }

    #[test]
    fn b46_b50_a_format_is_ids_or_metadata_and_metadata_comes_in_pages_of_a_hundred() {
        for good in ["format=ids&all=true", "format=metadata&maxResults=100", "format=metadata&all=false"] {
            assert_eq!(code(good), "ok", "{good}");
        }
        for bad in ["format=", "format=full", "format=IDS", "format=metadata&maxResults=101"] {
            assert_eq!(code(bad), "invalid_request", "{bad}");
        }
        assert_eq!(code("format=metadata&all=true"), "invalid_request");
        assert_eq!(code("format=ids&format=ids"), "duplicate_parameter");
    }

    #[test]
    fn a37_b51_other_parameters_are_refused() {
        for name in ["userId", "fields", "alt", "key", "access_token", "callback", "Q"] {
            assert_eq!(code(&format!("{name}=x")), "unsupported_parameter", "{name}");
        }
    }
}

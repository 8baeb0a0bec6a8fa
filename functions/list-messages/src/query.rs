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

pub(crate) struct Wanted {
    pub(crate) query: ListQuery,
    /// Whether to follow every page.
    pub(crate) all: bool,
}

impl Wanted {
    /// Reads the parameters. Google's system parameters are not passed through (A37, B51).
    pub(crate) fn parse(query: &Query) -> Result<Self, Error> {
        query.only(&["q", "labelIds", "maxResults", "pageToken", "includeSpamTrash", "all"])?;
        let all = flag(query.one("all")?)?;
        let max_results = query.one("maxResults")?.map(page_size).transpose()?;
        Ok(Self {
            query: ListQuery {
                q: query.one("q")?.map(search).transpose()?.filter(|q| !q.is_empty()),
                label_ids: labels(query)?,
                // The largest page size needs the fewest calls.
                max_results: max_results.or(all.then_some(LARGEST_PAGE)),
                page_token: query.one("pageToken")?.map(page_token).transpose()?,
                include_spam_trash: flag(query.one("includeSpamTrash")?)?,
            },
            all,
        })
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

fn page_size(text: &str) -> Result<u16, Error> {
    let digits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|size| digits && (1..=LARGEST_PAGE).contains(size))
        .ok_or(Error::InvalidRequest("maxResults must be a number from 1 to 500."))
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
    fn a37_b51_other_parameters_are_refused() {
        for name in ["userId", "fields", "alt", "key", "access_token", "callback", "Q"] {
            assert_eq!(code(&format!("{name}=x")), "unsupported_parameter", "{name}");
        }
    }
}

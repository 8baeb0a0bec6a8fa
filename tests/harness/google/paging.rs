//! Gmail's lists: pages, page tokens, and the estimate of how much there is.

use serde_json::{Value, json};

use super::answer::Answer;
use super::calls::Call;
use super::errors;

const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: usize = 500;
/// Marks page tokens as this fake's; any value will do.
const PAGE_MARK: u64 = 0x5eed_0000_0000;

/// One page of what was found, under this name.
pub(super) fn paged<T>(
    call: &Call,
    name: &str,
    found: &[T],
    item: impl Fn(&T) -> Value,
) -> Result<Value, Answer> {
    let size = page_size(call)?;
    let start = match call.query_value("pageToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => offset_of(token)
            .filter(|offset| *offset < found.len())
            .ok_or_else(|| errors::invalid_argument("Invalid pageToken"))?,
    };
    let end = found.len().min(start + size);
    let mut body = json!({ "resultSizeEstimate": estimate(found.len(), start == 0 && end == found.len()) });
    if start < end {
        body[name] = found[start..end].iter().map(item).collect();
    }
    if end < found.len() {
        body["nextPageToken"] = token_of(end).into();
    }
    Ok(body)
}

fn page_size(call: &Call) -> Result<usize, Answer> {
    match call.query_value("maxResults").filter(|value| !value.is_empty()) {
        None => Ok(DEFAULT_PAGE),
        Some(value) => match value.parse::<u32>() {
            Ok(0) => Ok(DEFAULT_PAGE),
            Ok(size) => Ok(usize::try_from(size).unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE)),
            Err(_) => {
                let message = format!("Invalid value at 'max_results' (TYPE_UINT32), \"{value}\"");
                Err(errors::invalid_argument(&message))
            }
        },
    }
}

/// Gmail counts what it has before it; of more pages it says "201 or so", never the truth.
fn estimate(total: usize, is_all: bool) -> usize {
    match total {
        _ if is_all => total,
        201 => 202,
        _ => 201,
    }
}

/// A page token is twenty digits that mean nothing to the caller; its upper half is a check of its
/// lower.
fn token_of(offset: usize) -> String {
    let offset = u64::try_from(offset).unwrap_or_default();
    let check = (offset ^ PAGE_MARK).wrapping_mul(0x9e37_79b9_7f4a_7c15) & 0xffff_ffff_0000_0000;
    format!("{:020}", (check | offset) ^ PAGE_MARK)
}

fn offset_of(token: &str) -> Option<usize> {
    let number = token.parse::<u64>().ok()? ^ PAGE_MARK;
    let offset = usize::try_from(number & 0xffff_ffff).ok()?;
    (token_of(offset) == token).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_leads_back_to_its_offset_and_a_made_up_one_nowhere() {
        for offset in [1, 100, 1199] {
            assert_eq!(offset_of(&token_of(offset)), Some(offset));
        }
        for token in ["1", "100", "00000000000000000100", "abc", "", "99999999999999999999999"] {
            assert_eq!(offset_of(token), None, "{token}");
        }
    }

    #[test]
    fn the_estimate_is_never_the_true_count_while_more_pages_follow() {
        assert_eq!(estimate(201, false), 202);
        assert_eq!(estimate(1240, false), 201);
        assert_eq!(estimate(7, true), 7);
    }
}

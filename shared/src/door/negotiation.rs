//! Content negotiation between two media types (RFC 9110 section 12.5.1).

/// Whether `Accept` prefers `wanted` to `other`: by weight, then by specificity (`application/json,
/// */*` prefers JSON). A tie or a missing header is no preference.
pub(super) fn prefers(accept: Option<&str>, wanted: &str, other: &str) -> bool {
    let Some(accept) = accept else { return false };
    let (wanted, other) = (rank(accept, wanted), rank(accept, other));
    wanted.0 > 0.0 && wanted > other
}

/// The weight of a media type, and the specificity of the matching range.
fn rank(accept: &str, media_type: &str) -> (f32, u32) {
    let (kind, _) = media_type.split_once('/').unwrap_or((media_type, ""));
    let ranges = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        let specificity = match name.split_once('/')? {
            _ if name == media_type => 2,
            (range_kind, "*") if range_kind == kind => 1,
            ("*", "*") => 0,
            _ => return None,
        };
        let text = parts.find_map(|parameter| parameter.strip_prefix("q=").or(parameter.strip_prefix("Q=")));
        Some((specificity, text.map_or(1.0, weight)))
    });
    ranges.max_by_key(|range| range.0).map_or((0.0, 0), |(specificity, weight)| (weight, specificity))
}

/// A weight from 0 to 1; an invalid one counts as 0.
fn weight(text: &str) -> f32 {
    text.trim().parse().ok().filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    #[test]
    fn a_browser_prefers_a_page_and_a_script_prefers_json() {
        assert!(prefers(Some(BROWSER), "text/html", "application/problem+json"));
        assert!(!prefers(Some(BROWSER), "application/json", "text/html"));
        assert!(prefers(Some("application/json"), "application/json", "text/html"));
        assert!(prefers(Some("application/json;q=0.9, */*;q=0.1"), "application/json", "text/html"));
        // The default of widely used HTTP clients.
        assert!(prefers(Some("application/json, text/plain, */*"), "application/json", "text/html"));
    }

    #[test]
    fn b58_what_says_nothing_is_no_preference() {
        for accept in [None, Some("*/*"), Some("*/*;q=0"), Some("junk"), Some(""), Some(";;,/,q=")] {
            assert!(!prefers(accept, "text/html", "application/problem+json"), "{accept:?}");
            assert!(!prefers(accept, "application/json", "text/html"), "{accept:?}");
        }
    }
}

//! The text of headers and snippets: encoded words, addresses and entities are decoded; controls
//! are removed; everything is cut to a length.

use mail_parser::parsers::MessageStream;
use mail_parser::{Address, HeaderValue};

use super::{LONGEST_ADDRESS, LONGEST_NAME, Mailbox};
use crate::user::is_bidirectional_control;

/// In bytes. A longer header is cut before it is parsed: the time that the parser takes can grow
/// with the square of the length.
const LONGEST_HEADER: usize = 4096;

/// Decodes the words of a header (RFC 2047).
pub(super) fn decoded(header: &str) -> String {
    let line = header_line(cut(header, LONGEST_HEADER));
    match MessageStream::new(line.as_bytes()).parse_unstructured() {
        HeaderValue::Text(text) => text.into_owned(),
        _ => String::new(),
    }
}

/// The first mailboxes of a header with addresses (RFC 5322 section 3.4), groups dissolved. What
/// has no address is left out.
pub(super) fn mailboxes(header: &str, most: usize) -> Vec<Mailbox> {
    let whole = cut(header, LONGEST_HEADER);
    // A list that was cut ends with a part of an address.
    let kept =
        if whole.len() < header.len() { whole.rfind(',').map_or(whole, |end| &whole[..end]) } else { whole };
    let line = header_line(kept);
    let HeaderValue::Address(addresses) = MessageStream::new(line.as_bytes()).parse_address() else {
        return Vec::new();
    };
    let addresses = match addresses {
        Address::List(list) => list,
        Address::Group(groups) => groups.into_iter().flat_map(|group| group.addresses).collect(),
    };
    let mailboxes = addresses.into_iter().filter_map(|address| {
        let name = address.name.map(|name| self::line(&name, LONGEST_NAME));
        let email = address.address.filter(|email| is_address(email))?.into_owned();
        Some(Mailbox { name: name.filter(|name| !name.is_empty()), email })
    });
    mailboxes.take(most).collect()
}

/// One line of a header for the parser, which wants a line break at its end.
fn header_line(header: &str) -> String {
    let mut line: String = header.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
    line.push('\n');
    line
}

/// Whether a text can be an e-mail address. For display: nothing is sent there.
fn is_address(text: &str) -> bool {
    let unusable = |one: char| one.is_whitespace() || one.is_control() || is_bidirectional_control(one);
    text.len() <= LONGEST_ADDRESS
        && !text.contains(unusable)
        && text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

/// The text as one line of at most so many bytes. Bidirectional controls are left out: they could
/// make a name or a subject read as another one.
pub(super) fn line(text: &str, longest: usize) -> String {
    let (mut line, mut is_between) = (String::new(), false);
    for one in text.chars().filter(|one| !is_bidirectional_control(*one)) {
        if line.len() >= longest {
            break;
        }
        if one.is_whitespace() || one.is_control() {
            is_between = true;
            continue;
        }
        if std::mem::take(&mut is_between) && !line.is_empty() {
            line.push(' ');
        }
        line.push(one);
    }
    cut(&line, longest).trim_end().to_owned()
}

/// Decodes HTML's entities, once: Gmail's snippet is text for a page.
pub(super) fn without_entities(text: &str) -> String {
    let mut pieces = text.split('&');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let decoded = piece.split_once(';').and_then(|(entity, rest)| Some((character(entity)?, rest)));
        plain.push(decoded.map_or('&', |(character, _)| character));
        plain.push_str(decoded.map_or(piece, |(_, rest)| rest));
    }
    plain
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

/// The longest beginning of at most so many bytes that ends with a whole character.
fn cut(text: &str, longest: usize) -> &str {
    &text[..text.floor_char_boundary(longest)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_any_usual_character_set_is_decoded() {
        for (header, text) in [
            ("plain", "plain"),
            ("=?utf-8?B?w6k=?=", "é"),
            ("=?iso-8859-1?Q?caf=E9_au_lait?=", "café au lait"),
            ("=?windows-1252?Q?=805?=", "€5"),
            ("=?koi8-r?B?8NLJ18XU?=", "Привет"),
            ("=?gb2312?B?xOO6ww==?=", "你好"),
            ("=?euc-kr?B?vsiz5w==?=", "안녕"),
            ("=?Shift_JIS?B?g2WDWINn?=", "テスト"),
            ("a =?utf-8?Q?b?=  =?utf-8?Q?c?= d", "a bc d"),
            ("already décodé", "already décodé"),
            ("=?utf-8?Q?broken", "=?utf-8?Q?broken"),
            ("=?nonsense?Q?=FF?=", "\u{fffd}"),
            ("=?utf-8?X?x?=", "=?utf-8?X?x?="),
        ] {
            assert_eq!(line(&decoded(header), 100), text, "{header}");
        }
    }

    #[test]
    fn a_line_has_no_controls_and_an_end() {
        assert_eq!(line(" a\r\n\tb\u{202e}c\u{2028}\u{2066} d\0", 100), "a bc d");
        assert_eq!(line("\u{202e} \u{2069}", 100), "");
        assert_eq!(line("é".repeat(10).as_str(), 5), "éé");
        assert_eq!(line(&"ab ".repeat(1000), 5), "ab ab");
    }

    #[test]
    fn entities_are_decoded_once() {
        assert_eq!(
            without_entities("&amp;lt; &#x1F600;&#39;&#0065;&unknown; & &; &#xD800; &#99999999999;"),
            "&lt; 😀'A&unknown; & &; &#xD800; &#99999999999;"
        );
    }

    #[test]
    fn a_header_that_costs_time_is_cut() {
        let mut list: Vec<String> = (0..5000).map(|number| format!("user{number}@example.com")).collect();
        list.insert(0, "Ann <ann@example.com>".to_owned());
        let found = mailboxes(&list.join(", "), 1000);
        assert!((100..300).contains(&found.len()), "{}", found.len());
        assert!(found.iter().skip(1).all(|one| one.email.ends_with("@example.com")));
        for hostile in
            ["(", "\"", "<", ":", "a:", "=?utf-8?q?", "=?aa", "\\", ",", ";", "a@b(", "\u{202e}@x,"]
        {
            let header = hostile.repeat(100_000);
            assert!(mailboxes(&header, 20).len() <= 20 && decoded(&header).len() <= 2 * LONGEST_HEADER);
        }
    }
}

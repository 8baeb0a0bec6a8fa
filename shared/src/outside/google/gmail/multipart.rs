//! The bodies of Gmail's batch endpoint (Gmail API, "Batch requests"; RFC 2046 section 5.1): many
//! requests in one, and their answers.

use std::fmt::Write as _;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use zeroize::Zeroizing;

use crate::outside::http::Answer;

/// Between the parts of a request, which hold nothing that a caller or a mail wrote.
const BOUNDARY: &str = "part_of_a_batch";
/// The media type of a request.
pub(super) const REQUEST_TYPE: &str = "multipart/mixed; boundary=part_of_a_batch";
/// Gmail takes a hundred requests at once.
const MOST_PARTS: usize = 100;

/// The body that asks for each of these paths. The position is the part's `Content-ID`.
pub(super) fn request(paths: impl Iterator<Item = String>) -> String {
    let mut body = String::new();
    for (number, path) in paths.enumerate() {
        let _ = write!(
            body,
            "--{BOUNDARY}\r\nContent-Type: application/http\r\nContent-ID: <{number}>\r\n\r\nGET {path}\r\n\r\n"
        );
    }
    body + "--" + BOUNDARY + "--\r\n"
}

/// The answers in a response, each with the position of its request. `None`: this is no batch.
/// Parts that cannot be read are left out. The last may have been cut.
pub(super) fn answers(whole: &Answer) -> Option<Vec<(usize, Answer)>> {
    let media_type = whole.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let parts = parts(&whole.body, &boundary(media_type)?);
    Some(parts.into_iter().take(MOST_PARTS).filter_map(answer).collect())
}

fn boundary(media_type: &str) -> Option<String> {
    let mut pieces = media_type.split(';').map(str::trim);
    let is_mixed = pieces.next().is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/mixed"));
    let value = pieces
        .filter_map(|piece| piece.split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("boundary"));
    let boundary = value.filter(|_| is_mixed)?.1.trim_matches('"');
    (1..=70).contains(&boundary.len()).then(|| format!("--{boundary}"))
}

/// What stands between the delimiters. A delimiter is a line of its own. JSON has no line break
/// inside a text, so nothing in a mail can be one.
fn parts<'a>(body: &'a [u8], delimiter: &str) -> Vec<&'a [u8]> {
    let (mut parts, mut begin, mut at) = (Vec::new(), None, 0);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let next = at + line.len();
        match line.trim_ascii_end().strip_prefix(delimiter.as_bytes()) {
            Some(b"") => {
                parts.extend(begin.replace(next).map(|begin| &body[begin..at]));
            }
            Some(b"--") => {
                parts.extend(begin.take().map(|begin| &body[begin..at]));
                return parts;
            }
            _ => {}
        }
        at = next;
    }
    parts.extend(begin.map(|begin| &body[begin..]));
    parts
}

/// One part: its headers, a status line, headers, and a body.
fn answer(part: &[u8]) -> Option<(usize, Answer)> {
    let (outer, http) = head_and_rest(part)?;
    let number = fields(outer).find(|(name, _)| name.eq_ignore_ascii_case("content-id"))?.1;
    let number = number.strip_prefix("<response-")?.strip_suffix('>')?.parse().ok()?;
    let (inner, body) = head_and_rest(http)?;
    let status = std::str::from_utf8(inner).ok()?.lines().next()?;
    let status = status.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok()?;
    let known = |name: &str| {
        let known = [CONTENT_TYPE, RETRY_AFTER].into_iter();
        known.into_iter().find(|known: &HeaderName| name.eq_ignore_ascii_case(known.as_str()))
    };
    let headers: HeaderMap = fields(inner)
        .filter_map(|(name, value)| Some((known(name)?, HeaderValue::from_str(value).ok()?)))
        .collect();
    Some((number, Answer { status, headers, body: Zeroizing::new(body.trim_ascii().to_vec()) }))
}

/// Splits at the first empty line.
fn head_and_rest(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let next = at + line.len();
        if line.trim_ascii().is_empty() {
            return Some((&text[..at], &text[next..]));
        }
        at = next;
    }
    None
}

/// The header fields of a head; other lines are skipped.
fn fields(head: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    let lines = head.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(media_type: &str, body: &str) -> Answer {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(media_type).unwrap())]);
        Answer { status: 200, headers, body: Zeroizing::new(body.into()) }
    }

    fn read(media_type: &str, body: &str) -> Option<Vec<(usize, u16, String)>> {
        let found = answers(&whole(media_type, body))?.into_iter();
        Some(
            found
                .map(|(number, answer)| {
                    (number, answer.status, String::from_utf8_lossy(&answer.body).into_owned())
                })
                .collect(),
        )
    }

    const PART: &str = "Content-Type: application/http\r\nContent-ID: <response-1>\r\n\r\nHTTP/1.1 200 OK\r\nRetry-After: 7\r\n\r\n{}\r\n";

    #[test]
    fn a_request_names_each_part_by_its_position() {
        let body = request(["/a", "/b"].map(str::to_owned).into_iter());
        assert_eq!(body.matches("\r\nGET /").count(), 2);
        assert!(body.contains("Content-ID: <1>\r\n\r\nGET /b\r\n\r\n--part_of_a_batch--\r\n"), "{body}");
        assert!(REQUEST_TYPE.ends_with(BOUNDARY));
    }

    #[test]
    fn parts_are_read_by_their_content_id_whatever_surrounds_them() {
        let other = PART.replace("response-1", "response-0").replace("200 OK", "404 Not Found");
        let body = format!("preamble\r\n--b\r\n{PART}--b\r\n{other}--b--\r\n--b\r\n{PART}");
        let expected = vec![(1, 200, "{}".to_owned()), (0, 404, "{}".to_owned())];
        for media_type in ["multipart/mixed; boundary=b", "Multipart/Mixed;charset=x;BOUNDARY=\"b\""] {
            assert_eq!(read(media_type, &body).as_ref(), Some(&expected), "{media_type}");
            assert_eq!(read(media_type, &body.replace("\r\n", "\n")).as_ref(), Some(&expected));
        }
        let found = answers(&whole("multipart/mixed; boundary=b", &body)).unwrap();
        assert_eq!(found[0].1.headers[RETRY_AFTER], "7");
    }

    #[test]
    fn what_is_no_batch_and_what_is_no_part_is_left_out() {
        for media_type in
            ["text/html", "multipart/mixed", "multipart/mixed; boundary=", "multipart/other; boundary=b"]
        {
            assert!(read(media_type, "--b\r\n").is_none(), "{media_type}");
        }
        for part in [
            "",
            "\r\n\r\n",
            "Content-ID: <response-1>\r\n\r\n",
            &PART.replace("response-1", "response-x"),
            &PART.replace("HTTP/1.1 200 OK", "200"),
            &PART.replace("Content-ID", "Content-IDs"),
        ] {
            let body = format!("--b\r\n{part}--b\r\n{PART}--b--");
            assert_eq!(read("multipart/mixed; boundary=b", &body).unwrap().len(), 1, "{part}");
        }
    }

    #[test]
    fn an_answer_that_was_cut_has_the_parts_before() {
        let body = format!("--b\r\n{PART}--b\r\n{PART}");
        for length in 0..body.len() {
            let count = read("multipart/mixed; boundary=b", &body[..length]).unwrap().len();
            assert!(count <= 2 && (length < 5 + PART.len() || count >= 1), "{length}");
        }
    }

    #[test]
    fn a_delimiter_inside_a_line_is_text() {
        let hostile = PART.replace("{}", r#"{"snippet":"--b\r\n--b--"}"#);
        assert_eq!(
            read("multipart/mixed; boundary=b", &format!("--b\r\n{hostile}--b--\r\n")).unwrap().len(),
            1
        );
    }
}

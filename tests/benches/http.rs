//! HTTP/1.1 on blocking streams: reads requests, and writes responses that were built before.

use std::io::{BufRead, Error, ErrorKind, Read, Result};

/// The most bytes of a body.
const LIMIT: usize = 8 * 1024 * 1024;

/// A complete request.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The names are in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Reads the next request of a connection; `None` if the client has closed it.
    pub(crate) fn read(stream: &mut impl BufRead) -> Result<Option<Self>> {
        let first = line(stream)?;
        let Some((method, rest)) = first.split_once(' ') else { return Ok(None) };
        let path = rest.split(' ').next().unwrap_or_default().to_owned();
        let mut request = Self { method: method.to_owned(), path, headers: Vec::new(), body: Vec::new() };
        loop {
            let header = line(stream)?;
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').ok_or(ErrorKind::InvalidData)?;
            request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if request.header("transfer-encoding").is_some() {
            loop {
                let size = line(stream)?;
                let size = usize::from_str_radix(&size, 16).map_err(|_| ErrorKind::InvalidData)?;
                request.read_body(stream, size)?;
                line(stream)?;
                if size == 0 {
                    break;
                }
            }
        } else if let Some(length) = request.header("content-length") {
            let size = length.parse().map_err(|_| ErrorKind::InvalidData)?;
            request.read_body(stream, size)?;
        }
        Ok(Some(request))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the body has this text.
    pub(crate) fn mentions(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|window| window == text.as_bytes())
    }

    fn read_body(&mut self, stream: &mut impl BufRead, size: usize) -> Result<()> {
        let begin = self.body.len();
        if begin + size > LIMIT {
            return Err(Error::other("a body is too long"));
        }
        self.body.resize(begin + size, 0);
        stream.read_exact(&mut self.body[begin..])
    }
}

fn line(stream: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    stream.take(64 * 1024).read_line(&mut line)?;
    line.truncate(line.trim_end().len());
    Ok(line)
}

/// A complete response. `headers` are whole lines, each with its line end.
pub(crate) fn response(status: u16, content_type: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} -\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
        .into_bytes()
}

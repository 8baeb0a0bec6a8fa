//! Reads a file line by line, and never more of a line than a limit.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use postern_rules::import::{Defect, LINE_LIMIT};
use zeroize::Zeroizing;

/// The lines of a file.
pub(super) struct Lines {
    reader: BufReader<File>,
    number: u64,
}

/// One line without its end, if it keeps the limit.
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    pub(super) text: Result<Zeroizing<Vec<u8>>, Defect>,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Ok(Self { reader: BufReader::new(file), number: 0 })
    }

    /// The next line; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Line>, String> {
        self.read().map_err(|error| format!("cannot read line {}: {error}", self.number))
    }

    fn read(&mut self) -> std::io::Result<Option<Line>> {
        // With room for `\r\n`. It never grows, which would leave copies in memory.
        let most = LINE_LIMIT + 2;
        let mut text = Zeroizing::new(Vec::with_capacity(most));
        self.number += 1;
        if self.reader.by_ref().take(most as u64).read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        if text.pop_if(|last| *last == b'\n').is_some() {
            text.pop_if(|last| *last == b'\r');
        } else {
            self.reader.skip_until(b'\n')?;
        }
        let text = if text.len() > LINE_LIMIT { Err(Defect::TooLong) } else { Ok(text) };
        Ok(Some(Line { number: self.number, text }))
    }
}

/// How many lines a file has.
pub(super) fn count(path: &Path) -> Result<u64, String> {
    let mut lines = Lines::open(path)?;
    let mut count = 0;
    while lines.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b82_a_line_is_read_up_to_a_limit_and_the_next_one_is_whole() {
        let path = std::env::temp_dir().join(format!("postern-lines-{}", std::process::id()));
        let exact = "x".repeat(LINE_LIMIT);
        for ending in ["\n", "\r\n"] {
            let long = ["x".repeat(LINE_LIMIT + 1), "y".repeat(9 * LINE_LIMIT + 5)];
            let all = ["one", &exact, &long[0], "", &long[1], "last"].join(ending);
            for end in ["", ending] {
                std::fs::write(&path, format!("{all}{end}")).unwrap();
                let mut lines = Lines::open(&path).unwrap();
                let mut found = Vec::new();
                while let Some(line) = lines.next().unwrap() {
                    found.push((line.number, line.text.map(|text| text.len())));
                }
                let long = Err(Defect::TooLong);
                let lengths = [Ok(3), Ok(LINE_LIMIT), long, Ok(0), long, Ok(4)];
                assert_eq!(found, (1..).zip(lengths).collect::<Vec<_>>());
                assert_eq!(count(&path), Ok(6));
            }
        }
        std::fs::remove_file(path).unwrap();
    }
}

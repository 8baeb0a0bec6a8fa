//! Keeps the catalogue complete: SECURITY.md lists each id with its answer, each answer has a test
//! whose name begins with that id, and the sources mention no other ids. Reads the sources and runs
//! none of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// The series and how many ids each has: attacks, faults, bad input and invariants.
const SERIES: [(char, u8); 4] = [('A', 118), ('F', 116), ('B', 85), ('I', 7)];
/// The ids that may be open, because they concern routes that do not exist. This list only shrinks.
const MAY_BE_OPEN: [&str; 0] = [];
/// A test name with more ids than this counts for none of them: such a test is not specific.
const MOST_IDS: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id(char, u8);

impl Id {
    /// Reads `A01`, `A100` or `I1`.
    fn parse(text: &str) -> Option<Self> {
        let (series, digits) = text.split_at_checked(1)?;
        let series = series.chars().next()?;
        let id = Self(series, digits.parse().ok()?);
        // One spelling for each: no `A1`, no `A0100`.
        (SERIES.iter().any(|(known, _)| *known == series) && id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = if self.0 == 'I' { 1 } else { 2 };
        write!(formatter, "{}{:0width$}", self.0, self.1)
    }
}

/// The ids that a test's name begins with: `a01_`, `a01_b22_`, `a01_and_b22_`, and ranges such as
/// `b01_to_b05_`.
fn ids_of(name: &str) -> BTreeSet<Id> {
    let mut ids = BTreeSet::new();
    let mut last: Option<Id> = None;
    let mut words = name.split('_');
    while let Some(word) = words.next() {
        let (range_from, word) = match word {
            "to" if last.is_some() => (last, words.next().unwrap_or_default()),
            "and" if last.is_some() => (None, words.next().unwrap_or_default()),
            _ => (None, word),
        };
        let Some(id) = Id::parse(&word.to_ascii_uppercase()) else { break };
        let first = range_from.map_or(id.1, |from| from.1);
        assert!(range_from.is_none_or(|from| from.0 == id.0) && first <= id.1, "{name}: no such range");
        ids.extend((first..=id.1).map(|number| Id(id.0, number)));
        last = Some(id);
    }
    ids
}

/// The names of the tests in a Rust source, including those in macros but not ignored ones.
fn tests_of_rust(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut is_test, mut is_ignored) = (false, false);
    for line in source.lines().map(str::trim) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        is_ignored |= line.starts_with("#[ignore");
        let declaration = line.strip_prefix("async ").unwrap_or(line);
        let Some(rest) = declaration.strip_prefix("fn ") else { continue };
        if is_test && !is_ignored {
            let name = rest.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
            names.extend(name.take(1).map(str::to_owned));
        }
        (is_test, is_ignored) = (false, false);
    }
    names
}

/// The names of a script's tests, `test("f71: ...", ...)`, as Rust would write them.
fn tests_of_script(source: &str) -> Vec<String> {
    let calls = source.lines().filter_map(|line| line.trim().strip_prefix("test("));
    let names = calls.filter_map(|call| call.strip_prefix(['"', '\'', '`']));
    names.map(|name| name.replace([':', ',', ' '], "_").replace("__", "_")).collect()
}

/// The ids in the tables of SECURITY.md's last section, `| A01 | what happens | the answer |`, and
/// whether each is open.
fn listed(document: &str) -> BTreeMap<Id, bool> {
    let (_, section) = document.split_once("\n## The catalogue\n").expect("SECURITY.md has the section");
    let mut listed = BTreeMap::new();
    for row in section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| id ")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [id, happens, answer] = cells.as_slice() else { panic!("not three cells: {row}") };
        let id = Id::parse(id).unwrap_or_else(|| panic!("not an id: {row}"));
        assert!(!happens.is_empty() && !answer.is_empty(), "an empty cell: {row}");
        let is_open = answer.split(':').next() == Some("open");
        assert!(listed.insert(id, is_open).is_none(), "{id} is listed twice");
    }
    listed
}

/// Everything that is wrong, one sentence each.
fn complaints(listed: &BTreeMap<Id, bool>, tests: &[String]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut tested = BTreeSet::new();
    for name in tests {
        let ids = ids_of(name);
        let mut complain = |id: &Id, what: &str| complaints.push(format!("{name}: SECURITY.md {what} {id}."));
        ids.iter().filter(|id| !listed.contains_key(id)).for_each(|id| complain(id, "does not list"));
        if ids.len() <= MOST_IDS {
            ids.iter()
                .filter(|id| listed.get(id) == Some(&true))
                .for_each(|id| complain(id, "does not answer"));
            tested.extend(ids);
        }
    }
    let all: BTreeSet<Id> =
        SERIES.iter().flat_map(|(series, count)| (1..=*count).map(|number| Id(*series, number))).collect();
    let known: BTreeSet<Id> = listed.keys().copied().collect();
    for id in all.symmetric_difference(&known) {
        complaints.push(format!("{id} is not both in SECURITY.md and in the series."));
    }
    for (id, is_open) in listed {
        if *is_open && !MAY_BE_OPEN.contains(&id.to_string().as_str()) {
            complaints.push(format!("{id} may not be open: its route exists."));
        }
        if !is_open && id.0 != 'I' && !tested.contains(id) {
            complaints.push(format!("SECURITY.md answers {id}, and no test's name begins with it."));
        }
    }
    complaints
}

/// The files under `folder` whose name has one of these endings, except what npm installs.
pub(super) fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let ours = entries.filter(|path| !path.ends_with("node_modules"));
    let nested = ours.map(|path| if path.is_dir() { files(&path, endings) } else { vec![path] });
    let is_wanted = |path: &PathBuf| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending));
    nested.flatten().filter(is_wanted).collect()
}

/// Every source, as text.
fn sources(endings: &[&str]) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = ["shared", "functions", "tests", "xtask", "web", "infra", "docs"];
    let paths = folders.iter().flat_map(|folder| files(&root.join(folder), endings));
    paths.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn each_id_of_the_catalogue_is_listed_and_each_answer_has_a_test() {
    let rust = sources(&[".rs"]);
    let mut tests: Vec<String> = rust.iter().flat_map(|(_, text)| tests_of_rust(text)).collect();
    tests.extend(sources(&[".test.mjs"]).iter().flat_map(|(_, text)| tests_of_script(text)));
    assert!(tests.len() > 200, "{} tests are too few to be all", tests.len());
    let complaints = complaints(&listed(include_str!("../../SECURITY.md")), &tests);
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn each_id_that_is_met_in_the_sources_is_listed() {
    let listed = listed(include_str!("../../SECURITY.md"));
    let mut met = 0;
    for (path, text) in sources(&[".rs", ".js", ".mjs", ".html", ".css", ".yaml", ".md"]) {
        if path.ends_with("integration/ratchet.rs") {
            continue;
        }
        for id in text.split(|character: char| !character.is_ascii_alphanumeric()).filter_map(Id::parse) {
            assert!(listed.contains_key(&id), "{}: SECURITY.md does not list {id}", path.display());
            met += 1;
        }
    }
    assert!(met > 50, "{met} are too few to be all");
}

#[test]
fn a_claim_without_a_test_and_a_test_without_a_claim_are_noticed() {
    let ids = |name| ids_of(name).iter().map(Id::to_string).collect::<Vec<_>>().join(" ");
    assert_eq!(ids("b01_to_b02_and_b08_to_b10_b12_it"), "B01 B02 B08 B09 B10 B12");
    assert_eq!(ids("a04_and_then_b01_is_no_claim"), "A04");
    assert_eq!(ids("a1_a001_c01_within_a04"), "");
    let source = "#[test]\nfn a01_x() {}\n#[test]\n#[ignore]\nfn a02_x() {}\nfn a03_x() {}";
    assert_eq!(tests_of_rust(source), ["a01_x"]);
    let found = complaints(&BTreeMap::from([(Id('A', 1), false)]), &["b09_x".to_owned()]);
    for sentence in [
        "SECURITY.md answers A01, and no test's name begins with it.",
        "b09_x: SECURITY.md does not list B09.",
        "A02 is not both in SECURITY.md and in the series.",
    ] {
        assert!(found.iter().any(|complaint| complaint == sentence), "{sentence}\n{found:?}");
    }
}

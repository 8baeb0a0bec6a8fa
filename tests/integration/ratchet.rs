//! The catalogue cannot rot: each id stands in SECURITY.md with its answer, and each answer has a test whose name begins
//! with that id. Reads the sources; runs nothing of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// The three series, and how many ids each has.
const SERIES: [(char, u8); 3] = [('A', 85), ('F', 93), ('B', 68)];
/// The ids that may be open, for they concern routes that do not exist. This list only becomes shorter.
const MAY_BE_OPEN: [&str; 10] = ["A49", "A59", "A74", "A75", "B65", "F74", "F75", "F76", "F77", "F78"];
/// A name that gives more ids than this counts for none of them: a test of everything tests nothing in particular.
const MOST_IDS: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id(char, u8);

impl Id {
    /// Reads `a01` or `A01`.
    fn parse(text: &str) -> Option<Self> {
        let (letter, digits) = text.split_at_checked(1)?;
        let series = letter.chars().next()?.to_ascii_uppercase();
        let number = digits.parse().ok().filter(|_| digits.len() == 2)?;
        matches!(series, 'A' | 'B' | 'F').then_some(Self(series, number))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{:02}", self.0, self.1)
    }
}

/// How an id stands in SECURITY.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Answered,
    Open,
}

/// The ids that a test's name begins with: `a01_`, `a01_b22_`, `a01_and_b22_`, and ranges such as `b01_to_b05_`.
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
        let Some(id) = Id::parse(word) else { break };
        let first = range_from.map_or(id.1, |from| from.1);
        assert!(range_from.is_none_or(|from| from.0 == id.0) && first <= id.1, "{name}: no such range");
        ids.extend((first..=id.1).map(|number| Id(id.0, number)));
        last = Some(id);
    }
    ids
}

/// The names of a Rust source's tests, those in macros like any other; an ignored test is none.
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

/// What the tables of SECURITY.md's last section say of each id: `| A01 | what happens | the answer |`.
fn listed(document: &str) -> BTreeMap<Id, Standing> {
    let (_, section) = document.split_once("\n## The catalogue\n").expect("SECURITY.md has the section");
    let mut standings = BTreeMap::new();
    for row in section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| id ")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [id, happens, answer] = cells.as_slice() else { panic!("not three cells: {row}") };
        let id = Id::parse(id).unwrap_or_else(|| panic!("not an id: {row}"));
        assert!(!happens.is_empty() && !answer.is_empty(), "an empty cell: {row}");
        let standing = match answer.split(':').next() {
            Some("open") => Standing::Open,
            _ => Standing::Answered,
        };
        assert!(standings.insert(id, standing).is_none(), "{id} is listed twice");
    }
    standings
}

/// Everything that is not as it should be, a sentence each.
fn complaints(all: &BTreeSet<Id>, listed: &BTreeMap<Id, Standing>, tests: &[String]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut tested = BTreeSet::new();
    for name in tests {
        let ids = ids_of(name);
        for id in ids.iter().filter(|id| !listed.contains_key(id)) {
            complaints.push(format!("{name} names {id}, which SECURITY.md does not list."));
        }
        if ids.len() <= MOST_IDS {
            for id in ids.iter().filter(|id| listed.get(id).is_some_and(|found| *found != Standing::Answered))
            {
                complaints.push(format!("{name} tests {id}: write its answer into SECURITY.md."));
            }
            tested.extend(ids);
        }
    }
    for id in all.iter().filter(|id| !listed.contains_key(id)) {
        complaints.push(format!("SECURITY.md does not list {id}."));
    }
    for (id, standing) in listed {
        let name = id.to_string();
        match standing {
            _ if !all.contains(id) => {
                complaints.push(format!("SECURITY.md lists {id}, and there is no such id."));
            }
            Standing::Answered if !tested.contains(id) => {
                complaints.push(format!("SECURITY.md answers {id}, and no test's name begins with it."));
            }
            Standing::Open if !MAY_BE_OPEN.contains(&name.as_str()) => {
                complaints.push(format!("{id} may not be open: its route exists."));
            }
            Standing::Answered | Standing::Open => {}
        }
    }
    complaints
}

fn all_ids() -> BTreeSet<Id> {
    SERIES.iter().flat_map(|(series, count)| (1..=*count).map(|number| Id(*series, number))).collect()
}

/// The files under `folder` whose name ends with `ending`.
pub(super) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let nested = entries.map(|path| if path.is_dir() { files(&path, ending) } else { vec![path] });
    nested.flatten().filter(|path| path.to_string_lossy().ends_with(ending)).collect()
}

#[test]
fn each_id_of_the_catalogue_is_listed_and_each_answer_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = ["shared", "functions", "tests", "xtask/src"];
    let sources = folders.iter().flat_map(|folder| files(&root.join(folder), ".rs"));
    let mut tests: Vec<String> =
        sources.flat_map(|path| tests_of_rust(&std::fs::read_to_string(path).unwrap())).collect();
    let scripts = files(&root.join("web"), ".test.mjs").into_iter();
    tests.extend(scripts.flat_map(|path| tests_of_script(&std::fs::read_to_string(path).unwrap())));
    assert!(tests.len() > 200, "{} tests are too few to be all", tests.len());
    let complaints = complaints(&all_ids(), &listed(include_str!("../../SECURITY.md")), &tests);
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn a_name_gives_the_ids_that_it_begins_with() {
    let ids = |name| ids_of(name).iter().map(Id::to_string).collect::<Vec<_>>().join(" ");
    for (name, expected) in [
        ("a04_a_replay_is_refused", "A04"),
        ("f18_f66_a_write", "F18 F66"),
        ("a01_to_a03_and_b22_a_callback", "A01 A02 A03 B22"),
        ("b01_to_b02_and_b08_to_b10_b12_it", "B01 B02 B08 B09 B10 B12"),
        ("f24_to_f25", "F24 F25"),
        ("a04_and_then_b01_is_no_claim", "A04"),
        ("a_first_sign_in_as_in_a04", ""),
        ("within_a04", ""),
        ("a1_a001_c01_", ""),
        ("to_a04", ""),
    ] {
        assert_eq!(ids(name), expected, "{name}");
    }
    for name in ["a05_to_a04_x", "a05_to_b09_x"] {
        assert!(std::panic::catch_unwind(|| ids_of(name)).is_err(), "{name}");
    }
}

#[test]
fn only_what_runs_as_a_test_counts_as_one() {
    let source = "#[test]\nfn a01_x() {}\n\n#[tokio::test(flavor = \"current_thread\")]\n/// Why.\n#[expect(clippy::x)]\n\
                  async fn a02_x() {}\nproptest! {\n    #[test]\n    fn b01_x(text in \".*\") {}\n}\n\
                  fn a03_helper() {}\n// #[test]\nfn a04_x() {}\n#[test]\n#[ignore]\nfn a05_x() {}\nlet x = \"#[test]\";\nfn a06_x() {}";
    assert_eq!(tests_of_rust(source), ["a01_x", "a02_x", "b01_x"]);
    let script = "test(\"f71: it waits\", () => {});\n  test(`f71, f72: ${x}`, f);\n// test(\"a01: x\")\ncontest(\"a02\")";
    let names = tests_of_script(script);
    assert_eq!(names.len(), 2);
    assert_eq!(ids_of(&names[0]), BTreeSet::from([Id('F', 71)]));
    assert_eq!(ids_of(&names[1]), BTreeSet::from([Id('F', 71), Id('F', 72)]));
}

#[test]
fn a_row_says_how_an_id_stands() {
    let document = "| A09 | elsewhere | x |\n## The catalogue\n\n| id | what | answer |\n|---|---|---|\n\
                    | A01 | x | 400 `open` |\n| B02 | x | open: no such route yet |\n";
    let expected = [(Id('A', 1), Standing::Answered), (Id('B', 2), Standing::Open)];
    assert_eq!(listed(document), BTreeMap::from(expected));
    for row in ["| A1 | x | y |", "| A01 | x |", "| A01 | | y |", "| A01 | x | y |\n| A01 | x | y |"] {
        let document = format!("\n## The catalogue\n{row}\n");
        assert!(std::panic::catch_unwind(|| listed(&document)).is_err(), "{row}");
    }
}

#[test]
fn each_way_to_rot_has_its_sentence() {
    let [answered, open] = [Id('A', 1), Id('A', 49)];
    let all = BTreeSet::from([answered, open]);
    let good = BTreeMap::from([(answered, Standing::Answered), (open, Standing::Open)]);
    let with = |id, standing| {
        let mut standings = good.clone();
        standings.insert(id, standing);
        standings
    };
    let without =
        |id| good.iter().filter(|(known, _)| **known != id).map(|(id, standing)| (*id, *standing)).collect();
    let test = "a01_x";
    assert_eq!(complaints(&all, &good, &[test.to_owned()]), Vec::<String>::new());
    for (standings, tests, sentence) in [
        (good.clone(), vec![], "SECURITY.md answers A01, and no test's name begins with it."),
        (good.clone(), vec!["a01_to_a21_x"], "SECURITY.md answers A01, and no test's name begins with it."),
        (good.clone(), vec![test, "b09_x"], "b09_x names B09, which SECURITY.md does not list."),
        (good.clone(), vec![test, "a49_x"], "a49_x tests A49: write its answer into SECURITY.md."),
        (without(open), vec![test], "SECURITY.md does not list A49."),
        (
            with(Id('A', 81), Standing::Answered),
            vec![test],
            "SECURITY.md lists A81, and there is no such id.",
        ),
        (with(answered, Standing::Open), vec![], "A01 may not be open: its route exists."),
    ] {
        let tests: Vec<String> = tests.into_iter().map(str::to_owned).collect();
        let found = complaints(&all, &standings, &tests);
        assert!(found.iter().any(|complaint| complaint == sentence), "{sentence}\n{found:?}");
    }
}

//! Code that a page shows is a part of a file that the gate runs.

use std::path::PathBuf;

/// `(file, code)` of each block after a comment `<!-- from: FILE -->`.
fn shown(page: &str) -> Vec<(&str, &str)> {
    let blocks = page.split("<!-- from: ").skip(1).map(|rest| {
        let (file, rest) = rest.split_once(" -->\n```").expect("a block of code follows at once");
        let (_language, rest) = rest.split_once('\n').expect("a block has lines");
        (file, rest.split_once("```").expect("a block has an end").0)
    });
    blocks.collect()
}

#[test]
fn the_code_in_the_page_for_back_ends_is_in_the_examples() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let page = read("docs/back-ends.md");
    let blocks = shown(&page);
    assert!(blocks.len() > 4, "the page shows only {} blocks", blocks.len());
    for (file, code) in blocks {
        assert!(read(file).contains(&format!("\n{code}")), "{file} does not have these lines:\n{code}");
    }
}

//! What a release is made of: the workflow, and what the template says of itself.

use std::fs;
use std::path::Path;

use regex_lite::Regex;
use serde_json::{Value, json};

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
}

#[test]
fn the_template_the_workspace_and_the_contract_say_one_version_and_licence() {
    let about = &postern_template::read()["Metadata"]["AWS::ServerlessRepo::Application"];
    let version = about["SemanticVersion"].as_str().unwrap();
    assert!(read("Cargo.toml").contains(&format!("\nversion = \"{version}\"\n")));
    assert!(read("openapi.yaml").contains(&format!("\n  version: {version}\n")));
    let licence = about["SpdxLicenseId"].as_str().unwrap();
    assert!(read("Cargo.toml").contains(&format!("\nlicense = \"{licence} OR ")));
    assert!(read(about["LicenseUrl"].as_str().unwrap()).starts_with("MIT License"));
    // What the repository of applications requires, in its own words.
    for (name, pattern) in [
        ("Name", "^[a-zA-Z0-9-]{1,140}$"),
        ("Description", "^.{1,256}$"),
        ("Author", "^[a-z0-9](([a-z0-9]|-[a-z0-9])*)$"),
    ] {
        let value = about[name].as_str().unwrap_or_default();
        assert!(Regex::new(pattern).unwrap().is_match(value), "{name}: {value}");
    }
}

#[test]
fn a_release_is_built_twice_and_published_by_a_job_that_runs_no_code_of_a_dependency() {
    let workflow = postern_template::parse(&read(".github/workflows/release.yml"));
    assert_eq!(workflow["permissions"], json!({}));
    let (build, publish) = (&workflow["jobs"]["build"], &workflow["jobs"]["publish"]);
    assert_eq!(build["permissions"], json!({"contents": "read"}));
    assert_eq!(build["strategy"]["matrix"]["folder"].as_array().map(Vec::len), Some(2));
    assert!(commands(build).contains(&".ci/release".to_owned()));
    assert_eq!(publish["needs"], "build");
    let permissions = json!({"contents": "write", "id-token": "write", "attestations": "write"});
    assert_eq!(publish["permissions"], permissions);
    let words: Vec<String> =
        commands(publish).iter().map(|command| command.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(words, ["diff", "gh"]);
    let uses = |name: &str| {
        let steps = publish["steps"].as_array().unwrap();
        steps.iter().any(|step| step["uses"].as_str().is_some_and(|uses| uses.starts_with(name)))
    };
    assert!(uses("actions/attest@") && !uses("actions/checkout@"));
}

#[test]
fn every_action_is_pinned_to_a_commit() {
    let pinned = Regex::new(r"^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$").unwrap();
    let workflows = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.github/workflows");
    for file in fs::read_dir(workflows).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for uses in text.lines().filter_map(|line| line.split_once("uses: ")).map(|(_, uses)| uses) {
            assert!(pinned.is_match(uses), "{uses}");
        }
    }
}

fn commands(job: &Value) -> Vec<String> {
    let steps = job["steps"].as_array().unwrap();
    steps.iter().filter_map(|step| step["run"].as_str()).map(str::to_owned).collect()
}

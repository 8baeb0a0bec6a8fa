//! Properties that only the sources show. clippy.toml enforces most of them; these tests check that
//! it does.

/// The sources of the code that runs in production.
pub(super) fn production_sources() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    let mut folders = vec![root.join("shared"), root.join("functions")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let production = text.split("#[cfg(test)]").next().unwrap().to_owned();
                found.push((path.display().to_string(), production));
            }
        }
    }
    assert!(found.len() > 30);
    found
}

#[test]
fn a10_f67_no_check_disappears_from_a_release_build_and_nothing_is_spawned_past_the_answer() {
    let walls = include_str!("../../clippy.toml");
    for wall in ["core::debug_assert\"", "tokio::spawn", "tokio::task::spawn_blocking", "std::thread::spawn"]
    {
        assert!(walls.contains(wall), "clippy.toml does not forbid {wall}");
    }
    for (path, text) in production_sources() {
        assert!(!text.contains("cfg(debug_assertions"), "{path}");
        assert!(!text.contains("allow(clippy::disallowed") && !text.contains("\"spawn"), "{path}");
    }
}

#[test]
fn a65_secrets_have_no_comparison_of_their_own_and_digests_are_compared_in_constant_time() {
    for (path, text) in production_sources() {
        let expected = match path.rsplit('/').next().unwrap() {
            "flow.rs" | "google_client.rs" | "hand_out.rs" | "identity.rs" => 1,
            _ => 0,
        };
        assert!(text.matches(".ct_eq(").count() >= expected, "{path}");
        if path.ends_with("secret.rs") {
            let secret = &text[..text.find("pub struct Sealed").unwrap()];
            let declaration = &secret[..secret.find("pub mod kind").unwrap()];
            assert!(!declaration.contains("PartialEq"), "a secret cannot be compared with ==");
        }
        assert!(!text.contains(".expose() =="), "{path}");
    }
}

#[test]
fn a80_the_dependencies_with_known_holes_are_newer_than_those() {
    let lock = include_str!("../../Cargo.lock");
    for (name, least) in [("time", [0, 3, 47]), ("h2", [0, 4, 16])] {
        let name_line = format!("name = \"{name}\"\n");
        for package in lock.split("[[package]]").filter(|package| package.contains(&name_line)) {
            let version = package.split("version = \"").nth(1).unwrap().split('"').next().unwrap();
            let version: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
            assert!(version.as_slice() >= least.as_slice(), "{name} {version:?}");
        }
    }
}

//! The layers of `postern`: imports point downward. Cargo keeps the rules apart; what modules of one
//! crate import is looked at here.

use std::path::Path;

/// Each module, after those that it may import.
const LAYERS: [(&str, &[&str]); 11] = [
    ("clock", &[]),
    ("config", &[]),
    ("telemetry", &["config"]),
    ("outside/http", &["telemetry"]),
    ("outside/dynamodb", &["clock", "outside/http", "telemetry"]),
    ("outside/event_bus", &["clock", "outside/http", "telemetry"]),
    ("outside/secrets_manager", &["clock", "outside/http", "telemetry"]),
    ("outside/google", &["clock", "outside/http", "telemetry"]),
    ("app", &["clock", "config", "outside", "telemetry"]),
    ("grant", &["app", "clock", "outside", "telemetry"]),
    ("door", &["app", "clock", "config", "outside", "telemetry"]),
];

/// Whether `path` (`outside/google/oauth`) lies in `module` (`outside/google`, `outside`).
fn is_in(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[test]
fn imports_point_downward() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src");
    let mut looked_at = 0;
    for file in super::ratchet::files(&root, &[".rs"]) {
        let name = file.strip_prefix(&root).unwrap().with_extension("").to_string_lossy().into_owned();
        let Some((module, below)) = LAYERS.iter().find(|(module, _)| is_in(&name, module)) else { continue };
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("use crate::")) {
            let imported = line.replace("::", "/");
            let imported = imported.trim_end_matches(';');
            let is_below = below.iter().any(|other| is_in(imported, other) || is_in(other, imported));
            let is_own = is_in(imported, module);
            assert!(is_below || is_own, "{name} imports {imported}");
            looked_at += 1;
        }
    }
    assert!(looked_at > 50, "{looked_at} imports are too few to be all");
}

#[test]
fn connect_and_access_do_not_import_each_other() {
    let grant = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src/grant");
    for file in super::ratchet::files(&grant, &[".rs"]) {
        let name = file.strip_prefix(&grant).unwrap().to_string_lossy().into_owned();
        let forbidden: &[&str] = match name.as_str() {
            "connect.rs" => &["access::", "lease::", "conditions::", "wait::"],
            name if name.starts_with("connect/") => &["access::", "lease::", "conditions::", "wait::"],
            "access.rs" => &["connect::"],
            // What both use, or access only.
            _ => &["connect::", "access::"],
        };
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| line.trim().starts_with("use ")) {
            assert!(!forbidden.iter().any(|other| line.contains(other)), "{name}: {line}");
        }
    }
}

//! The JSON Schemas of the events, in infra/events. The fake bus validates every event by them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

/// The folder of the schemas.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/events")
}

/// Each schema, by the `detail-type` that is its title.
static SCHEMAS: LazyLock<(Schemas, BTreeMap<String, SchemaIndex>)> = LazyLock::new(|| {
    let (mut schemas, mut compiler, mut by_title) = (Schemas::new(), Compiler::new(), BTreeMap::new());
    for file in std::fs::read_dir(folder()).expect("the folder is there").flatten() {
        let text = std::fs::read_to_string(file.path()).expect("a schema can be read");
        let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
        let title = schema["title"].as_str().expect("a schema has a title").to_owned();
        let name = file.path().display().to_string();
        compiler.add_resource(&name, schema).expect("a schema has an address");
        let index = compiler.compile(&name, &mut schemas).unwrap_or_else(|error| panic!("{name}: {error}"));
        by_title.insert(title, index);
    }
    (schemas, by_title)
});

/// The `detail-type`s that have a schema.
pub fn detail_types() -> Vec<&'static str> {
    SCHEMAS.1.keys().map(String::as_str).collect()
}

/// What is wrong with an event, by the schema of its `detail-type`.
pub fn fault(detail_type: &str, detail: &Value) -> Option<String> {
    let (schemas, by_title) = &*SCHEMAS;
    let Some(index) = by_title.get(detail_type) else {
        return Some(format!("{detail_type} has no schema"));
    };
    let error = schemas.validate(detail, *index).err()?;
    Some(format!("{detail_type}: {error}"))
}

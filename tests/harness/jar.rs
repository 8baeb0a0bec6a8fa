//! A browser's cookies for one host.

use std::ops::Index;

/// The cookies in the order in which a browser sends them: oldest first. A cookie that is set again
/// keeps its place (RFC 6265 sections 5.3 and 5.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jar(Vec<(String, String)>);

impl Jar {
    /// Sets a cookie.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, kept)) => value.clone_into(kept),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Removes a cookie.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// Removes all of them.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether there is a cookie of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The names, oldest first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The `name=value` pairs, oldest first.
    pub fn pairs(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(name, value)| format!("{name}={value}"))
    }

    /// The length in bytes of a `Cookie` header with all of them.
    pub fn length(&self) -> usize {
        self.pairs().map(|pair| pair.len() + 2).sum()
    }
}

impl Index<&str> for Jar {
    type Output = String;

    fn index(&self, name: &str) -> &String {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("there is no cookie {name}"), |(_, value)| value)
    }
}

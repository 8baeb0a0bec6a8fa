//! Google's parameter `fields`: which parts of an answer the caller wants
//! (`messages(id,payload/headers),nextPageToken`).

use serde_json::Value;

/// The wanted names, each with what is wanted of its value; an empty mask wants everything.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mask(Vec<(String, Mask)>);

impl Mask {
    /// Reads a mask; none when it makes no sense.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let mask = list(&mut rest)?;
        rest.is_empty().then_some(mask)
    }

    /// Takes what is not wanted out of an answer.
    pub(super) fn apply(&self, value: &mut Value) {
        if self.0.is_empty() {
            return;
        }
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.apply(item)),
            Value::Object(fields) => fields.retain(|name, value| {
                let wanted = self.0.iter().find(|(wanted, _)| wanted == name || wanted == "*");
                wanted.inspect(|(_, mask)| mask.apply(value)).is_some()
            }),
            _ => {}
        }
    }
}

fn list(rest: &mut &str) -> Option<Mask> {
    let mut wanted = vec![path(rest)?];
    while let Some(after) = rest.strip_prefix(',') {
        *rest = after;
        wanted.push(path(rest)?);
    }
    Some(Mask(wanted))
}

fn path(rest: &mut &str) -> Option<(String, Mask)> {
    let end = rest.find([',', '/', '(', ')']).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    *rest = after;
    let mask = if let Some(after) = rest.strip_prefix('/') {
        *rest = after;
        Mask(vec![path(rest)?])
    } else if let Some(after) = rest.strip_prefix('(') {
        *rest = after;
        let mask = list(rest)?;
        *rest = rest.strip_prefix(')')?;
        mask
    } else {
        Mask::default()
    };
    (!name.is_empty()).then(|| (name.to_owned(), mask))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mask_keeps_what_it_names() {
        let whole =
            json!({"next": "1", "size": 2, "messages": [{"id": "a", "body": {"data": "x", "size": 1}}]});
        for (mask, kept) in [
            ("next", json!({"next": "1"})),
            ("messages/id,next", json!({"next": "1", "messages": [{"id": "a"}]})),
            ("messages(id,body/size)", json!({"messages": [{"id": "a", "body": {"size": 1}}]})),
            ("messages/*/data", json!({"messages": [{"id": "a", "body": {"data": "x"}}]})),
            ("*", whole.clone()),
        ] {
            let mut value = whole.clone();
            Mask::parse(mask).expect("a mask").apply(&mut value);
            assert_eq!(value, kept, "{mask}");
        }
        for nonsense in ["", "a,", "a(b", "a)b", "/a", "a//b"] {
            assert_eq!(Mask::parse(nonsense), None, "{nonsense}");
        }
    }
}

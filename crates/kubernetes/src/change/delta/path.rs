//! The text of a path.

use document::json;

use super::item::Step;

/// A path as text: `spec.ports[port=25].targetPort`, `data["main.cf"]`.
#[must_use]
pub fn text(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(name) if is_plain(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            Step::Key(name) => {
                text.push('[');
                text.push_str(&json::quoted(name));
                text.push(']');
            }
            Step::Item(key) => {
                let fields: Vec<String> = key.iter().map(|(name, value)| format!("{name}={value}")).collect();
                text.push('[');
                text.push_str(&fields.join(","));
                text.push(']');
            }
            Step::Index(index) => {
                text.push('[');
                text.push_str(&index.to_string());
                text.push(']');
            }
            Step::Order => text.push_str(" (order)"),
        }
    }
    text
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

//! HTML documents of one file. The policy in the head allows their own style and script, and nothing else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

/// What a document consists of.
pub(super) struct Document<'a> {
    pub(super) title: &'a str,
    pub(super) style: &'a str,
    pub(super) script: &'a str,
    /// The `data-view` of the body, which the script changes.
    pub(super) view: Option<&'a str>,
    pub(super) body: Markup,
}

impl Document<'_> {
    /// The text of the file.
    pub(super) fn into_text(self) -> String {
        let Self { title, style, script, view, body } = self;
        let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
        let policy = format!(
            "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
            hash(style),
            hash(script)
        );
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="referrer" content="no-referrer";
                    meta name="robots" content="noindex";
                    title { (title) }
                    style { (PreEscaped(style)) }
                }
                body data-view=[view] {
                    (body)
                    script { (PreEscaped(script)) }
                }
            }
        };
        page.into_string() + "\n"
    }
}

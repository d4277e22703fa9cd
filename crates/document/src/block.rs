//! YAML texts inside of YAML files: where a place in a block scalar is in its file.

use diagnostics::Place;

/// A place in the text of a block scalar, as a place in the file that contains it.
#[must_use]
pub fn in_file(block: &Place, place: &Place) -> Option<Place> {
    let start = block.span.as_ref()?.start;
    let (line, _) = place.position()?;
    let first = block.position()?.0 + usize::from(block.source.text[start..].starts_with(['|', '>']));
    let outer = Place::line(&block.source, first + line - 1);
    let inner = Place::line(&place.source, line);
    let (Some(outer_span), Some(inner_span), Some(span)) = (&outer.span, &inner.span, &place.span) else {
        return Some(outer);
    };
    // Both lines start at their first character that is not white space.
    let exact = span.start.checked_sub(inner_span.start).map(|offset| outer_span.start + offset);
    let exact = exact.map(|start| start..start + span.len()).filter(|span| span.end <= outer_span.end);
    Some(exact.map_or_else(|| outer.clone(), |span| Place::new(&block.source, span)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;
    use diagnostics::Source;

    #[test]
    fn a_place_in_a_block_scalar_is_one_in_its_file() {
        let file = "spec:\n  values: |\n    # A comment.\n    image:\n      tag: latest\n  other: 1\n";
        let source = Source::new("web.yaml", file);
        let root = yaml::parse_one(&source).expect("YAML").root;
        let block = root.find(&["spec", "values"]).expect("values");
        let span = block.span.clone();
        let inner = Source::new("web.yaml", block.as_str().expect("a string"));
        let values = yaml::parse_one(&inner).expect("YAML").root;
        let tag = values.find(&["image", "tag"]).expect("tag");
        let place = in_file(&Place::new(&source, span), &tag.place()).expect("a place");
        assert_eq!(place.to_string(), "web.yaml:5:12");
        assert_eq!(&file[place.span.expect("a span")], "latest");
    }
}

//! Properties that hold for any input: of splitting, naming, and comparing manifests, and of all parsers.

mod strategies;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use argocd::{application, glob, project, substitute};
use cluster::scenario::Scenario;
use diagnostics::Source;
use document::yaml;
use golden::Change;
use helm::values_schema;
use helm::values_schema::keywords;
use helm::values_schema::keywords::Unsound;
use kubernetes::golden_file::file_names;
use kubernetes::manifest::{Manifest, Recorded};
use kubernetes::schemas::{Kind, crd, openapi};
use kubernetes::validate::{kubeconform, pointer, problem};
use kubernetes::{manifest, schemas};
use proptest::collection::vec;
use proptest::prelude::*;
use toolbox::archive;
use xtask::lint::{argocd_annotations, template};
use xtask::repository;
use xtask::repository::Replacement;

use strategies::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn joined_documents_split_into_the_same_documents(documents in vec(document(), 0..8), blank in "\n{0,3}", tail in "[ \t]{0,2}") {
        let text: String = documents.iter().map(|(_, text)| format!("---{tail}\n{blank}{text}{blank}")).collect();
        let pieces = manifest::split(&text).expect("separators");
        let split: Vec<_> = pieces.into_iter().map(|piece| (piece.template, piece.text)).collect();
        prop_assert_eq!(split, documents);
    }

    #[test]
    fn windows_line_endings_change_only_line_endings(documents in vec(document(), 0..8)) {
        let text: String = documents.iter().map(|(_, text)| format!("---\n{text}")).collect();
        let unix = manifest::split(&text).expect("separators");
        let windows = manifest::split(&text.replace('\n', "\r\n")).expect("separators");
        prop_assert_eq!(windows.len(), unix.len());
        for (windows, unix) in windows.iter().zip(&unix) {
            prop_assert_eq!(&windows.template, &unix.template);
            prop_assert_eq!(windows.text.replace("\r\n", "\n"), unix.text.clone());
        }
    }

    #[test]
    fn any_text_is_split_or_rejected(text in "(---|\n|#|\\PC|[ -~]|\u{85}|\r){0,60}") {
        let Ok(pieces) = manifest::split(&text) else { return Ok(()) };
        for piece in &pieces {
            prop_assert!(text.contains(piece.text.trim_end()), "{:?} is not in the text", piece.text);
            // A golden is read back unchanged.
            let again = manifest::split(&piece.text).expect("no separator is left");
            prop_assert_eq!(again.iter().map(|piece| piece.text.as_str()).collect::<Vec<_>>(), [piece.text.as_str()]);
        }
        let _ = manifest::read(text.as_bytes(), "ns");
    }

    #[test]
    fn file_names_of_objects_are_unique(manifests in objects()) {
        let names = file_names(&manifests);
        let unique: BTreeSet<_> = names.iter().map(|name| name.to_lowercase()).collect();
        prop_assert_eq!(unique.len(), manifests.len(), "{:?}", names);
        for name in &names {
            prop_assert!(name.len() <= 255 && !name.contains('/') && !name.starts_with('.'), "{}", name);
        }
        // The name does not depend on the order of the objects.
        let by_key = |manifests: &[Manifest]| -> BTreeMap<_, _> {
            manifests.iter().map(|manifest| manifest.key.clone()).zip(file_names(manifests)).collect()
        };
        let backwards: Vec<_> = manifests.iter().rev().cloned().collect();
        prop_assert_eq!(by_key(&manifests), by_key(&backwards));
    }

    #[test]
    fn the_order_of_objects_is_irrelevant(manifests in objects(), seed in any::<u64>()) {
        let mut other = manifests.clone();
        other.sort_by_key(|manifest| toolbox::archive::sha256(format!("{seed}{}", manifest.key).as_bytes()));
        prop_assert_eq!(golden(&recorded(&manifests)).compare(&recorded(&other), "ns"), []);
    }

    #[test]
    fn each_object_is_in_at_most_one_change(old in objects(), new in objects()) {
        let (old, new) = (recorded(&old), recorded(&new));
        let changes = golden(&old).compare(&new, "ns");
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for change in &changes {
            match change {
                Change::Added(new) => after.push(&new.manifest.key),
                Change::Removed(old) => before.push(&old.manifest.key),
                Change::Modified(old, new) | Change::Renamed(old, new) => {
                    before.push(&old.manifest.key);
                    after.push(&new.manifest.key);
                }
            }
        }
        // Each difference is in exactly one change.
        let keys = |records: &[Recorded]| -> BTreeMap<_, _> {
            records.iter().map(|one| (one.manifest.key.clone(), (one.file.clone(), one.manifest.text.clone()))).collect()
        };
        let (was, is) = (keys(&old), keys(&new));
        let gone: BTreeSet<_> = was.iter().filter(|(key, one)| is.get(*key) != Some(one)).map(|(key, _)| key).collect();
        let come: BTreeSet<_> = is.iter().filter(|(key, one)| was.get(*key) != Some(one)).map(|(key, _)| key).collect();
        prop_assert_eq!((before.len(), after.len()), (gone.len(), come.len()));
        prop_assert_eq!(before.into_iter().collect::<BTreeSet<_>>(), gone);
        prop_assert_eq!(after.into_iter().collect::<BTreeSet<_>>(), come);
    }

    #[test]
    fn values_of_secrets_are_never_shown(old in "[a-z]{12}", new in "[a-z]{12}", style in 0..4_usize) {
        let text = |value: &str| {
            let value = [value.to_owned(), format!("{value:?}"), format!("|\n    {value}\n    x"), format!("[{value}]")][style].clone();
            format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  key: {value}\n")
        };
        let records = |value: &str| recorded(&[manifest::read_golden(&text(value), "ns").expect("an object")]);
        for change in golden(&records(&old)).compare(&records(&new), "ns") {
            let lines = format!("{:?}", golden::diff::diff(&change, &|_| "<secret>".to_owned()).lines);
            prop_assert!(!lines.contains(&old) && !lines.contains(&new), "{}", lines);
        }
    }

    #[test]
    fn any_text_is_parsed_as_yaml_or_rejected(text in "([ -~]|\n|\t|\\PC|[:\\-{}\\[\\],&*!|>'\"%@`?<]|<<|: |- |\u{feff}){0,80}") {
        if let Ok(documents) = yaml::parse(&Source::new("x", text.clone())) {
            for document in documents {
                // The value is the same after a round trip through JSON.
                let json = document.root.to_json();
                let again = yaml::parse_one(&Source::new("y", json.clone())).expect("JSON is YAML");
                prop_assert_eq!(again.root.to_json(), json);
                let span = document.root.span;
                prop_assert!(text.get(span.clone()).is_some(), "{span:?} is outside the text");
            }
        }
    }

    #[test]
    fn an_archive_has_one_interpretation_or_is_rejected(bytes in mutated_archive()) {
        if let Ok(tree) = archive::read("x", &bytes) {
            prop_assert_eq!(Some(tree), library_interpretation(&bytes));
        }
    }

    #[test]
    fn any_scalar_is_resolved_or_rejected(text in "[-+.0-9_xoeEbBinfaNyYtrue:~ ]{0,12}") {
        let _ = yaml::resolve(&text);
    }

    #[test]
    fn an_escaped_name_matches_itself(name in "[ -~é]{1,12}") {
        prop_assume!(!name.contains('/'));
        let escaped: String = name.chars().flat_map(|c| ['\\', c]).collect();
        prop_assert_eq!(glob::matches(&escaped, &name), Ok(true));
        prop_assert_eq!(glob::matches("*", &name), Ok(true));
        prop_assert_eq!(glob::matches(&"?".repeat(name.chars().count()), &name), Ok(true));
    }

    #[test]
    fn any_pattern_is_expanded_or_rejected(pattern in "[a-c/*?\\[\\]{},\\\\!^.-]{0,10}", name in "[a-c.-]{0,6}") {
        let _ = glob::matches(&pattern, &name);
        let _ = glob::expand(Path::new(env!("CARGO_MANIFEST_DIR")), &pattern);
    }

    #[test]
    fn substitution_accepts_any_text(text in "(\\$|\\{|\\}|ARGOCD_APP_NAME|\\PC|[a-z_0-9]){0,20}") {
        let variables = [("ARGOCD_APP_NAME", "web".to_owned())].into();
        let _ = substitute::expand(&text, &variables);
        let _ = substitute::mentions(&text, "ARGOCD_APP");
        if !text.contains('$') {
            prop_assert_eq!(substitute::expand(&text, &variables), text.clone());
        }
        // `$$` is an escaped dollar sign.
        prop_assert_eq!(substitute::expand(&text.replace('$', "$$"), &variables), text);
    }

    #[test]
    fn pointers_find_their_nodes(tree in tree()) {
        let root = yaml::parse_one(&Source::new("x", tree.to_string())).expect("JSON is YAML").root;
        let mut found = Vec::new();
        ways(&root, &mut Vec::new(), &mut found);
        for (way, span) in found {
            let pointer: String =
                way.iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect();
            prop_assert_eq!(&pointer::steps(&pointer), &way);
            let node = pointer::node(&root, &way).expect("a node");
            prop_assert_eq!(&node.span, &span);
            let _ = pointer::path(&way);
        }
    }

    #[test]
    fn schemas_are_derived_from_any_document(a in tree(), b in tree(), c in tree()) {
        let kind = Kind::new("v1", "A");
        let named = serde_json::json!([{"group": "", "version": "v1", "kind": "A"}]);
        let mut root = a.clone();
        if root.is_object() {
            root["x-kubernetes-group-version-kind"] = named;
        }
        let document = serde_json::json!({
            "swagger": "2.0", "info": {"version": c.clone()},
            "definitions": {"a": root, "x.resource.Quantity": b.clone(), "b.JSONSchemaProps": b.clone(), "b.JSONSchemaPropsOrBool": c.clone()},
        });
        let _ = openapi::version(&document);
        let derived = openapi::derive(&document, &[kind].into());
        for schema in derived.schemas.values() {
            let text = schemas::text(schema);
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), schema);
            let _ = schemas::at(schema, &["a".to_owned(), "0".to_owned()]);
            let _ = schemas::metadata(schema);
        }
        let definition = serde_json::json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "spec": {"group": "example.org", "names": {"kind": "A"}, "versions": [
                {"name": "v1", "served": true, "schema": {"openAPIV3Schema": a}}, b, c.clone(),
            ]},
        });
        for root in [definition, c] {
            let _ = crd::derive(&root, &serde_json::Map::new());
        }
    }

    #[test]
    fn any_message_of_kubeconform_is_parsed(
        words in "(- at '|'|: |validation failed|got |, want |additional properties |\\\\|\\PC| not allowed|/a|   ){0,30}",
        name in "[ -~é\n]{1,12}",
    ) {
        let _ = problem::parse(&words);
        // Quoted names are unescaped.
        let quoted = name.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n");
        let found = problem::parse(&format!("x - at '/a': additional properties '{quoted}' not allowed"));
        prop_assert_eq!(&found[0].what, &problem::What::Unknown(vec![name]));
    }

    #[test]
    fn any_output_of_kubeconform_is_parsed_or_rejected(answer in tree(), status in "(statusValid|statusInvalid|x)", text in "\\PC{0,30}") {
        let resource = serde_json::json!({"filename": "a", "status": status, "msg": answer.to_string()});
        for document in [answer.clone(), serde_json::json!({"resources": [resource]}), serde_json::json!({"resources": answer})] {
            for answer in kubeconform::parse(document.to_string().as_bytes()).unwrap_or_default().values() {
                let _ = problem::parse(&answer.message);
            }
        }
        let _ = kubeconform::parse(text.as_bytes());
    }

    #[test]
    fn places_of_findings_are_inside_their_texts(text in foreign()) {
        let source = Source::new("input", text.as_str());
        if let Err(found) = Scenario::parse(&source, "app", "name", Path::new("/nowhere")) {
            prop_assert!(!found.is_empty() && all_inside(&found), "{:?}", found);
        }
        let Ok(documents) = yaml::parse(&source) else { return Ok(()) };
        prop_assert!(all_inside(&application::read(&documents).findings()));
        for document in &documents {
            prop_assert!(all_inside(&project::read(document).1));
            for (_, place) in argocd_annotations::metadata(&document.root, true) {
                prop_assert!(text.get(place.span.unwrap_or_default()).is_some());
            }
        }
    }

    #[test]
    fn text_without_actions_keeps_its_length(
        text in "(\\{\\{|\\}\\}|-|if|define|end|\"|'|`|/\\*|\\*/|a: |\n|---|[a-z]|é| |\\{|\\}|\\[){0,40}",
    ) {
        let without = template::without_actions(&text);
        prop_assert_eq!(without.len(), text.len());
        for node in yaml::values_of(&Source::new("x", without.as_str()), "a") {
            prop_assert!(without.get(node.span).is_some());
        }
    }

    #[test]
    fn any_values_schema_is_parsed_or_rejected(tree in tree(), text in document_text(), cut in 0..200_usize) {
        let json = tree.to_string();
        let cut = json.chars().take(cut).collect::<String>();
        for text in [json, cut, text] {
            match values_schema::read("charts/x", &Source::new("values.schema.json", text)) {
                Ok(document) => {
                    let Unsound { refused, accepted } = keywords::check(&document.root);
                    prop_assert!(all_inside(&refused) && all_inside(&accepted));
                }
                Err(found) => prop_assert!(!found.is_empty() && all_inside(&found)),
            }
        }
    }

    /// `argocd set-repository` changes only the URLs.
    #[test]
    fn set_repository_changes_only_urls(sources in vec((source(), any::<bool>()), 1..6), windows in any::<bool>()) {
        let (old, new) = ("https://git.example.com/old.git", "git@git.example.org:me/new.git");
        let text = |url: &str| {
            let sources: String = sources
                .iter()
                .map(|(source, ours)| source.replace("Ω", if *ours { url } else { "https://git.example.net/other.git" }))
                .collect();
            let text = format!("# é\napiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  sources:\n{sources}  project: x\n");
            if windows { text.replace('\n', "\r\n") } else { text }
        };
        let replacement = Replacement { old, new, revision: None };
        let replaced = repository::manifest(&Source::new("x.yaml", text(old)), &replacement).expect("can be edited");
        let ours = sources.iter().filter(|(_, ours)| *ours).count();
        prop_assert_eq!(replaced.changes.len(), ours);
        prop_assert_eq!(replaced.others.len(), sources.len() - ours);
        prop_assert_eq!(replaced.text.unwrap_or_else(|| text(old)), text(new));
    }
}

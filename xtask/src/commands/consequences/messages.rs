//! Relates findings by their facts.

use diagnostics::fact::{Subject, TOOL};
use diagnostics::{Code, Diagnostic, Fact};

use super::facts::{
    application, first, forbids, invalid_port, is_target_port, line, malformed_field, missing, missing_port, moves_to,
    unlisted, written,
};
use super::places::{
    in_its_file, in_the_chart, near_line, same_application, same_chart, same_file, same_line, same_object,
};

/// Whether no template reads a value because Helm cannot evaluate the one that does.
pub(super) fn not_read(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let Some(place) = first(cause) else { return false };
    let line = place.span.clone().map(|span| place.source.lines_of(&span).1);
    let Some((line, path)) = line.zip(effect.value()) else { return false };
    let chart = place.source.name.split("/templates/").next();
    let same = first(effect).is_some_and(|own| chart.is_some_and(|chart| own.source.name.starts_with(chart)));
    same && place.source.text.get(line).is_some_and(|line| line.contains(&format!(".{path}")))
}

/// Whether a value that is not defined leaves out what the effect demands, here or in the fields above.
pub(super) fn lacks_a_value(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let lacks = |fact: &Fact| matches!(fact, Fact::Null | Fact::Required(_) | Fact::TooFew);
    same_file(cause, effect) && effect.facts.iter().any(lacks)
}

/// Whether the field that is missing is below one that the cause says to move there.
pub(super) fn moved_down(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let paths = cause.origin.as_ref().zip(effect.origin.as_ref());
    let to = moves_to(cause);
    let inside = paths.is_some_and(|(cause, effect)| {
        // The place of an item of a list, or of a map, is its first field.
        let is_at =
            |owner: &[String]| effect.path == owner || effect.path.split_last().is_some_and(|(_, item)| item == owner);
        cause.path.split_last().is_some_and(|(_, parent)| is_at(parent)) || to.is_some_and(is_at)
    });
    same_object(cause, effect) && inside && effect.lacks_a_field() && to.is_some()
}

/// Whether what is wrong contains an error of `printf`, or is in an object whose name does.
pub(super) fn wrongly_formatted(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let named = effect.origin.as_ref().is_some_and(|origin| origin.name.contains("%!"));
    same_application(cause, effect) && (named || written(effect).is_some_and(|text| text.contains("%!")))
}

/// Whether a field is missing beside one of the wrong type, which was meant to be that field.
pub(super) fn lacks_another(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let missing = Diagnostic::lacks_a_field;
    let paths = cause.origin.as_ref().zip(effect.origin.as_ref());
    let beside = paths.is_some_and(|(cause, effect)| {
        let parent = cause.path.split_last().map(|(_, parent)| parent);
        parent.is_some_and(|parent| !parent.is_empty() && effect.path.starts_with(parent))
    });
    same_object(cause, effect) && beside && missing(effect) && !missing(cause)
}

/// Whether Helm rejects a value, and its linter does so, too, with the path of the value.
pub(super) fn same_pointer(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    cause.value().is_some_and(|path| effect.is(&Fact::Value(path.to_owned())))
}

/// Whether the object of the cause is the one that is missing.
pub(super) fn about_the_object(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let origin = cause.origin.as_ref();
    same_application(cause, effect)
        && origin.is_some_and(|origin| effect.is(&Fact::missing(&origin.kind, &origin.name)))
}

/// Whether the tool that a step lacks is the one that charts.toml misspells.
pub(super) fn misspelled_tool(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let tool = missing(effect).is_some_and(|(kind, _)| kind == TOOL);
    tool && effect.suggested().any(|name| cause.is(&Fact::Unknown(name.to_owned())))
}

/// Whether the effect lacks what the cause misspells.
pub(super) fn meant(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    // An option is suggested with its value.
    let name = |suggested: &str| suggested.split('=').next().unwrap_or_default().to_owned();
    same_file(cause, effect) && cause.suggested().any(|suggested| effect.is(&Fact::Field(name(suggested))))
}

/// Whether the cause makes unreadable what the effect misses in the sync policy.
pub(super) fn malformed(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let field = malformed_field(cause).and_then(|path| path.strip_prefix("spec.syncPolicy."));
    // An item of a list.
    let field = field.and_then(|field| field.split('[').next());
    same_application(cause, effect) && field.is_some_and(|field| effect.is(&Fact::Field(field.to_owned())))
}

/// Whether the value of the sync option is invalid that the effect requires.
pub(super) fn invalid_option(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let option = cause.facts.iter().find_map(|fact| match fact {
        Fact::Unsupported(option) => Some(option.clone()),
        _ => None,
    });
    same_application(cause, effect) && option.is_some_and(|option| effect.is(&Fact::Field(option)))
}

/// Whether the values lack what no values can have.
pub(super) fn same_value(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let required = |found: &Diagnostic| {
        let facts = found.facts.iter().filter(|fact| matches!(fact, Fact::Required(_)));
        facts.cloned().collect::<Vec<_>>()
    };
    required(effect).iter().any(|value| cause.is(value))
}

/// Whether Helm complains about the selector of an object that the API server would not accept at all.
pub(super) fn same_template(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    // Helm names a template with its chart: `web/templates/deployment.yaml`.
    let template = cause.origin.as_ref().and_then(|origin| Some(origin.template.split_once('/')?.1));
    let file = first(effect).map(|place| place.source.name.as_str());
    let own = template.zip(file).is_some_and(|(template, file)| file.ends_with(template));
    effect.is(&Fact::Required("matchLabels".to_owned())) && (same_file(cause, effect) || own)
}

/// Whether a value is null that a field, or the schema, requires.
pub(super) fn null(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    effect.is(&Fact::Null) || same_pointer(cause, effect)
}

/// Whether no Application is selected, and so this one is not either.
pub(super) fn not_selected(_: &Diagnostic, effect: &Diagnostic) -> bool {
    effect.is(&Fact::Unselected)
}

/// Whether the source is not rendered because it is taken for a chart.
pub(super) fn ignored_path(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    cause.is(&Fact::Ineffective) && cause.is(&Fact::Field("path".to_owned())) && same_file(cause, effect)
}

/// Whether the Application is deleted for which the project was.
pub(super) fn deleted_application(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    same_application(cause, effect) && cause.is(&Fact::Removed(Subject::Application))
}

/// Whether the goldens are those of the Application that is deleted.
pub(super) fn of_the_deleted_application(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let is_deleted = cause.is(&Fact::Removed(Subject::Application));
    is_deleted && application(cause).is_some_and(|name| effect.is(&Fact::missing("Application", name)))
}

/// Whether the effect is in a text that is rendered from the cause.
pub(super) fn same_text(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let line = cause.facts.iter().find(|fact| matches!(fact, Fact::Line(_)));
    same_application(cause, effect) && line.is_some_and(|line| effect.is(line))
}

/// Whether the cause is that the CustomResourceDefinition is deleted whose kinds have no schema now.
pub(super) fn definition(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let removed = Fact::Removed(Subject::Definition);
    same_application(cause, effect) && cause.is(&removed) && effect.is(&removed)
}

/// Whether the project that does not exist is the one whose file defines another one again.
pub(super) fn copied_project(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let Some((_, missing)) = missing(effect).filter(|_| cause.is(&Fact::Redefined)) else { return false };
    first(cause).is_some_and(|place| place.source.name.ends_with(&format!("/{missing}.yaml")))
}

/// Whether both are about a repository that an Application or a project names.
pub(super) fn same_repository(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let file = first(cause).map(|place| place.source.name.as_str());
    let places = || effect.places.iter().map(|(place, _)| place.source.name.as_str());
    forbids(effect, Subject::Repository).is_some() && places().any(|name| Some(name) == file)
}

/// Whether the effect is in the chart that lacks a template.
pub(super) fn of_its_chart(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let charts = cause.facts.iter().filter_map(|fact| match fact {
        Fact::Chart(path) => Some(format!("{path}/")),
        _ => None,
    });
    let file = first(effect).map(|place| place.source.name.as_str()).unwrap_or_default();
    charts.into_iter().any(|chart| file.starts_with(&chart))
}

/// Whether scenarios are those of the Application, whose objects had other names before the name of its chart changed.
pub(super) fn named_after_its_chart(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let is_chart = cause.facts.iter().any(|fact| matches!(fact, Fact::Chart(_)));
    let file = first(effect).map(|place| place.source.name.as_str()).unwrap_or_default();
    let of_app = |app: &str| ["kind", "gitops"].iter().any(|part| file.starts_with(&format!("tests/{part}/{app}/")));
    is_chart && application(cause).is_some_and(of_app)
}

/// Whether Helm complains about the same invalid name.
pub(super) fn same_name(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let named = cause.origin.as_ref().is_some_and(|origin| origin.path == ["metadata", "name"]);
    named
        && (same_file(cause, effect) || in_the_chart(cause, effect))
        && effect.is(&Fact::Unsupported("metadata.name".to_owned()))
}

/// Whether objects move to a namespace because of a destination that is wrong anyway.
pub(super) fn moves(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let unset = cause.is(&Fact::Required("namespace".to_owned()));
    (unset || forbids(cause, Subject::Namespace).is_some())
        && effect.is(&Fact::Moved)
        && same_application(cause, effect)
}

/// Whether the effect is about the namespace that the cause does not allow.
pub(super) fn of_that_namespace(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let namespace = forbids(cause, Subject::Namespace);
    namespace.is_some_and(|namespace| effect.is(&Fact::Namespace(namespace.to_owned())))
}

/// Whether the project that is not used is the one to use instead.
pub(super) fn suggests_the_project(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let project = effect.target.clone().filter(|_| effect.is(&Fact::Unused));
    project.is_some_and(|project| cause.is(&Fact::Known(project)))
}

/// Whether the object that is missing is probably the one with an invalid name.
pub(super) fn suggests_the_name(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let invalid = cause.origin.as_ref().filter(|origin| origin.path == ["metadata", "name"]);
    invalid.is_some_and(|origin| {
        let suggested = effect.suggested().any(|name| name == origin.name);
        let kind = missing(effect).is_some_and(|(kind, _)| kind == origin.kind);
        same_application(cause, effect) && kind && suggested
    })
}

/// Whether a scenario names an object that has a new name for the same reason as one with data.
pub(super) fn renamed_by_the_same(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let new = cause.facts.iter().find_map(|fact| match fact {
        Fact::Renamed(new) => Some(new.clone()),
        _ => None,
    });
    let known = effect.facts.iter().filter_map(|fact| match fact {
        Fact::Known(name) => Some(name),
        _ => None,
    });
    // Names of objects begin with that of the release.
    new.is_some_and(|new| known.into_iter().any(|name| new.starts_with(name.as_str())))
}

/// Whether both fields belong into the same other one, and the cause is written first.
pub(super) fn misplaced_with(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let owner = |found| moves_to(found).filter(|owner| !owner.is_empty());
    let lines = line(cause).zip(line(effect));
    let earlier = lines.is_some_and(|((file, line), (other, at))| file == other && line < at);
    earlier && owner(cause).is_some() && owner(cause) == owner(effect)
}

/// Whether an alert selects an object of a kind that other objects miss, too.
pub(super) fn selected_by_an_alert(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let selected = |found: &Diagnostic| found.origin.as_ref().is_some_and(|origin| origin.kind == "PrometheusRule");
    let kinds = missing(cause).zip(missing(effect));
    let same_kind = kinds.is_some_and(|((kind, _), (other, _))| kind == other);
    selected(effect) && !selected(cause) && same_kind && same_application(cause, effect)
}

/// Whether something else than a Service names the same missing port.
pub(super) fn of_the_target_port(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let both = missing_port(cause).zip(missing_port(effect));
    let same = both.is_some_and(|(one, other)| one == other) && same_application(cause, effect);
    same && is_target_port(cause) && !is_target_port(effect)
}

/// Whether pods lack the labels of a selector because of what is wrong with their template.
pub(super) fn pods_without_labels(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let template = cause
        .origin
        .as_ref()
        .is_some_and(|origin| origin.path.starts_with(&["spec", "template", "metadata"].map(str::to_owned)));
    let broken = template || cause.facts.iter().any(|fact| matches!(fact, Fact::InvalidOutput(_)));
    broken && effect.is(&Fact::NoPods) && same_application(cause, effect)
}

/// Whether the schema does not know a value of a case, and not that of the defaults either.
pub(super) fn unknown_in_a_case(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let in_case = |found| first(found).is_some_and(|place| place.source.name.contains("/ci/"));
    let unknown = cause.facts.iter().find(|fact| matches!(fact, Fact::Unknown(_)));
    let same = unknown.is_some_and(|value| effect.is(value)) && same_application(cause, effect);
    same && !in_case(cause) && in_case(effect)
}

/// Whether another object is in the same namespace, which most likely one value or helper says.
pub(super) fn another_object(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let object = |found: &Diagnostic| found.origin.as_ref().map(|origin| (origin.kind.clone(), origin.name.clone()));
    same_namespace(cause, effect) && object(cause) < object(effect)
}

/// Whether both are about one namespace.
pub(super) fn same_namespace(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let namespace = cause.facts.iter().find(|fact| matches!(fact, Fact::Namespace(_)));
    namespace.is_some_and(|namespace| effect.is(namespace)) && same_application(cause, effect)
}

/// Whether the port of the cause has the name that the effect offers instead, or would have it if that were valid.
pub(super) fn invalid_port_name(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let Some(invalid) = invalid_port(cause) else { return false };
    let names = effect.facts.iter().filter_map(|fact| match fact {
        Fact::Missing { name, .. } | Fact::Suggested(name) | Fact::Known(name) => Some(name),
        _ => None,
    });
    same_application(cause, effect) && names.into_iter().any(|name| name == invalid)
}

/// Whether both are about a container without an image.
pub(super) fn no_image(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let image = Fact::Required("image".to_owned());
    cause.is(&image) && effect.is(&image) && same_application(cause, effect) && same_file(cause, effect)
}

/// Whether the field that is missing is one of those around an unknown field.
pub(super) fn lacks_the_field(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let paths = cause.origin.as_ref().zip(effect.origin.as_ref());
    let around = paths.is_some_and(|(cause, effect)| {
        let parent = cause.path.split_last().map(|(_, parent)| parent);
        parent
            .is_some_and(|parent| effect.path == parent || effect.path.split_last().map(|(_, own)| own) == Some(parent))
    });
    around && same_object(cause, effect) && effect.lacks_a_field()
}

/// Whether labels of pods are missing because they are fields of something else.
pub(super) fn labels_elsewhere(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let template = |found: &Diagnostic| {
        found.origin.as_ref().is_some_and(|origin| origin.path.starts_with(&["spec", "template"].map(str::to_owned)))
    };
    effect.is(&Fact::OwnLabels) && same_object(cause, effect) && template(cause)
}

/// Whether labels are missing in the output of a template that is not even valid YAML in another case.
pub(super) fn labels_of_its_output(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let template = effect.origin.as_ref().map(|origin| Fact::InvalidOutput(origin.template.clone()));
    effect.is(&Fact::OwnLabels) && template.is_some_and(|template| cause.is(&template))
}

/// Whether the labels of the pods are not those of the selector of their own workload.
pub(super) fn same_labels(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    same_application(cause, effect) && cause.is(&Fact::OwnLabels) && effect.is(&Fact::NoPods)
}

/// Whether a namespace is unknown in a scenario of an Application whose namespace is wrong, or another one now.
pub(super) fn in_its_scenario(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let moved = cause.code == Code::ApplicationDestination
        || cause.is(&Fact::Moved)
        || forbids(cause, Subject::Namespace).is_some();
    let folders = application(cause).map(|app| [format!("tests/kind/{app}/"), format!("tests/gitops/{app}/")]);
    let file = first(effect).map(|place| place.source.name.as_str()).unwrap_or_default();
    let inside = folders.is_some_and(|folders| folders.iter().any(|folder| file.starts_with(folder.as_str())));
    moved && inside && missing(effect).is_some_and(|(kind, _)| kind == "Namespace")
}

/// Whether scenarios never run because their Application is no longer defined.
pub(super) fn without_its_application(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let named = application(cause).is_some_and(|app| effect.is(&Fact::missing("Application", app)));
    named && cause.is(&Fact::Removed(Subject::Application))
}

/// Whether an image has no tag because Chart.yaml does not have the field for its version.
pub(super) fn without_a_version(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    cause.suggested().any(|field| field == "appVersion") && effect.is(&Fact::Unsupported("tag".to_owned()))
}

/// Whether the image of a dependency has its default version because the value with the version is misspelled.
pub(super) fn of_its_image(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let of_image = cause.value().is_some_and(|path| path.contains(".image."));
    of_image && same_chart(cause, effect)
}

/// Whether an object is missing only because it is in another namespace.
pub(super) fn elsewhere(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    effect.is(&Fact::Elsewhere) && in_its_file(cause, effect) && same_application(cause, effect)
}

/// Whether the object that is missing is in the namespace into which objects are rendered by mistake.
pub(super) fn moved_there(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let namespace = cause.facts.iter().find(|fact| matches!(fact, Fact::Namespace(_)));
    effect.is(&Fact::Elsewhere) && namespace.is_some_and(|namespace| effect.is(namespace))
}

/// Whether the effect is about a reference to an object by its name, which is invalid itself.
pub(super) fn has_that_name(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let name = |found: &Diagnostic| found.origin.as_ref().is_some_and(|origin| origin.path == ["metadata", "name"]);
    let invalid = cause.origin.as_ref().map(|origin| origin.name.as_str()).filter(|_| name(cause) && !name(effect));
    let text = written(effect).map(|text| text.trim_matches(['"', '\'']));
    invalid.is_some() && same_application(cause, effect) && text == invalid
}

/// Whether the name of another object, which is invalid, too, begins with the one of the cause.
pub(super) fn named_after_it(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let name = |found: &Diagnostic| {
        let origin = found.origin.as_ref().filter(|origin| origin.path == ["metadata", "name"])?;
        Some((origin.name.clone(), origin.kind.clone(), line(found)))
    };
    let Some(((one, kind, at), (other, other_kind, other_at))) = name(cause).zip(name(effect)) else { return false };
    let earlier = (one.len(), kind, at) < (other.len(), other_kind, other_at);
    earlier && other.starts_with(&one) && same_application(cause, effect)
}

/// Whether the project that nothing uses is in the file of the one that does not exist.
pub(super) fn named_like_its_file(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let name = missing(cause).map(|(_, name)| format!("/{name}.yaml"));
    name.zip(first(effect)).is_some_and(|(name, place)| place.source.name.ends_with(&name))
}

/// Whether the list that does not permit an object is the one with the misspelled name.
pub(super) fn misspelled_list(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let list = unlisted(effect).and_then(|fact| match fact {
        Fact::Unlisted { list, .. } => Some(list.as_str()),
        _ => None,
    });
    list.is_some_and(|list| cause.suggested().any(|name| name == list)) && in_its_file(cause, effect)
}

/// Whether a field is only not allowed because of the value of the field that is invalid anyway.
pub(super) fn depends_on_it(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let field = cause.origin.as_ref().and_then(|origin| origin.path.last());
    field.is_some_and(|field| effect.is(&Fact::When(field.clone()))) && same_object(cause, effect)
}

/// Whether a source is written as a list of sources, and the single one is missing.
pub(super) fn one_source(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    same_file(cause, effect)
        && malformed_field(cause) == Some("spec.sources")
        && effect.is(&Fact::Required("spec.source".to_owned()))
}

/// Whether an entry has no effect because its only field is unknown.
pub(super) fn empty_without_it(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    cause.facts.iter().any(|fact| matches!(fact, Fact::Unknown(_)))
        && effect.is(&Fact::Ineffective)
        && near_line(cause, effect)
}

/// Whether a container may escalate because it is privileged, which it must not be.
pub(super) fn privileged(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    same_object(cause, effect)
        && cause.is(&Fact::Unsupported("privileged".to_owned()))
        && effect.is(&Fact::Conflict("privileged".to_owned()))
}

/// Whether only one of two fields may be set, and the one of them is not allowed.
pub(super) fn conflicting(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    cause.facts.iter().any(|fact| matches!(fact, Fact::Conflict(_))) && same_line(cause, effect)
}

/// Whether Helm complains about the same version of the kind.
pub(super) fn same_version(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    same_file(cause, effect) && effect.is(&Fact::Unsupported("apiVersion".to_owned()))
}

/// Whether two targets render the same Applications, and everything else that they share.
pub(super) fn of_the_same_targets(cause: &Diagnostic, effect: &Diagnostic) -> bool {
    let shared = |found: &Diagnostic| -> Vec<String> {
        let target = |fact: &Fact| if let Fact::SharedWith(target) = fact { Some(target.clone()) } else { None };
        found.facts.iter().filter_map(target).chain(found.target.clone()).collect()
    };
    let (targets, of_effect) = (shared(cause), shared(effect));
    of_effect.len() > 1 && of_effect.iter().all(|target| targets.contains(target))
}

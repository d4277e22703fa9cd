//! Reports to format.

use std::collections::BTreeMap;
use std::time::Duration;

use diagnostics::{Code, Diagnostic, Place, Severity, Source};
use golden::diff::{Kind, ObjectDiff, Tag};
use kubernetes::change::effect::Effect;
use kubernetes::change::field::FieldChange;
use kubernetes::manifest::{self, Recorded};
use workspace::provenance::Writer;
use workspace::provenance::trail::Trail;
use workspace::target::TargetId;
use xtask::report::model::{
    Action, ApplicationChange, ApplicationKind, Bump, Finding, ObjectChange, Report, Side, Status, Validity,
};

/// Text that is markup, code, or a link somewhere.
pub(crate) const HOSTILE: &str = "</details></script><script>alert(1)</script><img src=x onerror=alert(1)> @team #12 \
    https://evil.example.com [a](https://evil.example.com) ]]> `` ```` | \u{202e}gnp\u{1b}[31m\0 ${{ x }} {{ y }}";

/// A report with this many Applications, each with this many objects, each with this many changed lines.
pub(crate) fn report(applications: usize, objects: usize, lines: usize) -> Report {
    let names = (0..applications).map(|number| format!("application-{number:03}"));
    let applications = names.enumerate().map(|(number, name)| application(number, &name, objects, lines)).collect();
    of(applications, Vec::new())
}

/// A report in which everything that comes from files is hostile.
pub(crate) fn hostile() -> Report {
    let mut one = application(0, HOSTILE, 3, 6);
    HOSTILE.clone_into(&mut one.namespace);
    HOSTILE.clone_into(&mut one.file);
    one.hooks = vec![format!("Job/{HOSTILE}")];
    for object in &mut one.objects {
        HOSTILE.clone_into(&mut object.diff.object.manifest.key.name);
        HOSTILE.clone_into(&mut object.diff.object.manifest.key.kind);
        HOSTILE.clone_into(&mut object.diff.object.manifest.template);
        object.diff.lines.iter_mut().skip(1).for_each(|(_, line)| *line = format!("{HOSTILE} {line}"));
        object.targets = vec![TargetId { app: HOSTILE.to_owned(), case: "default".to_owned() }];
        object.effects = vec![effect(Severity::Blocker), effect(Severity::Caution)];
        for effect in &mut object.effects {
            effect.message = format!("the field `{HOSTILE}` is {HOSTILE}");
            effect.help = Some(HOSTILE.to_owned());
        }
        for field in &mut object.fields {
            HOSTILE.clone_into(&mut field.path);
            field.after = Some(HOSTILE.to_owned());
        }
    }
    one.bumps = vec![Bump {
        chart: false,
        name: HOSTILE.to_owned(),
        from: HOSTILE.to_owned(),
        to: format!("{HOSTILE}2"),
        major: true,
    }];
    let failed = ApplicationChange {
        kind: ApplicationKind::Failed { reason: HOSTILE.to_owned() },
        objects: Vec::new(),
        ..application(1, &format!("{HOSTILE}2"), 0, 0)
    };
    let source = Source::new(format!("charts/web/{HOSTILE}.yaml"), format!("a: {HOSTILE}\n"));
    let found = Diagnostic::new(Code::ImageUnpinned, format!("`{HOSTILE}` or {HOSTILE}"))
        .target(HOSTILE)
        .at(Place::new(&source, 0..1), HOSTILE)
        .note(HOSTILE)
        .help(HOSTILE);
    let finding = |status| Finding { diagnostic: found.clone(), status };
    let mut report = of(vec![one, failed], [None, Some(Status::New), Some(Status::Existing)].map(finding).to_vec());
    HOSTILE.clone_into(&mut report.head.name);
    report
}

/// A small report that looks like one of a real repository.
pub(crate) fn shop() -> Report {
    let mut all: Vec<ApplicationChange> = ["shop", "mail", "monitoring"]
        .into_iter()
        .zip([3, 2, 0])
        .map(|(name, number)| ApplicationChange {
            file: format!("argocd/applications/{name}.yaml"),
            namespace: name.to_owned(),
            ..application(number, name, 1, 0)
        })
        .collect();
    let changes = [
        ("replicas: 1", "replicas: 3", "spec.replicas"),
        ("app: shop", "app: web-shop", "spec.selector.matchLabels.app"),
        (
            "image: registry.example.com/web:1.4.0",
            "image: registry.example.com/web:2.0.1",
            "spec.containers[name=web].image",
        ),
    ];
    for application in &mut all {
        let object = &mut application.objects[0];
        let key = &mut object.diff.object.manifest.key;
        (key.name, key.namespace) = ("web".to_owned(), application.name.clone());
        let mut lines = vec![(Tag::Hunk, "@@ -6,7 +6,7 @@".to_owned()), (Tag::Context, "spec:".to_owned())];
        for (old, new, _) in changes {
            lines.push((Tag::Removed, format!("  {old}")));
            lines.push((Tag::Added, format!("  {new}")));
        }
        lines.push((Tag::Context, "  strategy:".to_owned()));
        object.diff.lines = lines;
        object.diff.trails = (7..10).map(|line| (line, trail())).collect();
        for effect in object.effects.iter_mut().filter(|effect| effect.severity == Severity::Caution) {
            (effect.code, effect.help) = (Code::ChangeDisruptive, None);
            "one pod of `replicas: 3` is not scheduled until the volume is free".clone_into(&mut effect.message);
        }
        let split = |text: &str| text.split_once(": ").map(|(_, value)| value.to_owned());
        object.fields = changes
            .map(|(old, new, path)| FieldChange { path: path.to_owned(), before: split(old), after: split(new) })
            .to_vec();
    }
    of(all, Vec::new())
}

fn of(applications: Vec<ApplicationChange>, findings: Vec<Finding>) -> Report {
    let side = |name: &str| Side {
        name: name.to_owned(),
        commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        argocd: "3.5".to_owned(),
        helm: "4.2.1".to_owned(),
    };
    Report {
        command: "diff",
        base: side("main"),
        head: side("the checkout"),
        applications,
        not_rendered: Vec::new(),
        unchanged: 7,
        findings,
        validity: Validity::Checked { objects: 0, invalid: 0 },
        elapsed: Duration::from_millis(120),
    }
}

fn application(number: usize, name: &str, objects: usize, lines: usize) -> ApplicationChange {
    let severity = Severity::ALL[3 - (number % 7).min(3)];
    let kinds = ["Deployment", "Service", "ConfigMap"];
    let objects = (0..objects).map(|index| object(number, name, kinds[index % 3], index, severity, lines));
    ApplicationChange {
        name: name.to_owned(),
        namespace: "shop".to_owned(),
        kind: ApplicationKind::Changed,
        file: format!("argocd/applications/web-{number}.yaml"),
        objects: objects.collect(),
        bumps: vec![Bump {
            chart: false,
            name: "registry.example.com/web".to_owned(),
            from: "1.4.0".to_owned(),
            to: "2.0.1".to_owned(),
            major: true,
        }],
        effects: Vec::new(),
        hooks: Vec::new(),
    }
}

fn object(number: usize, name: &str, kind: &str, index: usize, severity: Severity, lines: usize) -> ObjectChange {
    let header = format!("# Source: web/templates/{}.yaml\napiVersion: v1\n", kind.to_lowercase());
    let text = format!("{header}kind: {kind}\nmetadata:\n  name: web-{index}\n  namespace: shop\n");
    let object = Recorded {
        file: format!("{}-web-{index}.yaml", kind.to_lowercase()),
        manifest: manifest::read_golden(&text, "shop").expect("an object"),
    };
    let mut shown = vec![(Tag::Hunk, format!("@@ -1,{lines} +1,{lines} @@"))];
    shown.push((Tag::Context, "spec:".to_owned()));
    for line in 0..lines / 2 {
        shown.push((Tag::Removed, format!("  field-{line}: old value of {name} in {kind} number {index}")));
        shown.push((Tag::Added, format!("  field-{line}: needle-{number} in {kind} number {index} of {name}")));
    }
    ObjectChange {
        diff: ObjectDiff {
            kind: Kind::Modified,
            previous: Some(object.clone()),
            object,
            lines: shown,
            trails: BTreeMap::from([(2, trail())]),
        },
        targets: vec![TargetId { app: name.to_owned(), case: "default".to_owned() }],
        action: Action::Update,
        reason: None,
        effects: if severity > Severity::Routine { vec![effect(severity)] } else { Vec::new() },
        fields: vec![FieldChange {
            path: "spec.replicas".to_owned(),
            before: Some("1".to_owned()),
            after: Some("2".to_owned()),
        }],
    }
}

fn effect(severity: Severity) -> Effect {
    Effect {
        code: Code::ChangeRefused,
        severity,
        message: "the API server rejects the change of `spec.selector`".to_owned(),
        path: vec!["spec".to_owned(), "selector".to_owned()],
        help: Some("delete the Deployment first, or keep the labels".to_owned()),
    }
}

fn trail() -> Trail {
    let source = Source::new("charts/web/templates/deployment.yaml", "spec:\n  {{ .Values.x }}\n");
    let mut trail = Trail::default();
    trail.writers = vec![Writer { place: Place::line(&source, 2), action: true, callers: Vec::new() }];
    trail
}

//! The cost of many keys, in each place where a stranger can write them.

use std::fs;
use std::time::Duration;

use crate::hostile::{CONFIG_MAP, application, workspace};
use crate::support::{Answer, Bench, HELM_4, helm};

/// Writes a workspace with this number of keys.
type Write = fn(&Bench, usize);

const PLACES: &[(&str, Write)] = &[
    ("values", |bench, count| bench.write("charts/web/values.yaml", &keys(count, ""))),
    ("Chart.yaml", |bench, count| {
        let text = format!("apiVersion: v2\nname: web\nversion: 0.1.0\nannotations:\n{}", keys(count, "  "));
        bench.write("charts/web/Chart.yaml", &text);
    }),
    ("Application", |bench, count| {
        let values = format!("path: charts/web\n    helm:\n      valuesObject:\n{}", keys(count, "        "));
        bench.write("argocd/web.yaml", &application("web", &values[6..]));
    }),
    ("unknown fields", |bench, count| {
        let fields = format!("charts/web\n{}", keys(count, "    "));
        bench.write("argocd/web.yaml", &application("web", &fields));
    }),
    ("override", |bench, count| {
        bench.write("charts/web/.argocd-source.yaml", &format!("helm:\n  valuesObject:\n{}", keys(count, "    ")));
    }),
    ("template", |bench, count| {
        let template = format!("{CONFIG_MAP}data:\n{}", keys(count, "  ")).replace("name: web", "name: many");
        bench.write("charts/web/templates/many.yaml", &template);
    }),
    ("output of a template", |bench, count| {
        let range = format!("{{{{ range $i := until {count} }}}}\n  k{{{{ $i }}}}: v\n{{{{- end }}}}\n");
        let template = format!("{CONFIG_MAP}data:\n{range}").replace("name: web", "name: many");
        bench.write("charts/web/templates/many.yaml", &template);
    }),
    ("case", |bench, count| bench.write("charts/web/ci/many-values.yaml", &keys(count, ""))),
    ("golden", |bench, count| {
        let golden = format!("# Source: web/templates/a.yaml\n{CONFIG_MAP}data:\n{}", keys(count, "  "));
        bench.write("tests/golden/web/default/configmap-web.yaml", &golden);
        bench.write("tests/golden/web/default/render.lock", "version = 1\n[inputs]\n[outputs]\n");
    }),
    ("environment variables", |bench, count| {
        let variables = entries(count, 12, |entry| {
            format!("{{name: E{entry}, valueFrom: {{configMapKeyRef: {{name: many, key: k{entry}}}}}}}")
        });
        let settings = format!("{CONFIG_MAP}data:\n{}", keys(count, "  ")).replace("name: web", "name: many");
        bench.write("charts/web/templates/many.yaml", &(deployment("env", &variables, "") + "---\n" + &settings));
    }),
    ("volumes", |bench, count| {
        let mounts = entries(count, 12, |entry| format!("{{name: v{entry}, mountPath: /m{entry}}}"));
        let volumes = entries(count, 8, |entry| format!("{{name: v{entry}, emptyDir: {{}}}}"));
        let volumes = format!("      volumes:\n{volumes}");
        bench.write("charts/web/templates/many.yaml", &deployment("volumeMounts", &mounts, &volumes));
    }),
    ("ports of a Service", |bench, count| {
        let ports = entries(count, 4, |entry| format!("{{name: p{entry}, port: {}}}", entry % 65535 + 1));
        let text = format!("apiVersion: v1\nkind: Service\nmetadata: {{name: many}}\nspec:\n  ports:\n{ports}");
        bench.write("charts/web/templates/many.yaml", &text);
    }),
    ("hosts of an Ingress", |bench, count| {
        let service = "{service: {name: web, port: {number: 80}}}";
        let rules = entries(count, 4, |entry| {
            format!(
                "{{host: h{entry}.example.com, http: {{paths: [{{path: /, pathType: Prefix, backend: {service}}}]}}}}"
            )
        });
        let tls = entries(count, 4, |entry| format!("{{hosts: [h{entry}.example.com], secretName: web}}"));
        let spec = format!("spec:\n  rules:\n{rules}  tls:\n{tls}");
        let text = format!("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: many}}\n{spec}");
        bench.write("charts/web/templates/many.yaml", &text);
    }),
    ("charts.toml", |bench, count| {
        let text = fs::read_to_string(bench.root().join("charts.toml")).expect("readable");
        bench.write("charts.toml", &(text + &keys(count, "").replace(": v", " = 1")));
    }),
];

fn keys(count: usize, indent: &str) -> String {
    (0..count).map(|key| format!("{indent}k{key}: v\n")).collect()
}

/// The entries of a list.
fn entries(count: usize, indent: usize, entry: impl Fn(usize) -> String) -> String {
    (0..count).map(|number| format!("{:indent$}- {}\n", "", entry(number))).collect()
}

/// A Deployment with a list in its container, and further fields of its pods.
fn deployment(field: &str, entries: &str, others: &str) -> String {
    let spec = "spec:\n  selector: {matchLabels: {app: many}}\n  template:\n    metadata: {labels: {app: many}}";
    let container = "- name: many\n          image: registry.example.com/many:1.2.3";
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: many}}\n{spec}\n    spec:\n      containers:\n        \
         {container}\n          {field}:\n{entries}{others}"
    )
}

/// Prints the processor time of a program and of all that it started, in the last line.
const TIMES: &[&str] = &["/bin/sh", "-c", "\"$0\" \"$@\"; code=$?; times >&2; exit $code"];

/// Runs a command in a workspace with this number of keys, and returns how much processor time it took: other programs have
/// no effect on it.
#[track_caller]
fn measure(command: &str, place: &str, write: Write, count: usize) -> Option<(Duration, Answer)> {
    let helm = helm(HELM_4)?;
    let bench = workspace(&[("a.yaml", CONFIG_MAP)]);
    write(&bench, count);
    let answer = bench.through(TIMES, command).helm(&helm).run();
    assert!(matches!(answer.code, Some(1 | 2)), "{place}: {answer}");
    let seconds = |text: &str| {
        let (minutes, seconds) = text.strip_suffix('s')?.split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    let times: f64 = answer.stderr.lines().last().into_iter().flat_map(str::split_whitespace).filter_map(seconds).sum();
    Some((Duration::from_secs_f64(times), answer))
}

#[test]
fn many_keys_take_time_in_proportion() {
    for (place, write) in PLACES {
        for command in ["render", "lint"] {
            let Some((took, _)) = measure(command, place, *write, 20_000) else { return };
            // About a second; an override took a minute when its time grew with the square.
            assert!(!took.is_zero() && took < Duration::from_secs(20), "{command}, {place}: {took:?}");
        }
    }
}

/// `cargo test --release --test integration keys:: -- --ignored --nocapture` prints the table.
#[expect(clippy::print_stderr, reason = "the table is the result")]
#[ignore = "takes minutes"]
#[test]
fn the_times_of_up_to_a_million_keys() {
    eprintln!("| place | 10,000 keys | 100,000 | 1,000,000 | with 1,000,000 |\n|---|---|---|---|---|");
    for (place, write) in PLACES {
        let mut row = format!("| {place} ");
        let mut last = String::new();
        for count in [10_000, 100_000, 1_000_000] {
            let Some((took, answer)) = measure("render", place, *write, count) else { return };
            row += &format!("| {:.2} s ", took.as_secs_f64());
            let error = answer.stderr.lines().find_map(|line| line.strip_prefix("error["));
            last = error.and_then(|error| error.split(']').next()).unwrap_or_default().to_owned();
            assert!(took < Duration::from_secs(120), "{place}, {count} keys: {took:?}");
        }
        eprintln!("{row}| `{last}` |");
    }
}

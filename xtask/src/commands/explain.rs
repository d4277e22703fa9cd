//! `explain`: prints what a diagnostic code means, from docs/checks.md.

use diagnostics::{Code, Diagnostic, Diagnostics, Result, did_you_mean, nearest};

use super::Outcome;
use crate::report;
use crate::report::Printer;
use crate::report::checks::{class, entry};
use crate::report::json::{self, Output};

/// Runs the command: explains a code, or lists all codes. Needs no workspace.
pub fn run(printer: &Printer, code: Option<&str>) -> Result<Outcome> {
    let codes = match code {
        Some(name) => &[find(name)?][..],
        None => Code::ALL,
    };
    printer.result(&match (code, codes) {
        (Some(_), &[code]) => format!("{}\n", entry(code)),
        _ => report::table(
            &codes.iter().map(|code| [code.name().to_owned(), code.about().to_owned()]).collect::<Vec<_>>(),
        ),
    });
    let codes = codes.iter().map(|code| description(*code)).collect();
    Ok(Outcome { diagnostics: Diagnostics::default(), output: Output::Explain(json::Explain { codes }) })
}

/// Finds a code by its name, also as it is printed: `error[golden-differs]`.
fn find(name: &str) -> Result<Code> {
    let inner = name.strip_suffix(']').and_then(|name| Some(name.split_once('[')?.1)).unwrap_or(name);
    if let Some(code) = Code::ALL.iter().find(|code| code.name() == inner) {
        return Ok(*code);
    }
    let unknown = Diagnostic::new(Code::Usage, format!("there is no diagnostic code `{}`", inner.escape_debug()));
    Err(match nearest(inner, Code::ALL.iter().map(|code| code.name())) {
        Some(near) => unknown.help(did_you_mean(near)),
        None => unknown
            .help("run `cargo xtask explain` to list all codes")
            .help("write a target with its case, such as `APP/default`, to explain what it renders"),
    }
    .into())
}

fn description(code: Code) -> json::Code {
    json::Code {
        code: code.name(),
        class: class(code),
        exit_code: exit_code(code),
        about: code.about(),
        text: entry(code),
    }
}

fn exit_code(code: Code) -> u8 {
    report::exit_code(&Diagnostic::new(code, "").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::checks::entries;

    #[test]
    fn every_code_is_described_in_order() {
        let described: Vec<&str> = entries().map(|(name, _)| name).collect();
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(described, codes);
    }

    #[test]
    fn descriptions_agree_with_the_codes_and_are_complete() {
        for code in Code::ALL {
            let (text, name) = (entry(*code), code.name());
            let first = format!("{}, exit code {}: {}", class(*code), exit_code(*code), code.about());
            assert_eq!(text.lines().next(), Some(first.as_str()), "{name}");
            for part in ["\n\n**Why:** ", "\n\n**Fix:** "] {
                assert_eq!(text.matches(part).count(), 1, "{name}: {part}");
            }
            let (_, example) = text.split_once("\n\n**Fix:** ").expect("checked above");
            assert!(example.matches("\n```").count() == 2 && example.ends_with("\n```"), "{name}: an example");
        }
    }

    #[test]
    fn a_code_is_found_as_it_is_printed() {
        for name in ["golden-differs", "error[golden-differs]", "warning[golden-differs]"] {
            assert_eq!(find(name).expect("known"), Code::GoldenDiffers);
        }
        let help = |name: &str| find(name).expect_err("unknown").0[0].helps.clone();
        assert_eq!(help("golden-difers"), ["did you mean `golden-differs`?"]);
        assert_eq!(help("E0001")[0], "run `cargo xtask explain` to list all codes");
    }
}

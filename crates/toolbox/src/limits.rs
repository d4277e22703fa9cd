//! `XTASK_LIMITS`, which changes the limits for a run.

use diagnostics::{Code, Diagnostic, Help, Limit, Result, limit, suggestion};

/// Sets the limits for this process: `NAME=NUMBER`, separated by commas.
pub fn configure(text: &str) -> Result<()> {
    limit::set(parse(text)?);
    Ok(())
}

fn parse(text: &str) -> Result<Vec<(Limit, usize)>> {
    let mut changed = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let invalid = |problem: String, help: Help| {
            Err(Diagnostic::new(Code::Usage, format!("`XTASK_LIMITS` {problem}")).help(help).into())
        };
        let names = || Limit::ALL.iter().map(|limit| limit.name());
        let example = || "write `NAME=NUMBER`, separated by commas, such as `yaml-mib=32,program-seconds=300`".into();
        let Some((name, number)) = entry.split_once('=') else {
            return invalid(format!("contains `{entry}`, which has no `=`"), example());
        };
        let Some(limit) = Limit::ALL.iter().copied().find(|limit| limit.name() == name.trim()) else {
            return invalid(format!("contains the unknown limit `{name}`"), suggestion(name.trim(), names()));
        };
        match number.trim().parse() {
            Ok(value) if (1..=limit.most()).contains(&value) => changed.push((limit, value)),
            Ok(_) | Err(_) => {
                let range = format!("use a number from 1 to {}", limit.most());
                return invalid(format!("sets `{name}` to `{number}`"), range.into());
            }
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_can_be_set() {
        for limit in Limit::ALL {
            let (name, most) = (limit.name(), limit.most());
            assert!((1..=most).contains(&limit.default()), "{name}");
            assert_eq!(parse(&format!("{name}={most}")), Ok(vec![(*limit, most)]));
            assert!(parse(&format!("{name}={}", most + 1)).is_err(), "{name}");
        }
    }

    #[test]
    fn wrong_limits_are_refused() {
        let table = [
            ("", None),
            (" , ", None),
            ("yaml-mib=32, file-mib = 65", None),
            ("yaml-mib", Some("contains `yaml-mib`, which has no `=`")),
            ("yaml-mb=1", Some("contains the unknown limit `yaml-mb`")),
            ("x=1", Some("contains the unknown limit `x`")),
            ("yaml-mib=0", Some("sets `yaml-mib` to `0`")),
            ("yaml-mib=-1", Some("sets `yaml-mib` to `-1`")),
            ("yaml-mib=16MiB", Some("sets `yaml-mib` to `16MiB`")),
            ("yaml-mib=99999999999999999999999", Some("sets `yaml-mib` to `99999999999999999999999`")),
        ];
        for (text, expected) in table {
            let found = parse(text).err().map(|found| found.0[0].message.clone());
            assert_eq!(found, expected.map(|problem| format!("`XTASK_LIMITS` {problem}")), "{text}");
        }
    }
}

//! `--shard I/N`: one of the parts into which a CI matrix splits the targets.
//!
//! An Application is in the same part as its cases, because `lint` checks a chart with all of them, and stays there when
//! others are added or removed.

use std::fmt;
use std::str::FromStr;

use argocd::release::Release;
use diagnostics::Diagnostics;
use toolbox::archive::sha256;

use crate::load::Workspace;
use crate::plan;
use crate::target::Target;

/// A part of the targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 1.
    index: u64,
    /// How many there are.
    count: u64,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match numbers {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Self { index, count }),
            Some((0, _)) => Err("the first shard is 1".to_owned()),
            Some((index, count)) => Err(format!("there is no shard {index} of {count}")),
            None => Err("expected I/N, such as 1/4".to_owned()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl Shard {
    /// Whether an Application is in this part.
    #[must_use]
    pub fn has(self, application: &str) -> bool {
        let digest = sha256(application.as_bytes());
        u64::from_str_radix(&digest[..15], 16).is_ok_and(|number| number % self.count == self.index - 1)
    }

    /// Whether this part also has what belongs to no Application.
    #[must_use]
    pub fn is_first(self) -> bool {
        self.index == 1
    }
}

/// Returns the selected targets that are in a shard, sorted by name, as [`plan::plan`] does. What planning finds out about the
/// workspace is in the first shard.
#[must_use]
pub fn plan<'a>(
    workspace: &'a Workspace,
    argocd: Release,
    selection: &[String],
    shard: Option<Shard>,
) -> (Vec<Target<'a>>, Diagnostics) {
    let Some(shard) = shard else { return plan::plan(workspace, argocd, selection) };
    let planned = workspace.deployments.iter().map(|one| &one.application.instance);
    let others = workspace.unrendered.iter().map(|one| &one.instance);
    let own = planned.chain(others).filter(|name| shard.has(name) && plan::selects(selection, name));
    let own: Vec<String> = own.cloned().collect();
    let mut diagnostics = workspace.inspections().found.clone();
    // An empty selection would select everything.
    let (mut targets, found) = if own.is_empty() { Default::default() } else { plan::planned(workspace, argocd, &own) };
    diagnostics.extend(found);
    targets.retain(|target| plan::names(selection, &target.id));
    if shard.is_first() {
        diagnostics.extend(if selection.is_empty() {
            plan::of_workspace(workspace)
        } else {
            plan::unknown(workspace, selection)
        });
    }
    (targets, diagnostics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_existing_shards_are_accepted() {
        let read = |text: &str| text.parse::<Shard>().map(|shard| shard.to_string());
        assert_eq!(read("2/4"), Ok("2/4".to_owned()));
        assert_eq!(read("0/4"), Err("the first shard is 1".to_owned()));
        assert_eq!(read("5/4"), Err("there is no shard 5 of 4".to_owned()));
        for text in ["", "1", "1/", "/2", "a/b", "1/2/3", "-1/2", "1/0x4"] {
            assert_eq!(read(text), Err("expected I/N, such as 1/4".to_owned()), "{text}");
        }
        assert!(read("1/0").is_err());
    }

    #[test]
    fn each_application_is_in_one_shard_and_stays_there() {
        for count in 1..12_u64 {
            let shards: Vec<Shard> = (1..=count).map(|index| Shard { index, count }).collect();
            let mut sizes = vec![0; shards.len()];
            for number in 0..600 {
                let name = format!("team-{}_app-{number}", number % 7);
                let having: Vec<usize> = (0..shards.len()).filter(|index| shards[*index].has(&name)).collect();
                assert_eq!(having.len(), 1, "{name} of {count}");
                sizes[having[0]] += 1;
            }
            let fair = 600 / shards.len();
            assert!(sizes.iter().all(|size| (fair / 2..=fair * 2).contains(size)), "{sizes:?}");
        }
        // In all versions of the tool.
        let first = Shard { index: 1, count: 2 };
        assert_eq!(["postfix", "sealed-secrets", "web"].map(|name| first.has(name)), [true, true, false]);
    }
}

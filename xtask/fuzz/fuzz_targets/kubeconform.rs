//! kubeconform's answer, and its words for what is wrong: read or refused, and what is quoted is part of them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::validate::{kubeconform, pointer, problem};

fuzz_target!(|bytes: &[u8]| {
    let answers = kubeconform::parse(bytes).unwrap_or_default();
    let words = String::from_utf8_lossy(bytes);
    for message in answers.values().map(|answer| answer.message.as_str()).chain([words.as_ref()]) {
        for problem in problem::parse(message) {
            let _ = pointer::path(&problem.at);
        }
    }
});

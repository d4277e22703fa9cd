//! Digests in lowercase hexadecimal.
//!
//! A run in which nothing changed computes one for each file. The libraries consist of generic code, which is compiled with
//! the crate that calls it, so this one is apart: development builds optimize it.

pub mod hexadecimal;

use sha2::{Digest, Sha256};

/// SHA-256 in lowercase hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal::text(&sha256_bytes(bytes))
}

/// SHA-256.
#[must_use]
pub fn sha256_bytes(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-1 of a text that consists of two parts, in lowercase hexadecimal.
#[must_use]
pub fn sha1(first: &[u8], rest: &[u8]) -> String {
    hexadecimal::text(&sha1::Sha1::new().chain_update(first).chain_update(rest).finalize())
}

//! The names that Git gives to the contents of files.

/// The length of a name in a repository that uses SHA-256.
const SHA256: usize = 64;

/// The name of the object with a content, in a repository whose names have a length.
#[must_use]
pub fn name(content: &[u8], length: usize) -> String {
    let header = format!("blob {}\0", content.len());
    if length == SHA256 {
        return digests::sha256(&[header.as_bytes(), content].concat());
    }
    digests::sha1(header.as_bytes(), content)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `git hash-object` prints them.
    #[test]
    fn contents_have_the_names_that_git_gives_them() {
        assert_eq!(name(b"", 40), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(name(b"a\n", 40), "78981922613b2afb6025042ff6bd878ac1994e85");
        assert_eq!(name(b"", 64), "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813");
    }
}

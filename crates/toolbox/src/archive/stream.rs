//! The blocks of a gzipped tar archive.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;

use super::header::{BLOCK, Header};
use super::problem::{Outcome, Problem};

/// The blocks of an archive.
pub(super) struct Stream<'a> {
    decoder: GzDecoder<&'a [u8]>,
    /// In MiB.
    limit: usize,
    unpacked: u64,
}

impl<'a> Stream<'a> {
    /// The stream of an archive that may unpack to `limit` MiB.
    pub(super) fn new(bytes: &'a [u8], limit: usize) -> Self {
        Self { decoder: GzDecoder::new(bytes), limit, unpacked: 0 }
    }

    /// The header of the next entry; `None` at the end of the archive.
    pub(super) fn header(&mut self) -> Outcome<Option<Header>> {
        let mut block = [0; BLOCK];
        match self.fill(&mut block)? {
            0 => return Ok(None),
            BLOCK => {}
            _ => return Err(Problem::Unreadable("it ends within a header".to_owned())),
        }
        if block == [0; BLOCK] {
            return Ok(None);
        }
        Header::parse(&block).map(Some)
    }

    /// The content of an entry, without its padding.
    pub(super) fn content(&mut self, size: u64) -> Outcome<Vec<u8>> {
        self.count(size)?;
        let mut content = Vec::new();
        self.decoder.by_ref().take(size).read_to_end(&mut content).map_err(|error| unreadable(&error))?;
        let mut padding = [0; BLOCK];
        let padding = &mut padding[..content.len().next_multiple_of(BLOCK) - content.len()];
        if (content.len() as u64) < size || self.fill(padding)? < padding.len() {
            return Err(Problem::Unreadable("it ends within a file".to_owned()));
        }
        Ok(content)
    }

    /// Checks that only zeros follow the end of the archive, as `tar` writes them, and nothing follows the gzip member.
    pub(super) fn end(mut self) -> Outcome<()> {
        let mut block = [0; BLOCK];
        loop {
            match self.fill(&mut block)? {
                0 => break,
                count if block[..count].iter().any(|byte| *byte != 0) => {
                    return Err(Problem::Unsafe("has data after its end-of-archive marker".to_owned()));
                }
                _ => {}
            }
        }
        match self.decoder.into_inner() {
            [] => Ok(()),
            [0x1f, 0x8b, ..] => Err(Problem::Unsafe("consists of several gzip members".to_owned())),
            _ => Err(Problem::Unsafe("has data after its gzip member".to_owned())),
        }
    }

    /// Reads until a buffer is full or the data ends, and returns the number of bytes.
    fn fill(&mut self, buffer: &mut [u8]) -> Outcome<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.decoder.read(&mut buffer[filled..]).map_err(|error| unreadable(&error))? {
                0 => break,
                count => filled += count,
            }
        }
        self.count(filled as u64)?;
        Ok(filled)
    }

    fn count(&mut self, size: u64) -> Outcome<()> {
        self.unpacked = self.unpacked.saturating_add(size);
        if self.unpacked > (self.limit as u64) << 20 {
            return Err(Problem::Large(self.limit));
        }
        Ok(())
    }
}

fn unreadable(error: &io::Error) -> Problem {
    Problem::Unreadable(error.to_string())
}

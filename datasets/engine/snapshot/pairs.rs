//! The customers of a snapshot, one after the other, beside the customers of today's lines.

use std::path::Path;
use std::slice;
use std::sync::Arc;

use super::piece::{Piece, PieceReader, Place};
use crate::encryption::DataKey;
use crate::{Erasures, Error, History};

/// A customer as the snapshot has them.
pub(super) struct Kept<'p> {
    pub id: Box<str>,
    pub bytes: &'p [u8],
}

impl Kept<'_> {
    /// Number of events.
    pub fn events(&self) -> Result<u64, Error> {
        History::events_of_bytes(self.bytes)
    }
}

/// All customers of a snapshot but those who were erased, by id ascending.
pub(super) struct Pairs<'a> {
    folder: &'a Path,
    pieces: slice::Iter<'a, Piece>,
    key: Option<Arc<DataKey>>,
    reader: Option<PieceReader<'a>>,
    peeked: Option<Place>,
    erased: Option<&'a Erasures>,
    left_out: Vec<History>,
}

impl<'a> Pairs<'a> {
    pub fn of(
        folder: &'a Path,
        pieces: slice::Iter<'a, Piece>,
        key: Option<Arc<DataKey>>,
        erased: Option<&'a Erasures>,
    ) -> Self {
        Pairs { folder, pieces, key, reader: None, peeked: None, erased, left_out: Vec::new() }
    }

    /// The histories of those who were passed over because they were erased.
    pub fn left_out(&self) -> &[History] {
        &self.left_out
    }

    /// The next customer, if their id is wanted.
    pub fn next_if(&mut self, wanted: impl FnOnce(&str) -> bool) -> Result<Option<Kept<'_>>, Error> {
        while self.peeked.is_none() {
            if let Some(reader) = &mut self.reader
                && let Some(place) = reader.next()?
            {
                if self.erased.is_some_and(|erased| erased.contains(&place.id)) {
                    self.left_out.push(History::from_bytes(reader.bytes(&place))?);
                } else {
                    self.peeked = Some(place);
                }
                continue;
            }
            let Some(piece) = self.pieces.next() else { return Ok(None) };
            self.reader = Some(PieceReader::open(self.folder, piece, self.key.clone())?);
        }
        let place = self.peeked.take_if(|place| wanted(&place.id));
        Ok(self
            .reader
            .as_ref()
            .zip(place)
            .map(|(reader, place)| Kept { bytes: reader.bytes(&place), id: place.id }))
    }
}

//! Pages of Parquet files, checked before they are decoded.
//!
//! A dictionary and a delta-encoded page say themselves how many values they hold, and the decoder asks for as much
//! memory. A damaged count must not end the process, so each count is held against what the file can contain.

use std::io::{self, Read};
use std::sync::Arc;

use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::ColumnDescriptor;

/// A file whose end is an error for a reader that continues: the decoder of page headers skips as many values as a damaged header announces, and
/// without an error at the end of the file it would skip billions of them.
pub(super) struct Ended<C>(pub(super) C);

impl<C: Length> Length for Ended<C> {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl<C: ChunkReader> ChunkReader for Ended<C> {
    type T = UntilEnd<C::T>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        self.0.get_read(start).map(UntilEnd)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes> {
        self.0.get_bytes(start, length)
    }
}

/// Bytes whose end is an error.
pub(super) struct UntilEnd<R>(R);

impl<R: Read> Read for UntilEnd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 if !into.is_empty() => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends within a page"))
            }
            read => Ok(read),
        }
    }
}

/// One row group of a file.
pub(super) struct Group<C: ChunkReader> {
    pub(super) input: Arc<C>,
    pub(super) metadata: Arc<ParquetMetaData>,
    pub(super) group: usize,
}

impl<C: ChunkReader + 'static> RowGroups for Group<C> {
    fn num_rows(&self) -> usize {
        usize::try_from(self.metadata.row_group(self.group).num_rows()).unwrap_or(0)
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let group = self.metadata.row_group(self.group);
        let chunk = group.column(column);
        let reader = SerializedPageReader::new(self.input.clone(), chunk, self.num_rows(), None)?;
        let column = chunk.column_descr_ptr();
        let values = u64::try_from(chunk.num_values()).map_err(|_| damaged("a negative number of values"))?;
        let pages: Box<dyn PageReader> = Box::new(Checked { reader, column: Arc::clone(&column), values });
        Ok(Box::new(Pages(Some(pages))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.metadata.row_group(self.group)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The pages of the one row group that is read.
struct Pages(Option<Box<dyn PageReader>>);

impl Iterator for Pages {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for Pages {}

struct Checked<C: ChunkReader> {
    reader: SerializedPageReader<C>,
    column: Arc<ColumnDescriptor>,
    /// Values of the whole column chunk, nulls included.
    values: u64,
}

/// Refuses counts of values that a column chunk of so many values, nulls included, cannot have.
fn check(page: &Page, column: &ColumnDescriptor, most: u64) -> Result<()> {
    match page {
        // A value takes at least a byte; texts have their length before them.
        Page::DictionaryPage { buf, num_values, .. } if *num_values as usize > buf.len() => {
            Err(damaged("a dictionary announces more values than it has bytes"))
        }
        Page::DataPage { encoding, .. } | Page::DataPageV2 { encoding, .. } if counts_itself(*encoding) => {
            let mut values = Bytes(values_of(page, column)?);
            let prefixes = values.deltas(most)?;
            if *encoding == Encoding::DELTA_BYTE_ARRAY {
                // What was read is how long the prefixes are; the lengths of what follows them are encoded in the same way.
                values.pass_over(&prefixes)?;
                values.deltas(most)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

impl<C: ChunkReader> Iterator for Checked<C> {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl<C: ChunkReader> PageReader for Checked<C> {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.reader.get_next_page()?;
        if let Some(page) = &page {
            check(page, &self.column, self.values)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.reader.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.reader.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.reader.at_record_boundary()
    }
}

fn counts_itself(encoding: Encoding) -> bool {
    matches!(
        encoding,
        Encoding::DELTA_BINARY_PACKED | Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY
    )
}

/// The bytes of a data page that follow its levels.
fn values_of<'a>(page: &'a Page, column: &ColumnDescriptor) -> Result<&'a [u8]> {
    let cut = || damaged("a page ends within its levels");
    match page {
        Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
            let levels = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
            usize::try_from(levels).ok().and_then(|levels| buf.get(levels..)).ok_or_else(cut)
        }
        Page::DataPage { buf, num_values, def_level_encoding, rep_level_encoding, .. } => {
            let mut rest: &[u8] = buf;
            let levels =
                [(column.max_rep_level(), rep_level_encoding), (column.max_def_level(), def_level_encoding)];
            for (max_level, encoding) in levels.into_iter().filter(|(max_level, _)| *max_level > 0) {
                let length = if *encoding == Encoding::RLE {
                    let (length, after) = rest.split_first_chunk().ok_or_else(cut)?;
                    rest = after;
                    u64::from(u32::from_le_bytes(*length))
                } else {
                    // Packed bits of the format's first version.
                    let bits = u64::from(16 - max_level.leading_zeros());
                    (u64::from(*num_values) * bits).div_ceil(8)
                };
                rest = usize::try_from(length).ok().and_then(|length| rest.get(length..)).ok_or_else(cut)?;
            }
            Ok(rest)
        }
        Page::DictionaryPage { .. } => Ok(&[]),
    }
}

fn damaged(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

/// Bytes that are read from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    /// A number in groups of seven bits, the lowest first.
    fn number(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) =
                self.0.split_first().ok_or_else(|| damaged("a page ends within its header"))?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(damaged("a number of a page is too long"))
    }

    fn take(&mut self, bytes: u64) -> Result<&'a [u8]> {
        let (part, rest) = usize::try_from(bytes)
            .ok()
            .and_then(|bytes| self.0.split_at_checked(bytes))
            .ok_or_else(|| damaged("a page ends within its values"))?;
        self.0 = rest;
        Ok(part)
    }

    /// What stands before numbers that are stored as packed differences.
    fn deltas(&mut self, most: u64) -> Result<Deltas> {
        let [block, parts, count] = [self.number()?, self.number()?, self.number()?];
        self.number()?;
        if count > most {
            return Err(damaged("a page announces more values than its column has"));
        }
        if parts == 0 || block == 0 || block % parts != 0 {
            return Err(damaged("a page announces blocks that cannot be"));
        }
        Ok(Deltas { parts, in_part: block / parts, count })
    }

    /// Passes over the differences: blocks of a smallest one, the widths of the parts in bits, and the parts.
    fn pass_over(&mut self, deltas: &Deltas) -> Result<()> {
        let mut left = deltas.count.saturating_sub(1);
        while left > 0 {
            self.number()?;
            for &width in self.take(deltas.parts)? {
                if left == 0 {
                    break;
                }
                self.take(deltas.in_part.saturating_mul(u64::from(width)).div_ceil(8))?;
                left = left.saturating_sub(deltas.in_part);
            }
        }
        Ok(())
    }
}

/// How differences are packed: blocks of so many parts, each of so many values.
struct Deltas {
    parts: u64,
    in_part: u64,
    count: u64,
}

#[cfg(test)]
mod tests {
    use parquet::basic::Type;
    use parquet::schema::types::{ColumnPath, Type as Column};

    use super::*;

    #[test]
    fn who_reads_on_at_the_end_of_a_file_is_told() {
        let mut read = Ended(bytes::Bytes::from_static(b"abc")).get_read(1).unwrap();
        let mut rest = [0; 8];
        assert_eq!(read.read(&mut rest).unwrap(), 2);
        assert_eq!(read.read(&mut rest).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(read.read(&mut []).unwrap(), 0);
    }

    #[test]
    fn a_dictionary_of_more_values_than_bytes_is_refused() {
        let kind = Column::primitive_type_builder("amount", Type::DOUBLE).build().unwrap();
        let column = ColumnDescriptor::new(Arc::new(kind), 0, 0, ColumnPath::from("amount"));
        let page = |num_values| Page::DictionaryPage {
            buf: vec![0; 16].into(),
            num_values,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        assert!(check(&page(2), &column, 100).is_ok());
        assert!(check(&page(u32::MAX), &column, u64::MAX).is_err());
    }
}

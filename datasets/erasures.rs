//! Customers who asked to be erased: nothing of theirs is read again, and the list does not reveal who they are.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The customers that were erased, as keyed hashes: it can be asked of an id whether it is among them, but
/// without the key the ids cannot be guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erasures {
    /// The key of the hashes.
    pub key: [u8; 32],
    /// HMAC-SHA256 of each id.
    pub hashes: HashSet<[u8; 32]>,
}

/// The list as a file: JSON, hashes in order, bytes in hexadecimal digits.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    format: u32,
    key: String,
    hashes: Vec<String>,
}

const FORMAT: u32 = 1;

impl Erasures {
    /// Whether a customer was erased.
    ///
    /// ```
    /// use homing_datasets::Erasures;
    /// use homing_datasets::erasures::keyed_hash;
    ///
    /// let mut erased = Erasures { key: [7; 32], ..Erasures::default() };
    /// erased.hashes.insert(keyed_hash(&erased.key, b"c1"));
    /// assert!(erased.contains("c1") && !erased.contains("c2"));
    /// ```
    #[must_use]
    pub fn contains(&self, customer_id: &str) -> bool {
        !self.hashes.is_empty() && self.hashes.contains(&keyed_hash(&self.key, customer_id.as_bytes()))
    }

    /// Reads a list that [`Erasures::save`] wrote.
    ///
    /// # Errors
    /// A text for people that names the file and says what to do.
    pub fn load(path: &str) -> Result<Arc<Erasures>, String> {
        let again = "export it again with `homing erased --out`";
        let text = std::fs::read_to_string(path).map_err(|cause| format!("cannot read `{path}`: {cause}"))?;
        let listed: Listed = serde_json::from_str(&text)
            .map_err(|cause| format!("`{path}` is not a list of erased customers: {cause}; {again}"))?;
        if listed.format != FORMAT {
            return Err(format!(
                "`{path}` has format {}, which this version of homing does not know",
                listed.format
            ));
        }
        let damaged = || format!("`{path}` is damaged: a hash does not have 64 hexadecimal digits; {again}");
        let hashes = listed.hashes.iter().map(|text| bytes(text)).collect::<Option<_>>();
        let (Some(key), Some(hashes)) = (bytes(&listed.key), hashes) else { return Err(damaged()) };
        Ok(Arc::new(Erasures { key, hashes }))
    }

    /// Writes the list to a file that only its owner may read: with the key a known id can be looked up.
    ///
    /// # Errors
    /// What the system says.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let mut hashes: Vec<String> = self.hashes.iter().map(digits).collect();
        hashes.sort_unstable();
        let listed = Listed { format: FORMAT, key: digits(&self.key), hashes };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Whole or not at all, and from the first byte on readable by its owner only.
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")))?;
        serde_json::to_writer_pretty(&mut file, &listed)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|failed| failed.error)?;
        Ok(())
    }
}

/// HMAC-SHA256.
#[must_use]
pub fn keyed_hash(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // HMAC fills a short key up with zeros to a block.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn digits(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_back_and_a_damaged_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("erased.json");
        let key = [7; 32];
        let hashes = ["customer 1", "客户"].iter().map(|id| keyed_hash(&key, id.as_bytes())).collect();
        let erasures = Erasures { key, hashes };
        erasures.save(&path).unwrap();
        let shown = path.to_str().unwrap();
        let back = Erasures::load(shown).unwrap();
        assert_eq!(*back, erasures);
        assert!(
            back.contains("客户")
                && !back.contains("customer 2")
                && !Erasures::default().contains("customer 1")
        );
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("customer"), "{text}");
        for (broken, told) in [
            (text.replace("07", "0x"), "damaged"),
            (text.replace("\"format\": 1", "\"format\": 9"), "format 9"),
            ("{}".to_owned(), "not a list of erased customers"),
        ] {
            std::fs::write(&path, broken).unwrap();
            let refused = Erasures::load(shown).unwrap_err();
            assert!(refused.contains(told) && refused.contains(shown), "{refused}");
        }
    }
}

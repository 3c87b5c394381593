//! Fingerprints: of events, to recognise one that came before; of what is stored, so that a batch knows without
//! reading rows that nothing changes.

use homing_datasets::Micros;
use homing_models::{Outcome, Reason};
use sha2::{Digest, Sha256};

use super::state::value_text;
use super::{Incoming, Scored, Tag};

/// The fingerprints of what a scorer said: of scores and tags with all that belongs to them but the instant of scoring, and
/// of the names and values of the tags alone.
pub(super) fn fingerprints(scored: &Scored) -> [[u8; 16]; 2] {
    let mut tags: Vec<&Tag> = scored.tags.iter().collect();
    tags.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let (mut values, mut whole) = (Sha256::new(), Sha256::new());
    hash_outcome(scored, &mut whole);
    for tag in tags {
        let value = value_text(&tag.value);
        hash_text(&mut values, &tag.name);
        hash_text(&mut values, &value);
        let confidence = tag.confidence.map_or([0xff; 8], |c| c.to_bits().to_le_bytes());
        let expires = tag.expires_at.map_or(i64::MIN, |at| at - scored.provenance.as_of);
        whole.update([tag.layer as u8]);
        whole.update(confidence);
        whole.update(expires.to_le_bytes());
    }
    let values = values.finalize();
    whole.update(values);
    [first_half(whole.finalize()), first_half(values)]
}

fn hash_text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text);
}

fn hash_outcome(scored: &Scored, hash: &mut Sha256) {
    hash_text(hash, &scored.provenance.model);
    hash.update(scored.provenance.as_of.to_le_bytes());
    let prediction = match &scored.outcome {
        Outcome::NotScored(cause) => return hash_text(hash, cause.code()),
        Outcome::Scored(prediction) => prediction,
    };
    for at in &prediction.at {
        hash.update(at.days.to_le_bytes());
    }
    for value in prediction.values() {
        hash.update(value.to_bits().to_le_bytes());
    }
    hash.update([prediction.churn_percentile]);
    for at in prediction.next_order_quartiles.into_iter().chain([prediction.next_order_at]) {
        hash.update(at.unwrap_or(Micros::MIN).to_le_bytes());
    }
    hash.update(prediction.cluster.map_or(u64::MAX, |cluster| u64::from(cluster.id)).to_le_bytes());
    for Reason { code, text, value, contribution, importance, change } in &prediction.reasons {
        hash_text(hash, code);
        for text in std::iter::once(text).chain(change) {
            hash_text(hash, &text.zh);
            hash_text(hash, &text.en);
        }
        hash.update(value.map_or([0xff; 8], |value| value.to_bits().to_le_bytes()));
        hash.update(contribution.to_bits().to_le_bytes());
        hash.update([*importance as u8, u8::from(change.is_some())]);
    }
}

/// The first 128 bits of a SHA-256.
fn first_half(hash: impl Into<[u8; 32]>) -> [u8; 16] {
    let hash = hash.into();
    std::array::from_fn(|at| hash[at])
}

/// The fingerprint of a history's bytes.
pub(super) fn history_fingerprint(bytes: &[u8]) -> [u8; 16] {
    first_half(Sha256::digest(bytes))
}

/// The fingerprint of an event's content: customer and every field.
pub(super) fn event_fingerprint(one: &Incoming) -> [u8; 16] {
    let event = &one.event;
    let present = |text: &Option<String>| [u8::from(text.is_some())];
    let texts = [&event.order, &event.product, &event.category, &event.channel, &event.promotion];
    let flags = texts.map(present).concat();
    let (happened, recorded) = (event.occurred_at.to_le_bytes(), event.recorded_at.to_le_bytes());
    let (amount, quantity) = (event.amount.to_bits().to_le_bytes(), event.quantity.to_bits().to_le_bytes());
    let kind = [event.kind as u8];
    let fixed: [&[u8]; 7] =
        [one.customer_id.as_bytes(), &happened, &recorded, &kind, &amount, &quantity, &flags];
    let texts = texts.map(|text| text.as_deref().unwrap_or_default().as_bytes());
    fingerprint(fixed.into_iter().chain(texts)).to_le_bytes()
}

/// A stable 128-bit fingerprint of parts, each set off by its length.
pub(super) fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u128 {
    parts
        .into_iter()
        .fold(FNV_OFFSET, |hash, part| fnv_1a(fnv_1a(hash, &(part.len() as u64).to_le_bytes()), part))
}

const FNV_OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;

/// FNV-1a with 128 bits (Fowler, Noll & Vo).
fn fnv_1a(hash: u128, bytes: &[u8]) -> u128 {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(hash, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_the_published_fnv_1a_128() {
        assert_eq!(fnv_1a(FNV_OFFSET, b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_ne!(fingerprint([b"ab".as_slice(), b"c"]), fingerprint([b"a".as_slice(), b"bc"]));
    }
}

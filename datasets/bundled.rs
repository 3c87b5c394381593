//! Data that come with homing.

use bytes::Bytes;

use crate::{Error, Histories, readers};

/// The purchases of the CDNOW cohort: 23,570 customers of an online music shop who first bought in January to
/// March 1997, followed until 1998-06-30; 69,659 purchases in US dollars, by day. See `cdnow.md` for the source.
///
/// ```
/// let histories = homing_datasets::cdnow()?;
/// assert_eq!(histories.len(), 23_570);
/// # Ok::<(), homing_datasets::Error>(())
/// ```
///
/// # Errors
/// [`Error::Damaged`] if the bytes in this build are damaged.
pub fn cdnow() -> Result<Histories, Error> {
    readers::read_parquet_bytes(Bytes::from_static(include_bytes!("cdnow.parquet")), "cdnow.parquet")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::DAY;

    #[test]
    fn cdnow_is_whole() {
        let cdnow = cdnow().unwrap();
        assert_eq!((cdnow.len(), cdnow.events()), (23_570, 69_659));
        let end = cdnow.last_instant().unwrap();
        let zero = cdnow
            .iter()
            .filter(|(_, history)| !history.as_of(end).amount().iter().any(|&amount| amount > 0.0));
        assert_eq!(cdnow.len() - zero.count(), 23_502);
        let total: f64 =
            cdnow.iter().flat_map(|(_, history)| history.events()).map(|event| event.amount).sum();
        // The sum of 69,659 amounts in cents; its rounding error is far below a cent.
        assert!((total - 2_500_315.63).abs() < 0.005, "{total}");
        // 1997-01-01 to 1998-06-30.
        assert_eq!((cdnow.first_instant(), end), (Some(9862 * DAY), 10_407 * DAY));
    }
}

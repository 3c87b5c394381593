//! A store in memory for the pages.

use super::*;

/// A store in memory that can only be read. `failing` makes every call fail.
#[derive(Default)]
pub(super) struct FakeStore {
    pub held: BTreeMap<String, (Profile, History)>,
    pub listings: Mutex<Vec<Listing>>,
    pub aggregates: Mutex<BTreeMap<i32, aggregates::DailyAggregates>>,
    pub failing: Mutex<Option<fn() -> Error>>,
}

impl FakeStore {
    fn enter(&self) -> Result<(), Error> {
        self.failing.lock().unwrap().map_or(Ok(()), |error| Err(error()))
    }
}

fn number(profile: &Profile, name: &str) -> Option<f64> {
    profile.prediction[name].as_f64()
}

impl Profiles for FakeStore {
    fn profile(&self, customer_id: &str) -> Result<Option<Profile>, Error> {
        self.enter()?;
        Ok(self.held.get(customer_id).map(|(profile, _)| profile.clone()))
    }

    fn history(&self, customer_id: &str) -> Result<Option<History>, Error> {
        self.enter()?;
        Ok(self.held.get(customer_id).map(|(_, history)| history.clone()))
    }

    fn list(&self, listing: &Listing) -> Result<Page, Error> {
        self.enter()?;
        self.listings.lock().unwrap().push(listing.clone());
        let tagged = |profile: &Profile| {
            listing
                .tags
                .iter()
                .all(|(name, value)| profile.tags.get(name).is_some_and(|tag| tag.value == *value))
        };
        let prefix = listing.id_prefix.clone().unwrap_or_default();
        let all = self.held.values().map(|(profile, _)| profile.clone());
        let mut found: Vec<Profile> =
            all.filter(|profile| tagged(profile) && profile.customer_id.starts_with(&prefix)).collect();
        let key = |profile: &Profile| match listing.sort {
            Sort::ValueAtRisk => number(profile, "value_at_risk"),
            Sort::ChurnRisk => number(profile, "churn_risk"),
            Sort::Clv => number(profile, "clv"),
            Sort::CustomerId => None,
        };
        found.sort_by(|a, b| key(b).unwrap_or(-1.0).total_cmp(&key(a).unwrap_or(-1.0)));
        let start = match listing.cursor.as_deref().map(str::parse::<usize>) {
            None => 0,
            Some(Ok(start)) => start,
            Some(Err(_)) => return Err(Error::BadCursor),
        };
        let end = start + listing.limit as usize;
        let next = (found.len() > end).then(|| end.to_string());
        Ok(Page { profiles: found.into_iter().skip(start).take(listing.limit as usize).collect(), next })
    }

    fn totals(&self) -> Result<Totals, Error> {
        self.enter()?;
        let mut totals = Totals { profiles: self.held.len() as u64, ..Totals::default() };
        for (profile, history) in self.held.values() {
            totals.scored += u64::from(number(profile, "churn_risk").is_some());
            totals.value_at_risk += number(profile, "value_at_risk").unwrap_or(0.0);
            if let Some(level) = profile.tags.get("churn.level") {
                *totals.churn_levels.entry(level.value.as_str().unwrap().to_owned()).or_default() += 1;
            }
            totals.data_until = totals.data_until.max(history.last_instant());
        }
        Ok(totals)
    }

    fn scan(&self, _: Option<&str>, _: u32) -> Result<aggregates::ScanPage, Error> {
        self.enter()?;
        let scanned = |(id, (profile, history)): (&String, &(Profile, History))| aggregates::Scanned {
            customer_id: id.clone(),
            numbers: ["churn_risk", "value_at_risk", "clv"].map(|name| number(profile, name)),
            tags: profile
                .tags
                .iter()
                .map(|(name, tag)| (name.as_str().into(), tag.value.to_string()))
                .collect(),
            history: history.clone(),
        };
        Ok(aggregates::ScanPage { customers: self.held.iter().map(scanned).collect(), next: None })
    }

    fn common(&self) -> &state::Common {
        unreachable!("the pages write nothing")
    }

    fn load(&self, _: &state::Ask<'_>) -> Result<state::Loaded, Error> {
        unreachable!("the pages write nothing")
    }

    fn commit(&self, _: state::ChangeSets) -> Result<Vec<state::Verdict>, Error> {
        unreachable!("the pages write nothing")
    }
}

impl Feed for FakeStore {
    fn newest_change(&self) -> Result<u64, Error> {
        self.enter().map(|()| 1)
    }

    homing_profiles::unasked!(Feed);
}

impl Privacy for FakeStore {
    fn consent(&self, _: &str) -> Result<Option<privacy::Consent>, Error> {
        self.enter().map(|()| None)
    }

    homing_profiles::unasked!(Privacy);
}

impl Access for FakeStore {
    fn secret(&self, _: &str) -> Result<[u8; 32], Error> {
        self.enter().map(|()| [7; 32])
    }

    homing_profiles::unasked!(Access);
}

impl Campaigns for FakeStore {
    homing_profiles::unasked!(Campaigns);
}

impl Aggregates for FakeStore {
    homing_profiles::unasked! {
        latest_score() -> Option<Micros>;
        set_clock_back(Micros, Micros) -> u64;
    }

    homing_profiles::unasked! { record_shadow(&str, &str, &[shadow::Pair], Micros) -> (); }

    fn shadow_summary(&self) -> Result<Vec<shadow::Summary>, Error> {
        self.enter().map(|()| Vec::new())
    }

    fn keep_aggregates(&self, kept: &aggregates::DailyAggregates, _: u32) -> Result<(), Error> {
        self.enter()?;
        self.aggregates.lock().unwrap().insert(kept.day, kept.clone());
        Ok(())
    }

    fn aggregates(&self, until: Option<i32>) -> Result<Option<aggregates::DailyAggregates>, Error> {
        self.enter()?;
        let days = self.aggregates.lock().unwrap();
        Ok(days.range(..=until.unwrap_or(i32::MAX)).next_back().map(|(_, kept)| kept.clone()))
    }

    fn turned_high(&self, _: Micros, _: u32, limit: u32) -> Result<aggregates::TurnedHigh, Error> {
        self.enter()?;
        let is_high =
            |profile: &Profile| profile.tags.get("churn.level").is_some_and(|tag| tag.value == "high");
        let mut high: Vec<&Profile> =
            self.held.values().map(|(profile, _)| profile).filter(|profile| is_high(profile)).collect();
        high.sort_by(|a, b| {
            number(b, "value_at_risk").unwrap().total_cmp(&number(a, "value_at_risk").unwrap())
        });
        let ids = high.iter().take(limit as usize).map(|profile| profile.customer_id.clone());
        Ok(aggregates::TurnedHigh { turns: high.len() as u64, customers: ids.collect() })
    }
}

impl Store for FakeStore {
    fn ready(&self) -> Result<(), Error> {
        self.enter()
    }
}

//! Names and values of tags that homing's own code relies on. A catalogue of the business's own may leave them out; what rests on
//! them is then empty.

/// How likely the customer is lost; its worst value is [`HIGH`].
pub const CHURN_LEVEL: &str = "churn.level";
/// The worst churn level.
pub const HIGH: &str = "high";
/// The customer's stage between the first purchase and the last.
pub const LIFECYCLE_STAGE: &str = "lifecycle.stage";
/// What a customer spends.
pub const MEMBER_TIER: &str = "tier.member";
/// The value tier by which the playbook chooses.
pub const TIER_RANK: &str = "tier.rank";
/// Why a customer fades, the likeliest cause.
pub const FADING_CAUSE: &str = "fading.cause_first";
/// What a customer buys most.
pub const TOP_CATEGORY: &str = "preference.category";
/// The RFM grade of recency, 1 to 5.
pub const RFM_RECENCY: &str = "rfm.recency";
/// The RFM grade of frequency, 1 to 5.
pub const RFM_FREQUENCY: &str = "rfm.frequency";
/// The class of customers by recency, frequency and money.
pub const RFM_CELL: &str = "rfm.cell";
/// The channel that a customer answers by.
pub const CONTACT_CHANNEL: &str = "contact.channel";
/// The local hour that a customer answers at.
pub const CONTACT_HOUR: &str = "contact.hour";
/// The next best action, which the playbook gives.
pub const NEXT_ACTION: &str = "action.next";
/// What contact changes, learned from past campaigns.
pub const UPLIFT: &str = "uplift.value";
/// How contact works on a customer.
pub const UPLIFT_GROUP: &str = "uplift.group";
/// The prefix of the tags with a customer's cluster.
pub const CLUSTER: &str = "cluster.";

//! Reports about mail: counts for those that are owed to other domains, and reports that others have sent about ours.

pub(crate) mod day;
pub(crate) mod dmarc_count;
pub(crate) mod received;
pub(crate) mod turn;

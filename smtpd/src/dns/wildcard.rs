//! A second look at answers that the validator calls bogus, for two kinds that it does not understand: records made from a wildcard in a zone
//! with NSEC (it looks for a proof that the wildcard is absent), and aliases whose target is one.
//!
//! Nothing unproven is believed here. Each piece is asked for by itself in a form that the validator does understand: the alias, the
//! wildcard's own records, and the absence of another type, whose proof shows that the name exists by the wildcard alone (RFC 4035
//! §5.3.4). If a piece is missing, the answer stays bogus.

use hickory_proto::dnssec::Proof;
use hickory_proto::dnssec::rdata::{DNSSECRData, NSEC};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::TokioResolver;
use hickory_resolver::net::{DnsError, NetError};

use super::{answer, is_bogus};
use crate::limits::DNS_ALIASES_MAX;

/// A type that names of mail do not have: its absence is asked for.
const ABSENT: RecordType = RecordType::HINFO;

/// The records of a name, aliases first. None: they are bogus indeed.
pub(super) async fn look_again(
    resolver: &TokioResolver,
    name: &Name,
    record_type: RecordType,
) -> Option<Vec<Record>> {
    let mut owner = name.clone();
    let mut records = Vec::new();
    for _ in 0..DNS_ALIASES_MAX {
        let Some((alias, target)) = alias(resolver, &owner).await else {
            records.extend(expand(resolver, &owner, record_type).await?);
            return Some(records);
        };
        records.push(alias);
        owner = target;
        match resolver.lookup(owner.clone(), record_type).await {
            Ok(found) => {
                records.extend(found.answers().iter().cloned());
                return Some(records);
            }
            Err(error) if is_bogus(&error) => {}
            // The alias leads to nothing, or to a failure that is not to be taken for nothing.
            Err(error) => return answer::absence(error).ok().map(|_| records),
        }
    }
    None
}

/// The alias that stands at a name, and where it leads.
async fn alias(resolver: &TokioResolver, owner: &Name) -> Option<(Record, Name)> {
    let found = resolver
        .lookup(owner.clone(), RecordType::CNAME)
        .await
        .ok()?;
    found
        .answers()
        .iter()
        .find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == *owner => {
                Some((record.clone(), target.0.clone()))
            }
            _ => None,
        })
}

/// The records that a wildcard makes for a name.
async fn expand(
    resolver: &TokioResolver,
    owner: &Name,
    record_type: RecordType,
) -> Option<Vec<Record>> {
    let Err(NetError::Dns(DnsError::NoRecordsFound(nothing))) =
        resolver.lookup(owner.clone(), ABSENT).await
    else {
        return None;
    };
    let authorities = nothing.authorities?;
    let proofs: Vec<(&Name, &NSEC)> = authorities.iter().filter_map(proven).collect();
    let wildcard = source(owner, &proofs)?;
    let found = resolver.lookup(wildcard.clone(), record_type).await.ok()?;
    let records = found.answers().iter().cloned().map(|mut record| {
        if record.name == wildcard {
            record.name = owner.clone();
        }
        record
    });
    Some(records.collect())
}

fn proven(record: &Record) -> Option<(&Name, &NSEC)> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::NSEC(nsec)) if record.proof == Proof::Secure => {
            Some((&record.name, nsec))
        }
        _ => None,
    }
}

/// The wildcard that a name is made from: the one whose parent is the closest that exists, the name beneath that on the way to `owner` being
/// proven not to exist.
fn source(owner: &Name, proofs: &[(&Name, &NSEC)]) -> Option<Name> {
    let wildcards = proofs
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| name.is_wildcard() && name.base_name().zone_of(owner));
    let wildcard = wildcards.max_by_key(|name| name.num_labels())?;
    let closest = wildcard.base_name();
    let next_closer = owner.trim_to(usize::from(closest.num_labels()) + 1);
    let is_absent = proofs
        .iter()
        .any(|(from, nsec)| covers(from, nsec.next_domain_name(), &next_closer));
    is_absent.then(|| wildcard.clone())
}

/// Whether nothing is at or beneath `name`, which lies between two neighbours in a zone's canonical order (RFC 4034 §6.1). The last name's
/// neighbour is the first.
fn covers(from: &Name, to: &Name, name: &Name) -> bool {
    let is_last = to <= from;
    from < name && (name < to || is_last) && !name.zone_of(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn found(owner: &str, proofs: &[(&str, &str)]) -> Option<String> {
        let proofs: Vec<(Name, NSEC)> = proofs
            .iter()
            .map(|(from, to)| (name(from), NSEC::new(name(to), [RecordType::A])))
            .collect();
        let proofs: Vec<(&Name, &NSEC)> = proofs.iter().map(|(from, nsec)| (from, nsec)).collect();
        source(&name(owner), &proofs).map(|name| name.to_ascii())
    }

    #[test]
    fn a_wildcard_counts_where_the_name_is_proven_absent() {
        let wildcard = ("*.z.", "b.z.");
        assert_eq!(
            found("c.z.", &[wildcard, ("b.z.", "d.z.")]).as_deref(),
            Some("*.z.")
        );
        assert_eq!(
            found("x.c.z.", &[wildcard, ("b.z.", "d.z.")]).as_deref(),
            Some("*.z.")
        );
        assert_eq!(
            found("y.z.", &[wildcard, ("d.z.", "z.")]).as_deref(),
            Some("*.z."),
            "beyond the last"
        );
        assert_eq!(
            found("a.z.", &[wildcard]).as_deref(),
            Some("*.z."),
            "the wildcard's own proof covers it"
        );
    }

    #[test]
    fn a_wildcard_does_not_count_for_names_that_exist() {
        let wildcard = ("*.z.", "b.z.");
        assert_eq!(found("b.z.", &[wildcard, ("b.z.", "d.z.")]), None);
        assert_eq!(
            found("x.c.z.", &[wildcard, ("b.z.", "y.c.z.")]),
            None,
            "c.z. exists by what is beneath it"
        );
        assert_eq!(
            found("c.z.", &[wildcard, ("d.z.", "e.z.")]),
            None,
            "the proof is of another name"
        );
        assert_eq!(found("c.z.", &[("b.z.", "d.z.")]), None, "no wildcard");
        assert_eq!(found("c.other.", &[wildcard, ("b.z.", "d.z.")]), None);
    }
}

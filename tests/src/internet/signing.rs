//! From zones to what name servers serve: delegations, keys, signatures and proofs of absence, up to the root.
//!
//! Every name above a published zone that the chain needs is a zone too: the root and the top-level domains, signed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::dnssec::crypto::EcdsaSigningKey;
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS};
use hickory_proto::dnssec::{Algorithm, DigestType, DnsSecError, DnssecSigner, SigningKey};
use hickory_proto::rr::rdata::{NS, SOA};
use hickory_proto::rr::{LowerName, Name, RData, Record, RecordType};
use hickory_server::dnssec::NxProofKind;
use hickory_server::net::runtime::TokioRuntimeProvider;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use rustls::pki_types::PrivatePkcs8KeyDer;

use super::InternetError;
use super::zone::{Trust, Zone};

const ALGORITHM: Algorithm = Algorithm::ECDSAP256SHA256;
const SIGNATURE_LIFE: Duration = Duration::from_secs(24 * 3600);

/// The keys of all zones, each made once, so that what a resolver has remembered stays true when a zone changes.
#[derive(Default)]
pub(super) struct Keys {
    keys: BTreeMap<Name, PrivatePkcs8KeyDer<'static>>,
}

impl Keys {
    /// The root's key, as a file of trust anchors has it.
    pub(super) fn trust_anchor(&mut self) -> Result<String, InternetError> {
        let root = Name::root();
        let key = self.key(&root).map_err(|error| fault(&root, &error))?;
        let public = key.to_public_key().map_err(|error| fault(&root, &error))?;
        Ok(format!(". 3600 IN DNSKEY {}\n", DNSKEY::from_key(&public)))
    }

    fn key(&mut self, zone: &Name) -> Result<EcdsaSigningKey, DnsSecError> {
        if !self.keys.contains_key(zone) {
            let made = EcdsaSigningKey::generate_pkcs8(ALGORITHM)?;
            self.keys.insert(zone.clone(), made);
        }
        EcdsaSigningKey::from_pkcs8(&self.keys[zone], ALGORITHM)
    }

    /// What the parent says of the key of `zone`.
    fn digest(&mut self, zone: &Name, trust: Trust) -> Result<Option<DS>, DnsSecError> {
        let key = match trust {
            Trust::Insecure => return Ok(None),
            Trust::Secure => self.key(zone)?,
            Trust::Bogus => {
                let other = EcdsaSigningKey::generate_pkcs8(ALGORITHM)?;
                EcdsaSigningKey::from_pkcs8(&other, ALGORITHM)?
            }
        };
        DS::from_key(&key.to_public_key()?, zone, DigestType::SHA256).map(Some)
    }
}

/// All zones, ready to be served.
pub(super) struct Signed {
    catalogs: BTreeMap<LowerName, Catalog>,
}

impl Signed {
    /// Where a question must be put: the zone that the name lies in, or its parent's for the DS record of the zone's own name
    /// (RFC 4035 §3.1.4.1).
    pub(super) fn responsible(
        &self,
        name: &LowerName,
        record_type: RecordType,
    ) -> Option<&Catalog> {
        let mut name = match record_type {
            RecordType::DS => name.base_name(),
            _ => name.clone(),
        };
        loop {
            if let Some(catalog) = self.catalogs.get(&name) {
                return Some(catalog);
            }
            if name.is_root() {
                return None;
            }
            name = name.base_name();
        }
    }
}

/// Signs everything anew.
pub(super) fn sign(
    published: &BTreeMap<Name, Zone>,
    keys: &mut Keys,
) -> Result<Signed, InternetError> {
    let mut zones = published.clone();
    for origin in published.keys() {
        for above in [Name::root(), origin.trim_to(1)] {
            let name = above.to_string();
            zones.entry(above).or_insert_with(|| Zone::signed(&name));
        }
    }
    zones
        .entry(Name::root())
        .or_insert_with(|| Zone::signed("."));
    let origins: BTreeSet<Name> = zones.keys().cloned().collect();
    let mut catalogs = BTreeMap::new();
    for (origin, zone) in &zones {
        let children = origins
            .iter()
            .filter(|child| parent(child, &origins) == Some(origin));
        let children = children.filter_map(|child| zones.get(child));
        let handler = serve(zone, children, keys).map_err(|error| fault(origin, &error))?;
        let mut catalog = Catalog::new();
        catalog.upsert(origin.into(), vec![Arc::new(handler)]);
        catalogs.insert(origin.into(), catalog);
    }
    Ok(Signed { catalogs })
}

/// The zone that delegates `child`.
fn parent<'z>(child: &Name, origins: &'z BTreeSet<Name>) -> Option<&'z Name> {
    let mut above = child.clone();
    while !above.is_root() {
        above = above.base_name();
        if let Some(origin) = origins.get(&above) {
            return Some(origin);
        }
    }
    None
}

fn serve<'z>(
    zone: &Zone,
    children: impl Iterator<Item = &'z Zone>,
    keys: &mut Keys,
) -> Result<InMemoryZoneHandler<TokioRuntimeProvider>, DnsSecError> {
    let origin = zone.origin();
    let is_signed = zone.trust() != Trust::Insecure;
    let mut handler = InMemoryZoneHandler::empty(
        origin.clone(),
        ZoneType::Primary,
        AxfrPolicy::Deny,
        is_signed.then_some(NxProofKind::Nsec),
    );
    let mut put = |owner: &Name, data| {
        handler.upsert_mut(Record::from_rdata(owner.clone(), zone.seconds(), data), 0);
    };
    let server = Name::from_ascii("ns.")?;
    let soa = SOA::new(
        server.clone(),
        server.clone(),
        1,
        3600,
        600,
        86400,
        zone.seconds(),
    );
    put(origin, RData::SOA(soa));
    put(origin, RData::NS(NS(server.clone())));
    for child in children {
        put(child.origin(), RData::NS(NS(server.clone())));
        if let Some(digest) = keys.digest(child.origin(), child.trust())? {
            put(child.origin(), RData::DNSSEC(DNSSECRData::DS(digest)));
        }
    }
    for record in zone.records() {
        handler.upsert_mut(record, 0);
    }
    if is_signed {
        let key = keys.key(origin)?;
        let public = DNSKEY::from_key(&key.to_public_key()?);
        let signer = DnssecSigner::new(public, Box::new(key), origin.clone(), SIGNATURE_LIFE);
        handler.add_zone_signing_key_mut(signer)?;
        handler.secure_zone_mut()?;
    }
    Ok(handler)
}

fn fault(zone: &Name, error: &DnsSecError) -> InternetError {
    InternetError::Zone(zone.to_string(), error.to_string())
}

//! A message coming in by BDAT: how it is cut changes nothing, a newline that is not whole is never accepted, and the header section
//! ends where its first line does that is no header line.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use smtpd::message::header::{HeaderReader, Progress};
use smtpd::message::intake::{Intake, Rules};
use store::Store;
use tokio::runtime::Runtime;

struct World {
    runtime: Runtime,
    store: Store,
    _directory: tempfile::TempDir,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let options = store::Options {
        create: true,
        ..store::Options::default()
    };
    let store = runtime
        .block_on(Store::open(directory.path(), options))
        .unwrap();
    World {
        runtime,
        store,
        _directory: directory,
    }
});

/// Header section and length of an accepted message; or why it is refused.
fn take_in<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<(Vec<u8>, u64), String> {
    let rules = Rules {
        octets_max: 2048,
        received_max: 2,
        removed_fields: &["Bcc", "Resent-Bcc"],
        strict_newlines: true,
        signed: false,
        hostname: "mail.test".to_owned(),
        delivered_to: vec!["a@b.test".to_owned()],
    };
    WORLD.runtime.block_on(async {
        let mut intake = Intake::new(&WORLD.store, rules, None);
        for piece in pieces {
            intake
                .push(piece)
                .await
                .map_err(|overrun| format!("{overrun:?}"))?;
        }
        let message = intake
            .finish()
            .await
            .map_err(|reject| format!("{reject:?}"))?;
        Ok((message.header.octets().to_vec(), message.draft.len()))
    })
}

fn header_of<'a>(mut pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<u8>) {
    let mut reader = HeaderReader::default();
    for piece in pieces.by_ref() {
        if reader.push(piece) != Progress::More {
            break;
        }
    }
    let (header, mut body) = reader.finish();
    pieces.for_each(|piece| body.extend_from_slice(piece));
    (header.octets().to_vec(), body)
}

fuzz_target!(|data: &[u8]| {
    let Some((cuts, message)) = fuzz::cuts(data) else {
        return;
    };
    let (header, body) = header_of(std::iter::once(message));
    assert_eq!(
        (&header, &body),
        (
            &header_of(cuts.of(message)).0,
            &header_of(cuts.of(message)).1
        )
    );
    assert!(body.is_empty() || body.starts_with(b"\r\n"));
    assert!(message.starts_with(&header));
    assert!(message.ends_with(&body[body.len().saturating_sub(message.len() - header.len())..]));

    let taken = take_in(std::iter::once(message));
    // Which of two faults is told first may depend on where the octets were cut; whether there is one may not.
    assert_eq!(taken.as_ref().ok(), take_in(cuts.of(message)).as_ref().ok());
    if fuzz::has_bare_newline(message) {
        assert!(taken.is_err());
    }
    if let Ok((header, _)) = taken {
        assert!(!fuzz::has_bare_newline(&header) && !header.contains(&0));
    }
});

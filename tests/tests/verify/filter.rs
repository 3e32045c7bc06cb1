//! What filters learn of our verification: the peer's name, if it is really his, and the verdicts.

use tests::filter::Filter;
use tests::internet::Zone;

use super::{RIGHT, WRONG, World};

#[test]
fn filters_are_told_the_peers_name_and_our_verdicts() {
    let filter = Filter::proper(|_| Vec::new()).unwrap();
    let world = World::with(&filter.config(""));
    world.publish(
        Zone::unsigned("sender.test")
            .a("mx.sender.test", [198, 51, 100, 5])
            .txt("sender.test", &format!("v=spf1 ip4:{RIGHT} -all")),
    );
    // The second claims a name that is not his.
    world.publish(
        Zone::unsigned("100.51.198.in-addr.arpa")
            .ptr("5.100.51.198.in-addr.arpa", "mx.sender.test")
            .ptr("66.100.51.198.in-addr.arpa", "mx.sender.test"),
    );
    for (address, name) in [(RIGHT, "mx.sender.test"), (WRONG, "unknown")] {
        let message = "From: someone@sender.test\n\nhello\n";
        world.send(address, "someone@sender.test", message).unwrap();
        let told = filter.told();
        let connect = told.iter().rfind(|packet| packet.letter == 'C').unwrap();
        assert!(
            connect.text().starts_with(&format!("{name} 4")),
            "{connect:?}"
        );
        let fields = told.iter().filter(|packet| packet.letter == 'L');
        let mut verdicts = fields
            .map(tests::filter::Packet::text)
            .filter(|field| field.starts_with("Authentication-Results mail.example.test"));
        assert!(verdicts.next_back().unwrap().contains("spf="));
    }
}

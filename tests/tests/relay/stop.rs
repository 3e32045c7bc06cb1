//! The end of the daemon while mail is being sent.

use std::net::TcpListener;

use tests::server::Daemon;

use crate::ground::{Ground, SENDER};

#[test]
fn what_a_silent_host_has_not_taken_goes_back_to_the_queue() {
    let ground = Ground::new();
    // It takes connections and never says a word.
    let _silent = TcpListener::bind(ground.host).unwrap();
    let mut smtp = ground.submit();
    for _ in 0..3 {
        smtp.deliver(SENDER, &["b@to.test"], b"Subject: stuck\r\n\r\nHello.\r\n")
            .unwrap();
    }
    drop(smtp);
    let states = |queue: &serde_json::Value, state: &str| {
        let messages = queue.as_array().unwrap();
        messages
            .iter()
            .filter(|message| message["recipients"][0]["state"] == state)
            .count()
    };
    ground.wait_for_queue("on its way", |queue| states(queue, "leased") > 0);
    assert!(ground.server.stop(Daemon::Smtpd).unwrap().success());
    ground.wait_for_queue("given back", |queue| states(queue, "waiting") == 3);
    let queue = ground.mailctl(&["queue", "list", "--json"]);
    assert!(queue.contains("\"attempts\": 0"), "{queue}");
}

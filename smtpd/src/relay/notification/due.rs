//! Who is told what: NOTIFY as the sender gave it, or what RFC 3461 §5.2.1 wants without it.

use super::notice::Action;

/// Whether the sender wants to hear of it. `notify` is the value of the NOTIFY parameter.
pub(crate) fn is_wanted(action: Action, notify: Option<&str>) -> bool {
    let Some(notify) = notify else {
        return matches!(action, Action::Failed | Action::Delayed);
    };
    let keyword = match action {
        Action::Failed => "FAILURE",
        Action::Delayed => "DELAY",
        Action::Delivered | Action::Relayed | Action::Expanded => "SUCCESS",
    };
    notify
        .split(',')
        .any(|word| word.eq_ignore_ascii_case(keyword))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_notify_bad_news_are_told_and_good_ones_not() {
        assert!(is_wanted(Action::Failed, None));
        assert!(is_wanted(Action::Delayed, None));
        assert!(!is_wanted(Action::Relayed, None));
    }

    #[test]
    fn notify_names_what_is_wanted() {
        assert!(!is_wanted(Action::Failed, Some("NEVER")));
        assert!(!is_wanted(Action::Failed, Some("SUCCESS,DELAY")));
        assert!(is_wanted(Action::Delivered, Some("success,delay")));
        assert!(is_wanted(Action::Delayed, Some("SUCCESS,DELAY")));
    }
}

//! The states of a session (RFC 3501 §3), each with its data.
//!
//! ```text
//! NotAuthenticated ──LOGIN, AUTHENTICATE──► Authenticated ──SELECT, EXAMINE──► Selected
//!                                                 ▲                               │
//!                                                 └──── CLOSE, UNSELECT, failed SELECT
//! ```

use store::AccountId;
use tokio::sync::watch;

use super::contexts::Contexts;
use crate::view::View;

/// Who has logged in.
#[derive(Debug, Clone)]
pub struct User {
    /// The account.
    pub account: AccountId,
    /// Its address, for the log.
    pub address: String,
}

/// The selected mailbox.
pub struct Selected {
    /// What the client knows of it.
    pub view: View,
    /// Changes whenever the store has news of it.
    pub changes: watch::Receiver<u64>,
    /// The searches whose results are kept up to date.
    pub contexts: Contexts,
}

/// Where the session stands.
pub enum State {
    /// Before login.
    NotAuthenticated,
    /// After login.
    Authenticated(User),
    /// With a mailbox selected.
    Selected(User, Box<Selected>),
}

impl State {
    /// Who has logged in.
    pub fn user(&self) -> Option<&User> {
        match self {
            Self::NotAuthenticated => None,
            Self::Authenticated(user) | Self::Selected(user, _) => Some(user),
        }
    }

    /// The selected mailbox.
    pub fn selected(&mut self) -> Option<&mut Selected> {
        match self {
            Self::Selected(_, selected) => Some(selected),
            Self::NotAuthenticated | Self::Authenticated(_) => None,
        }
    }

    /// Gives the selected mailbox up.
    pub fn unselect(&mut self) {
        if let Self::Selected(user, _) = self {
            *self = Self::Authenticated(user.clone());
        }
    }
}

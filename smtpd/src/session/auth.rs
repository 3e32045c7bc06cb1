//! AUTH (RFC 4954): base64 and reply codes around `daemon::sasl`, which knows the mechanisms and judges.

use daemon::sasl::{Exchange, Failure, Mechanism, Step};

use super::SmtpSession;
use super::state::State;
use crate::answer::Answer;
use crate::grammar::{AuthResponse, Secret, parse_auth_response};
use crate::reject::{Reject, Sequence};
use crate::role::Role;

impl SmtpSession {
    pub(super) async fn auth(
        &mut self,
        mechanism: &str,
        initial: Option<Secret>,
    ) -> Result<Answer, Reject> {
        if self.role == Role::Receive {
            return Err(Reject::AuthUnavailable);
        }
        if self.login.is_some() {
            return Err(Sequence::LoginAlready.into());
        }
        let offered = self.mechanisms();
        if offered.is_empty() {
            return Err(Reject::TlsRequired);
        }
        let mechanism =
            Mechanism::parse(mechanism.as_bytes()).filter(|mechanism| offered.contains(mechanism));
        let mechanism = mechanism.ok_or(Reject::MechanismUnknown)?;
        let service = &self.connection.service;
        let exchange = Exchange::start(
            mechanism,
            &service.auth,
            &self.connection.peer,
            self.tls.as_ref(),
        )?;
        self.auth_step(exchange, initial).await
    }

    /// A line of the dialogue.
    pub(super) async fn auth_response(&mut self, line: &[u8]) -> Result<Answer, Reject> {
        let Some(exchange) = self.take_exchange() else {
            return Err(Reject::AuthMalformed);
        };
        match parse_auth_response(line)? {
            AuthResponse::Cancel => Err(Reject::AuthCancelled),
            AuthResponse::Data(response) => self.auth_step(exchange, Some(response)).await,
        }
    }

    /// What a line that cannot be read does: an AUTH dialogue does not survive it (RFC 4954 §4).
    pub(super) fn line_fault(&mut self, reject: Reject) -> Reject {
        match (self.take_exchange(), reject) {
            (Some(_), Reject::LineTooLong) => Reject::AuthLineTooLong,
            (_, reject) => reject,
        }
    }

    async fn auth_step(
        &mut self,
        mut exchange: Exchange,
        response: Option<Secret>,
    ) -> Result<Answer, Reject> {
        match exchange
            .step(response.as_ref().map(|Secret(octets)| octets.as_slice()))
            .await
        {
            Step::Challenge(octets) => {
                if let Some(client) =
                    std::mem::replace(&mut self.state, State::Connected).into_client()
                {
                    self.state = State::Authenticating(client, Box::new(exchange));
                }
                Ok(Answer::Challenge(octets))
            }
            Step::Done(identity) => {
                self.login = Some(identity);
                Ok(Answer::LoggedIn)
            }
            Step::Failed(failure) => Err(failure.into()),
        }
    }

    /// Ends the AUTH dialogue, if there is one.
    fn take_exchange(&mut self) -> Option<Exchange> {
        match std::mem::replace(&mut self.state, State::Connected) {
            State::Authenticating(client, exchange) => {
                self.state = State::Greeted(client);
                Some(*exchange)
            }
            other => {
                self.state = other;
                None
            }
        }
    }
}

impl From<Failure> for Reject {
    fn from(failure: Failure) -> Reject {
        match failure {
            // A disabled account is told like a wrong password: the reply reveals nothing.
            Failure::Credentials | Failure::Disabled | Failure::Authorization => Reject::AuthFailed,
            Failure::Malformed => Reject::AuthMalformed,
            Failure::Cancelled => Reject::AuthCancelled,
            Failure::Throttled | Failure::Temporary => Reject::AuthTemporary,
            Failure::Mechanism => Reject::MechanismUnknown,
            Failure::EncryptionRequired => Reject::TlsRequired,
        }
    }
}

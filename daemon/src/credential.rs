//! Makes stored credentials from passwords.

//! How much a sender may send, and whether he must come twice: `rate` and `greylist`.
//!
//! Both say "later" and never "no": what they keep back comes again if it is mail. Clients on this machine are exempt.

pub mod greylist;
pub mod rate;

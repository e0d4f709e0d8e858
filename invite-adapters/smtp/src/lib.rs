//! E-mail of `invite-core` over SMTP.

//! Why a transport cannot be set up.

/// What is wrong with the settings, and what to do about it. No variant carries a credential, nor the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The URL is none, or not of this transport.
    #[error(
        "the URL of Amazon SES is not understood: {reason}; write ses:?region=eu-north-1, followed by \
         &configuration_set=… and &endpoint=… where they are needed"
    )]
    Url {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The URL has an option that there is not, or one twice.
    #[error("the option {name} in the URL of Amazon SES {reason}")]
    Option {
        /// The option's name.
        name: String,
        /// What is wrong with it, and what could stand there.
        reason: &'static str,
    },
    /// There is no region, or it is none.
    #[error(
        "the AWS region is not known: name it (region, such as eu-north-1), or set AWS_REGION or the profile's region"
    )]
    Region,
    /// The endpoint is no address that a message may go to.
    #[error(
        "the endpoint must be an https address, such as https://email.eu-north-1.amazonaws.com; http is for this machine \
         alone (127.0.0.1, localhost), since everybody on the way would read every message"
    )]
    Endpoint,
    /// The name of the configuration set is none.
    #[error("the name of a configuration set has 1 to 64 letters, digits, _ and -")]
    ConfigurationSet,
    /// Rewritten links were allowed in another configuration set than the one that is used.
    #[error(
        "rewritten links are allowed for the configuration set {allowed}, which this transport does not use"
    )]
    RewrittenLinks {
        /// The name that was given.
        allowed: String,
    },
    /// A tag cannot be one.
    #[error(
        "a tag has a name and a value of 1 to 256 letters, digits, _ and -; names beginning with ses or invite- are taken"
    )]
    Tag,
}

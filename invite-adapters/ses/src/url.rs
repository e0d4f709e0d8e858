//! A transport from one line, as it stands in an environment variable.

use url::Url;

use crate::builder::SesBuilder;
use crate::error::SetupError;
use crate::transport::SesTransport;

/// What `?` may be followed by.
const OPTIONS: &str = "is not known; there are configuration_set, endpoint and region";

/// Reads the URL. The crate's page has the table of options.
pub(crate) fn builder(text: &str) -> Result<SesBuilder, SetupError> {
    let wrong = |reason| SetupError::Url { reason };
    let url = Url::parse(text).map_err(|_| wrong("it is no URL"))?;
    if url.scheme() != "ses" {
        return Err(wrong("it does not begin with ses:"));
    }
    if url.has_authority() || !url.path().is_empty() || url.fragment().is_some() {
        return Err(wrong(
            "something stands between ses: and the ?, or after a #; credentials come from the process, not from the URL",
        ));
    }
    let mut builder = SesTransport::builder();
    let mut seen = Vec::new();
    for (name, value) in url.query_pairs() {
        if seen.contains(&name) {
            return Err(SetupError::Option { name: name.into_owned(), reason: "stands there twice" });
        }
        builder = match &*name {
            "region" => builder.region(value),
            "endpoint" => builder.endpoint(value),
            "configuration_set" => builder.configuration_set(value),
            _ => return Err(SetupError::Option { name: name.into_owned(), reason: OPTIONS }),
        };
        seen.push(name);
    }
    Ok(builder)
}

//! Templates that were loaded and checked, so that each is once, however many people it is for.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::error::Error;
use crate::model::id::OrganisationId;
use crate::model::template_key::TemplateKey;
use crate::port::InvitationStore;
use crate::port::error::PortError;
use crate::template::{CredentialForm, Problem, Purpose, Resolved, Template, builtin};

/// So many templates are kept.
const AT_MOST: usize = 256;

type Key = (OrganisationId, TemplateKey, String, CredentialForm);

/// Loads and checks templates, and keeps them for a while.
#[derive(Default)]
pub(super) struct Compiled {
    kept: Mutex<HashMap<Key, Arc<OnceCell<Arc<Template>>>>>,
}

/// A template that can be rendered.
#[derive(Debug, Clone)]
pub(super) enum Ready {
    BuiltIn(&'static Template),
    Own(Arc<Template>),
}

impl Deref for Ready {
    type Target = Template;

    fn deref(&self) -> &Template {
        match self {
            Self::BuiltIn(template) => template,
            Self::Own(template) => template,
        }
    }
}

/// Why a template cannot be rendered.
#[derive(Debug)]
pub(super) enum NotReady {
    /// The store failed.
    Port(PortError),
    /// The version is not there.
    Gone(TemplateKey, String),
    /// It does not check.
    Problems(TemplateKey, Vec<Problem>),
}

impl Compiled {
    /// A template for messages that carry a credential of this form.
    pub(super) async fn get(
        &self,
        store: &dyn InvitationStore,
        organisation: OrganisationId,
        resolved: Resolved,
        form: CredentialForm,
    ) -> Result<Ready, NotReady> {
        let (key, version) = match resolved {
            Resolved::BuiltIn(TemplateKey { kind, channel, locale }) => {
                return Ok(Ready::BuiltIn(builtin(kind, channel, &locale)));
            }
            Resolved::Own(key, version) => (key, version),
        };
        let place = self.place((organisation, key.clone(), version.clone(), form));
        let load = || async {
            let stored = store.template(organisation, key.clone(), Some(version.clone())).await;
            let stored = stored.map_err(NotReady::Port)?;
            let stored = stored.ok_or_else(|| NotReady::Gone(key.clone(), version.clone()))?;
            compile(&key, &stored.source, form).map(Arc::new)
        };
        Ok(Ready::Own(place.get_or_try_init(load).await?.clone()))
    }

    fn place(&self, key: Key) -> Arc<OnceCell<Arc<Template>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= AT_MOST && !kept.contains_key(&key) {
            kept.clear();
        }
        kept.entry(key).or_default().clone()
    }
}

/// Checks a source for messages that carry a credential of this form.
pub(super) fn compile(key: &TemplateKey, source: &str, form: CredentialForm) -> Result<Template, NotReady> {
    let TemplateKey { kind, channel, locale } = key.clone();
    Template::check(source, Purpose { kind, channel, locale }, &[form])
        .map_err(|problems| NotReady::Problems(key.clone(), problems))
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Compiled").field("kept", &kept.len()).finish()
    }
}

impl From<NotReady> for Error {
    fn from(why: NotReady) -> Self {
        match why {
            NotReady::Port(error) => Self::Port(error),
            NotReady::Gone(..) => Self::NotFound("version of this message"),
            NotReady::Problems(key, problems) => Self::Template { key, problems },
        }
    }
}

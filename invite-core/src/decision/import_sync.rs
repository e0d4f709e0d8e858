//! When a file that is the whole truth would change more than anybody means: the guard of
//! [`ImportMode::Sync`](super::person_match::ImportMode::Sync).

/// What a sync would do, in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncFigures {
    /// Active people of the organisation.
    pub active: u64,
    /// Active people whom the file does not name: they would be deactivated.
    pub deactivate: u64,
    /// Known people whose e-mail address or phone would be replaced by another.
    pub contacts: u64,
}

/// What whoever runs it allows beyond what is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncAllowance {
    /// So many may be deactivated.
    pub deactivate: Option<u64>,
    /// So many contacts may be replaced.
    pub contacts: Option<u64>,
}

impl SyncFigures {
    /// So many may be deactivated without a word: 10 people, or 2 % of those who are active.
    pub fn free_deactivations(&self) -> u64 {
        (self.active / 50).max(10)
    }

    /// So many contacts may be replaced without a word: 10 people's, or those of 10 % of those who are active.
    pub fn free_contacts(&self) -> u64 {
        (self.active / 10).max(10)
    }

    /// What must be allowed beyond that; nothing, where it may go on.
    pub fn needs(&self, allowed: SyncAllowance) -> SyncAllowance {
        let beyond = |count: u64, free: u64, allowed: Option<u64>| {
            (count > free.max(allowed.unwrap_or(0))).then_some(count)
        };
        SyncAllowance {
            deactivate: beyond(self.deactivate, self.free_deactivations(), allowed.deactivate),
            contacts: beyond(self.contacts, self.free_contacts(), allowed.contacts),
        }
    }

    /// What it would do and what must be allowed, in words.
    pub fn in_words(&self, needs: SyncAllowance) -> String {
        let Self { active, deactivate, contacts } = self;
        let deactivate_needs = needs.deactivate.map(|needed| {
            format!(
                ". More than {} are deactivated only where that is allowed: look whether the file is whole, and allow \
                 {needed} (allow_deactivate)",
                self.free_deactivations()
            )
        });
        let contacts_need = needs.contacts.map(|needed| {
            format!(
                ". More than {} contacts are replaced only where that is allowed: look whether the columns are the \
                 right ones, and allow {needed} (allow_contacts)",
                self.free_contacts()
            )
        });
        format!(
            "the file would deactivate {deactivate} of {active} active people and replace the e-mail address or phone \
             of {contacts}; nothing was written{}{}",
            deactivate_needs.unwrap_or_default(),
            contacts_need.unwrap_or_default()
        )
    }
}

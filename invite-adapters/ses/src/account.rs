//! What SES says of the account, in this region.

use aws_sdk_sesv2::operation::get_account::GetAccountOutput;
use aws_sdk_sesv2::types::FeatureStatus;

use invite_core::model::rate::Rate;

use crate::check::CheckError;

/// The account in the transport's region, as GetAccount shows it at this moment.
///
/// Rates and quotas are per region, and so is the sandbox.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Account {
    /// Messages a second, at most; SES refuses what comes faster. 1 in the sandbox.
    pub send_rate: f64,
    /// Messages within any 24 hours, at most; none where the account has no such limit. 200 in the sandbox.
    pub daily_quota: Option<u64>,
    /// Messages in the last 24 hours.
    pub sent_last_24_hours: u64,
    /// Only verified recipients are sent to: production access was not asked for, or not granted yet.
    pub sandbox: bool,
    /// Sending is not paused for the account.
    pub sending_enabled: bool,
    /// How AWS judges what the account sends.
    pub enforcement: Enforcement,
    /// The account's engagement metrics (Virtual Deliverability Manager) are on: links would be rewritten in messages whose
    /// configuration set says nothing else. This transport's messages say that they are not to be.
    pub engagement_metrics: bool,
}

/// How AWS judges what an account sends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Enforcement {
    /// `HEALTHY`: nothing is wrong.
    Healthy,
    /// `PROBATION`: under review; sending goes on, and stops if what caused it does not: too many bounces or complaints.
    Probation,
    /// `SHUTDOWN`: nothing is sent until AWS resumes it.
    Shutdown,
    /// Something that this release does not know, in SES's word.
    Other(String),
}

impl Account {
    /// How many more messages the quota of 24 hours allows now; none where there is no quota.
    pub fn remaining(&self) -> Option<u64> {
        Some(self.daily_quota?.saturating_sub(self.sent_last_24_hours))
    }

    /// How fast the account may send, for [`Builder::email_rate`](invite_core::service::Builder::email_rate), rounded down; at
    /// least one message a second. None where SES says nothing.
    pub fn rate(&self) -> Option<Rate> {
        let messages = u32::try_from(whole(self.send_rate.floor().max(1.0))).unwrap_or(u32::MAX);
        (self.send_rate > 0.0).then(|| Rate::per_second(messages).ok()).flatten()
    }

    /// An error, which says what to do, if a rollout could not be sent with this account: it is shut down, paused, or in
    /// the sandbox.
    pub fn ready(&self) -> Result<(), CheckError> {
        if self.enforcement == Enforcement::Shutdown {
            Err(CheckError::Shutdown)
        } else if !self.sending_enabled {
            Err(CheckError::Paused)
        } else if self.sandbox {
            Err(CheckError::Sandbox)
        } else {
            Ok(())
        }
    }
}

impl From<GetAccountOutput> for Account {
    fn from(answer: GetAccountOutput) -> Self {
        let (rate, quota, sent) = answer.send_quota.map_or((0.0, 0.0, 0.0), |quota| {
            (quota.max_send_rate, quota.max24_hour_send, quota.sent_last24_hours)
        });
        let dashboard = answer.vdm_attributes.as_ref().and_then(|vdm| vdm.dashboard_attributes());
        Self {
            send_rate: rate,
            // SES says -1 where there is none.
            daily_quota: (quota >= 0.0).then(|| whole(quota)),
            sent_last_24_hours: whole(sent),
            sandbox: !answer.production_access_enabled,
            sending_enabled: answer.sending_enabled,
            enforcement: match answer.enforcement_status.as_deref() {
                None | Some("HEALTHY") => Enforcement::Healthy,
                Some("PROBATION") => Enforcement::Probation,
                Some("SHUTDOWN") => Enforcement::Shutdown,
                Some(other) => Enforcement::Other(other.to_owned()),
            },
            engagement_metrics: dashboard.and_then(|it| it.engagement_metrics())
                == Some(&FeatureStatus::Enabled),
        }
    }
}

/// SES's API has numbers of messages as floating point.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of messages; what is none becomes the nearest that is"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

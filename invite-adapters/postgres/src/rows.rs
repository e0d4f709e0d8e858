//! How values stand in rows, and how many rows travel in one statement.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use invite_core::model::credential::Generation;
use invite_core::model::id::{
    BatchId, ClaimToken, CredentialId, DeliveryId, ImportId, InvitationId, OrganisationId, UserId,
};
use serde::Serialize;
use serde::de::value::Error as WordError;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{Decode, Postgres, Row, Type};
use uuid::Uuid;

use crate::error::{Fault, Step};

/// An instant.
pub(crate) type At = DateTime<Utc>;

/// What is left of an instant when it is stored, so that it compares equal when it is read back.
pub(crate) fn whole_micros(at: At) -> At {
    at.trunc_subsecs(6)
}

/// A duration to be added to an instant. A century stands for everything longer: an instant must stay one.
pub(crate) fn delta(duration: Duration) -> TimeDelta {
    const CENTURY: TimeDelta = TimeDelta::days(36_525);
    TimeDelta::from_std(duration).unwrap_or(CENTURY).min(CENTURY)
}

/// An identifier, as a UUID.
pub(crate) trait Key: Copy {
    /// The identifier with this UUID.
    fn of(uuid: Uuid) -> Self;
    /// Its UUID.
    fn uuid(self) -> Uuid;
}

macro_rules! keys {
    ($($name:ident),*) => {$(
        impl Key for $name {
            fn of(uuid: Uuid) -> Self {
                Self::from_uuid(uuid)
            }

            fn uuid(self) -> Uuid {
                self.as_uuid()
            }
        }
    )*};
}

keys!(BatchId, ClaimToken, CredentialId, DeliveryId, ImportId, InvitationId, OrganisationId, UserId);

/// A cursor for `id > $1`: the nil UUID is before all ids.
pub(crate) fn cursor<K: Key>(after: Option<K>) -> Uuid {
    after.map_or(Uuid::nil(), Key::uuid)
}

/// A limit.
pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// Ids, for `unnest`.
pub(crate) fn uuids<K: Key>(ids: impl IntoIterator<Item = K>) -> Vec<Uuid> {
    ids.into_iter().map(Key::uuid).collect()
}

/// A value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Json<Value> {
    Json(serde_json::to_value(value).expect("the model's types can be written as JSON"))
}

/// A value that is one word in JSON, without the quotes.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => unreachable!("only types that are one word are stored as words"),
    }
}

/// Values of columns.
pub(crate) trait Columns {
    /// A column as it is.
    fn plain<'r, T: Decode<'r, Postgres> + Type<Postgres>>(&'r self, column: &str) -> Step<T>;

    /// An identifier.
    fn id<K: Key>(&self, column: &str) -> Step<K> {
        self.maybe_id(column)?.ok_or_else(|| missing(column))
    }

    /// An identifier, where there is one.
    fn maybe_id<K: Key>(&self, column: &str) -> Step<Option<K>> {
        let uuid: Option<Uuid> = self.plain(column)?;
        Ok(uuid.map(K::of))
    }

    /// An instant.
    fn at(&self, column: &str) -> Step<At> {
        self.plain(column)
    }

    /// An instant, where there is one.
    fn maybe_at(&self, column: &str) -> Step<Option<At>> {
        self.plain(column)
    }

    /// A text.
    fn text(&self, column: &str) -> Step<String> {
        self.plain(column)
    }

    /// A text, where there is one.
    fn maybe_text(&self, column: &str) -> Step<Option<String>> {
        self.plain(column)
    }

    /// A number that is not negative.
    fn count(&self, column: &str) -> Step<u64> {
        u64::try_from(self.plain::<i64>(column)?).map_err(|_| missing(column))
    }

    /// A small number that is not negative.
    fn small(&self, column: &str) -> Step<u32> {
        u32::try_from(self.plain::<i64>(column)?).map_err(|_| missing(column))
    }

    /// A generation, where there is one.
    fn maybe_generation(&self, column: &str) -> Step<Option<Generation>> {
        let number: Option<i64> = self.plain(column)?;
        Ok(number.and_then(|number| u32::try_from(number).ok()).and_then(Generation::new))
    }

    /// A flag.
    fn flag(&self, column: &str) -> Step<bool> {
        self.plain(column)
    }

    /// One of the model's words.
    fn word<T: DeserializeOwned>(&self, column: &str) -> Step<T> {
        self.maybe_word(column)?.ok_or_else(|| missing(column))
    }

    /// One of the model's words, where there is one.
    fn maybe_word<T: DeserializeOwned>(&self, column: &str) -> Step<Option<T>> {
        let word: Option<&str> = self.plain(column)?;
        word.map(|word| {
            T::deserialize(IntoDeserializer::<WordError>::into_deserializer(word))
                .map_err(|_| missing(column))
        })
        .transpose()
    }

    /// A value that is kept as JSON.
    fn json<T: DeserializeOwned>(&self, column: &str) -> Step<T> {
        self.maybe_json(column)?.ok_or_else(|| missing(column))
    }

    /// A value that is kept as JSON, where there is one.
    fn maybe_json<T: DeserializeOwned>(&self, column: &str) -> Step<Option<T>> {
        let value: Option<Json<Value>> = self.plain(column)?;
        value.map(|Json(value)| serde_json::from_value(value).map_err(|_| missing(column))).transpose()
    }
}

impl Columns for PgRow {
    fn plain<'r, T: Decode<'r, Postgres> + Type<Postgres>>(&'r self, column: &str) -> Step<T> {
        Ok(self.try_get(column)?)
    }
}

/// The fault of a column whose value cannot be understood; it does not hold the value.
pub(crate) fn missing(column: &str) -> Fault {
    Fault::Value(format!("the value of column {column}"))
}

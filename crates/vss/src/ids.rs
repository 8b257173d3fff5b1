//! Ids on the command line: a unique prefix is enough.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;
use vss_coordinator::CatalogueReader;
use vss_model::{Context, Error, ErrorKind, OperationId, SetId, SnapshotId};

use crate::failure::Failure;

/// Fewer digits are more likely a slip than an id.
const FEWEST_DIGITS: usize = 4;
/// Digits of a whole GUID.
const ALL_DIGITS: usize = 32;
/// Most candidates that an error lists.
const LISTED: usize = 10;

/// An id or the beginning of one: hexadecimal digits; dashes and braces do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdArg(String);

impl FromStr for IdArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits: String = text
            .chars()
            .filter(|c| !matches!(c, '-' | '{' | '}'))
            .map(|c| c.to_ascii_lowercase())
            .collect();
        if !digits.chars().all(|c| c.is_ascii_hexdigit()) || digits.len() > ALL_DIGITS {
            return Err("an id is a GUID or the beginning of one; vss list shows them".to_owned());
        }
        if digits.len() < FEWEST_DIGITS {
            return Err(format!(
                "at least {FEWEST_DIGITS} digits of an id are needed"
            ));
        }
        Ok(Self(digits))
    }
}

impl fmt::Display for IdArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.whole() {
            Some(id) => id.fmt(f),
            None => f.write_str(&self.0),
        }
    }
}

impl IdArg {
    /// The GUID, if this is a whole one.
    fn whole(&self) -> Option<Uuid> {
        (self.0.len() == ALL_DIGITS).then(|| Uuid::try_parse(&self.0).ok())?
    }

    fn fits(&self, id: &Uuid) -> bool {
        let mut buffer = Uuid::encode_buffer();
        id.as_simple()
            .encode_lower(&mut buffer)
            .starts_with(&self.0)
    }
}

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object {
    /// A shadow copy set.
    Set(SetId),
    /// A shadow copy, and its set.
    Copy(SnapshotId, SetId),
    /// A finished operation.
    Operation(OperationId),
    /// One that is not finished.
    Unfinished(OperationId),
    /// A whole GUID that is not in the catalogue.
    Unknown(Uuid),
}

impl Object {
    /// The GUID itself.
    pub(crate) fn id(&self) -> Uuid {
        match self {
            Self::Set(id) => *id.as_uuid(),
            Self::Copy(id, _) => *id.as_uuid(),
            Self::Operation(id) | Self::Unfinished(id) => *id.as_uuid(),
            Self::Unknown(id) => *id,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Set(_) => "set",
            Self::Copy(..) => "copy",
            Self::Operation(_) | Self::Unfinished(_) => "operation",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// Everything in the catalogue that has an id.
#[derive(Debug, Default)]
pub(crate) struct Index(Vec<Object>);

impl Index {
    /// Sets and copies.
    pub(crate) fn of_copies(reader: &CatalogueReader) -> Result<Self, Failure> {
        let sets = reader.sets()?;
        let copies = reader.copies(Context::ALL)?;
        Ok(Self(
            sets.iter()
                .map(|set| Object::Set(set.set_id))
                .chain(
                    copies
                        .iter()
                        .map(|copy| Object::Copy(copy.snapshot_id, copy.snapshot_set_id)),
                )
                .collect(),
        ))
    }

    /// Operations, finished and unfinished.
    pub(crate) fn of_operations(reader: &CatalogueReader) -> Result<Self, Failure> {
        // What finishes between the two looks is in both, which is better than in neither.
        let unfinished = reader.unfinished()?;
        let finished = reader.operations()?;
        let mut all: Vec<Object> = unfinished
            .iter()
            .filter(|(id, ..)| !finished.contains(id))
            .map(|(id, ..)| Object::Unfinished(*id))
            .collect();
        all.extend(finished.into_iter().map(Object::Operation));
        Ok(Self(all))
    }

    /// Both.
    pub(crate) fn of_everything(reader: &CatalogueReader) -> Result<Self, Failure> {
        let mut all = Self::of_copies(reader)?;
        all.0.extend(Self::of_operations(reader)?.0);
        Ok(all)
    }

    /// What an argument stands for. A whole GUID that is not here is [`Object::Unknown`], so that
    /// the service can say so itself.
    ///
    /// # Errors
    /// `E_INVALIDARG` for a prefix of several, `VSS_E_OBJECT_NOT_FOUND` for one of none.
    pub(crate) fn find(&self, argument: &IdArg) -> Result<Object, Error> {
        let mut fitting = self.0.iter().filter(|object| argument.fits(&object.id()));
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => Ok(*one),
            (None, _) => argument.whole().map(Object::Unknown).ok_or_else(|| {
                Error::new(
                    ErrorKind::ObjectNotFound,
                    format!("no id begins with {argument}"),
                )
                .with_hint("vss list shows the sets and copies, vss history the operations")
            }),
            (Some(first), Some(second)) => {
                let all: Vec<String> = [first, second]
                    .into_iter()
                    .chain(fitting)
                    .map(|object| format!("{} {}", object.kind(), object.id()))
                    .collect();
                let more = match all.len().saturating_sub(LISTED) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let listed = all.get(..LISTED).unwrap_or(&all).join(", ");
                Err(Error::new(
                    ErrorKind::InvalidArgument,
                    format!("{argument} is the beginning of several ids: {listed}{more}"),
                )
                .with_hint("give more digits"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::uuid;
    use vss_model::{ErrorKind, SetId};

    use super::{IdArg, Index, Object};

    #[test]
    fn prefixes_are_enough() {
        let one = SetId::from_uuid(uuid!("acfe2b3a-22c9-4ef8-bd03-2f9ca230084e"));
        let two = SetId::from_uuid(uuid!("acfe2b3b-22c9-4ef8-bd03-2f9ca230084e"));
        let index = Index(vec![Object::Set(one), Object::Set(two)]);
        let find = |text: &str| index.find(&text.parse::<IdArg>().unwrap());
        assert_eq!(find("acfe2b3a").unwrap(), Object::Set(one));
        assert_eq!(find("{ACFE2B3B-22").unwrap(), Object::Set(two));
        let error = find("acfe").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains(&two.to_string()));
        assert_eq!(find("0000").unwrap_err().kind(), ErrorKind::ObjectNotFound);
        let unknown = uuid!("00000000-22c9-4ef8-bd03-2f9ca230084e");
        assert_eq!(
            find(&unknown.to_string()).unwrap(),
            Object::Unknown(unknown)
        );
        for bad in ["", "abc", "xyzw", "{}-", &"0".repeat(33)] {
            assert!(bad.parse::<IdArg>().is_err(), "{bad}");
        }
    }
}

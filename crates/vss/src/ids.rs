//! Ids on the command line: a unique prefix is enough.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;
use vss_model::{Error, ErrorKind, OperationId};
use vss_service::{Object, Queries};

/// Fewer digits are more likely a slip than an id.
const FEWEST_DIGITS: usize = 4;
/// Digits of a whole GUID.
const ALL_DIGITS: usize = 32;
/// Most candidates that an error lists.
const LISTED: usize = 10;
/// Most candidates that are asked for: enough to say that there are more.
const ASKED: usize = 12;

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
}

/// What an argument stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Something that the service knows.
    Known(Object),
    /// A whole GUID that it does not know, so that the service can say so itself.
    Unknown(Uuid),
}

impl Found {
    /// The GUID itself.
    pub(crate) fn id(&self) -> Uuid {
        match self {
            Self::Known(object) => id(object),
            Self::Unknown(id) => *id,
        }
    }
}

fn id(object: &Object) -> Uuid {
    match object {
        Object::Set(id) => *id.as_uuid(),
        Object::Copy(id, _) => *id.as_uuid(),
        Object::Operation(id) | Object::Unfinished(id) => *id.as_uuid(),
    }
}

fn kind(object: &Object) -> &'static str {
    match object {
        Object::Set(_) => "set",
        Object::Copy(..) => "copy",
        Object::Operation(_) | Object::Unfinished(_) => "operation",
    }
}

/// What an argument stands for among everything.
///
/// # Errors
/// `E_INVALIDARG` for a prefix of several, `VSS_E_OBJECT_NOT_FOUND` for one of none.
pub(crate) fn anything(queries: &dyn Queries, argument: &IdArg) -> Result<Found, Error> {
    look(queries, argument, |_| true)
}

/// What an argument stands for among sets and copies.
///
/// # Errors
/// As [`anything`].
pub(crate) fn set_or_copy(queries: &dyn Queries, argument: &IdArg) -> Result<Found, Error> {
    look(queries, argument, |object| {
        matches!(object, Object::Set(_) | Object::Copy(..))
    })
}

/// The operation, running or over, that an argument stands for; a whole GUID that is unknown is given
/// as it is.
///
/// # Errors
/// As [`anything`].
pub(crate) fn operation(queries: &dyn Queries, argument: &IdArg) -> Result<OperationId, Error> {
    look(queries, argument, |object| {
        matches!(object, Object::Operation(_) | Object::Unfinished(_))
    })
    .map(|found| OperationId::from_uuid(found.id()))
}

fn look(
    queries: &dyn Queries,
    argument: &IdArg,
    wanted: impl Fn(&Object) -> bool,
) -> Result<Found, Error> {
    let mut asked = ASKED;
    loop {
        let mut found = queries.find(&argument.0, asked)?;
        let all = found.len() < asked;
        found.retain(&wanted);
        // What is wanted may come after many that are not.
        if all || found.len() > LISTED {
            return pick(argument, &found, all);
        }
        asked = asked.saturating_mul(16);
    }
}

/// The one among the candidates; `all` is false when there may be more of them.
fn pick(argument: &IdArg, candidates: &[Object], all: bool) -> Result<Found, Error> {
    match candidates {
        [one] => Ok(Found::Known(*one)),
        [] => argument.whole().map(Found::Unknown).ok_or_else(|| {
            Error::new(
                ErrorKind::ObjectNotFound,
                format!("no id begins with {argument}"),
            )
            .with_hint("vss list shows the sets and copies, vss history the operations")
        }),
        several => {
            let more = match several.len().saturating_sub(LISTED) {
                0 => String::new(),
                more if all => format!(" and {more} more"),
                _ => " and more".to_owned(),
            };
            let listed: Vec<String> = several
                .iter()
                .take(LISTED)
                .map(|object| format!("{} {}", kind(object), id(object)))
                .collect();
            Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "{argument} is the beginning of several ids: {}{more}",
                    listed.join(", ")
                ),
            )
            .with_hint("give more digits"))
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::{Uuid, uuid};
    use vss_model::{ErrorKind, SetId};
    use vss_service::Object;

    use super::{Found, IdArg, LISTED, pick};

    #[test]
    fn prefixes_are_enough() {
        let one = Object::Set(SetId::from_uuid(uuid!(
            "acfe2b3a-22c9-4ef8-bd03-2f9ca230084e"
        )));
        let two = Object::Set(SetId::from_uuid(uuid!(
            "acfe2b3b-22c9-4ef8-bd03-2f9ca230084e"
        )));
        let argument = |text: &str| text.parse::<IdArg>().unwrap();
        assert_eq!(argument("{ACFE2B3B-22").0, "acfe2b3b22");
        let find = |text: &str, found: &[Object]| pick(&argument(text), found, true);
        assert_eq!(find("acfe2b3a", &[one]).unwrap(), Found::Known(one));
        let error = find("acfe", &[one, two]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(
            error
                .message()
                .contains("acfe2b3b-22c9-4ef8-bd03-2f9ca230084e")
        );
        let error = find("0000", &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ObjectNotFound);
        let unknown = uuid!("00000000-22c9-4ef8-bd03-2f9ca230084e");
        assert_eq!(
            find(&unknown.to_string(), &[]).unwrap(),
            Found::Unknown(unknown)
        );
        for bad in ["", "abc", "xyzw", "{}-", &"0".repeat(33)] {
            assert!(bad.parse::<IdArg>().is_err(), "{bad}");
        }
    }

    #[test]
    fn candidates_are_listed_up_to_a_point() {
        let argument: IdArg = "0000".parse().unwrap();
        let many: Vec<Object> = (0..LISTED as u128 + 2)
            .map(|n| Object::Set(SetId::from_uuid(Uuid::from_u128(n))))
            .collect();
        let message = |all| {
            pick(&argument, &many, all)
                .unwrap_err()
                .message()
                .to_owned()
        };
        assert!(message(true).ends_with(" and 2 more"), "{}", message(true));
        assert!(message(false).ends_with(" and more"), "{}", message(false));
        assert_eq!(message(true).matches("set ").count(), LISTED);
    }
}

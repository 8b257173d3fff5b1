//! The registered providers, and the rules for every call to one (spec: provider §3, §9).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use vss_model::{Error, ErrorKind, LunInformation, ProviderId, ProviderProperties};
use vss_provider::{
    Access, HardwareProvider, Method, Provider, ProviderResult, SoftwareProvider, is_allowed_from,
};
use vss_service::Event;

use crate::engine::Engine;

/// A provider of either kind.
#[derive(Clone)]
pub enum AnyProvider {
    /// Copies are LUNs.
    Hardware(Arc<dyn HardwareProvider>),
    /// Copies exist only through the provider.
    Software(Arc<dyn SoftwareProvider>),
}

impl AnyProvider {
    /// Who it is.
    #[must_use]
    pub fn properties(&self) -> ProviderProperties {
        match self {
            Self::Hardware(provider) => provider.properties(),
            Self::Software(provider) => provider.properties(),
        }
    }

    pub(crate) fn phases(&self) -> &dyn vss_provider::CreateSnapshotSet {
        match self {
            Self::Hardware(provider) => &**provider,
            Self::Software(provider) => &**provider,
        }
    }

    pub(crate) fn on_load(&self) -> ProviderResult<()> {
        match self {
            Self::Hardware(provider) => Provider::on_load(&**provider),
            Self::Software(provider) => Provider::on_load(&**provider),
        }
    }
}

/// The providers in the order of registration, which is the order of asking within a class.
#[derive(Default)]
pub(crate) struct Providers {
    list: Vec<(ProviderId, AnyProvider)>,
}

impl Providers {
    /// Registers providers and loads them.
    pub(crate) fn load(providers: Vec<AnyProvider>) -> Result<Self, Error> {
        let mut list: Vec<(ProviderId, AnyProvider)> = Vec::with_capacity(providers.len());
        for provider in providers {
            let properties = provider.properties();
            if list.iter().any(|(id, _)| *id == properties.provider_id) {
                return Err(Error::new(
                    ErrorKind::ObjectAlreadyExists,
                    format!("provider {} is registered twice", properties.provider_id),
                ));
            }
            provider.on_load().map_err(|error| {
                let hint = error.hint.clone();
                let e = Error::new(
                    ErrorKind::from_code(error.code).unwrap_or(ErrorKind::UnexpectedProviderError),
                    format!("provider {} does not start", properties.provider_name),
                )
                .with_source(error);
                match hint {
                    Some(hint) => e.with_hint(hint),
                    None => e,
                }
            })?;
            list.push((properties.provider_id, provider));
        }
        Ok(Self { list })
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &AnyProvider> {
        self.list.iter().map(|(_, provider)| provider)
    }

    pub(crate) fn get(&self, id: ProviderId) -> Result<&AnyProvider, Error> {
        self.list
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, provider)| provider)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::ProviderNotRegistered,
                    format!("no provider {id} is registered"),
                )
            })
    }

    pub(crate) fn get_hardware(&self, id: ProviderId) -> Result<&Arc<dyn HardwareProvider>, Error> {
        match self.get(id)? {
            AnyProvider::Hardware(provider) => Ok(provider),
            AnyProvider::Software(_) => Err(Error::new(
                ErrorKind::ProviderVeto,
                format!("provider {id} is a software provider; its copies cannot be broken"),
            )),
        }
    }

    pub(crate) fn hardware(
        &self,
    ) -> impl Iterator<Item = (ProviderId, &Arc<dyn HardwareProvider>)> {
        self.list
            .iter()
            .filter_map(|(id, provider)| match provider {
                AnyProvider::Hardware(provider) => Some((*id, provider)),
                AnyProvider::Software(_) => None,
            })
    }

    pub(crate) fn software(
        &self,
    ) -> impl Iterator<Item = (ProviderId, &Arc<dyn SoftwareProvider>)> {
        self.list
            .iter()
            .filter_map(|(id, provider)| match provider {
                AnyProvider::Software(provider) => Some((*id, provider)),
                AnyProvider::Hardware(_) => None,
            })
    }
}

/// Calls a provider: a code outside the method's list, or a provider that dies, becomes
/// `VSS_E_UNEXPECTED_PROVIDER_ERROR`, and every failure leaves an event with provider and method.
pub(crate) fn call<T>(
    provider: &ProviderProperties,
    method: Method,
    events: &mut Vec<Event>,
    work: impl FnOnce() -> ProviderResult<T>,
) -> Result<T, Error> {
    let failure = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => {
            let kind = if is_allowed_from(method, error.code) {
                ErrorKind::from_code(error.code)
            } else {
                None
            };
            events.push(Event {
                provider: Some(provider.provider_id),
                method: Some(method.name().to_owned()),
                code: Some(error.code),
                message: error.message.clone(),
            });
            let hint = error.hint.clone();
            let error = Error::new(
                kind.unwrap_or(ErrorKind::UnexpectedProviderError),
                format!(
                    "provider {} failed {} with {}",
                    provider.provider_name,
                    method.name(),
                    error.code
                ),
            )
            .with_source(error);
            match hint {
                Some(hint) => error.with_hint(hint),
                None => error,
            }
        }
        Err(_) => {
            let message = format!(
                "provider {} died in {}",
                provider.provider_name,
                method.name()
            );
            events.push(Event {
                provider: Some(provider.provider_id),
                method: Some(method.name().to_owned()),
                code: None,
                message: message.clone(),
            });
            Error::new(ErrorKind::UnexpectedProviderError, message)
        }
    };
    Err(failure)
}

/// Has a provider's storage remember what these LUNs are from now on.
pub(crate) fn set_access(
    engine: &Engine,
    provider: ProviderId,
    luns: &[LunInformation],
    access: Access,
    events: &mut Vec<Event>,
) -> Result<(), Error> {
    let provider = engine.providers.get_hardware(provider)?;
    call(&provider.properties(), Method::SetAccess, events, || {
        provider.set_access(luns, access)
    })
}

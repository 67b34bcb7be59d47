//! TLS, with its errors marked. Without the feature `tls`, an `https` address is refused with a sentence that says so.

#[cfg(not(feature = "tls"))]
pub(super) use absent::{TlsConnector, is_alert, is_error, with_roots};
#[cfg(feature = "tls")]
pub(super) use present::{TlsConnector, is_alert, is_error, with_roots};

#[cfg(feature = "tls")]
mod present {
    use std::io;
    use std::path::Path;

    use ureq::Error;
    use ureq::config::ConfigBuilder;
    use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
    use ureq::typestate::AgentScope;
    use ureq::unversioned::transport::{ConnectionDetails, Connector, RustlsConnector, Transport};

    use crate::sse::connect_phase::Phase;
    use crate::sse::failure::Failure;
    use crate::sse::options::StreamOptions;
    use crate::sse::origin::Origin;

    #[derive(Debug, Default)]
    pub(in crate::sse) struct TlsConnector(RustlsConnector);

    impl<In: Transport> Connector<In> for TlsConnector {
        type Out = <RustlsConnector as Connector<In>>::Out;

        fn connect(
            &self,
            details: &ConnectionDetails<'_>,
            chained: Option<In>,
        ) -> Result<Option<Self::Out>, Error> {
            self.0.connect(details, chained).map_err(|error| Phase::Tls.mark(error))
        }
    }

    /// Sets whose certificates are trusted: the system's, or those of the file in `options`.
    pub(in crate::sse) fn with_roots(
        config: ConfigBuilder<AgentScope>,
        origin: &Origin,
        options: &StreamOptions,
    ) -> Result<ConfigBuilder<AgentScope>, Failure> {
        let roots = match &options.root_certificates {
            Some(file) if origin.is_https() => read_roots(file)?,
            _ => RootCerts::PlatformVerifier,
        };
        Ok(config.tls_config(TlsConfig::builder().root_certs(roots).build()))
    }

    fn read_roots(path: &Path) -> Result<RootCerts, Failure> {
        let unusable = |source| Failure::RootCertificates { path: path.to_owned(), source };
        let pem = std::fs::read(path).map_err(|error| unusable(error.into()))?;
        let mut roots = Vec::new();
        for item in parse_pem(&pem) {
            if let PemItem::Certificate(root) = item.map_err(|error| unusable(Box::new(error)))? {
                roots.push(root);
            }
        }
        if roots.is_empty() {
            return Err(unusable("it has no certificate".into()));
        }
        Ok(RootCerts::from(roots))
    }

    /// Whether ureq failed because of TLS.
    pub(in crate::sse) fn is_error(error: &Error) -> bool {
        matches!(error, Error::Tls(_) | Error::TlsRequired | Error::Rustls(_) | Error::Pem(_))
    }

    /// Whether the other side ended the connection with a TLS alert.
    pub(in crate::sse) fn is_alert(error: &io::Error) -> bool {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        matches!(cause, Some(rustls::Error::AlertReceived(_)))
    }
}

#[cfg(not(feature = "tls"))]
mod absent {
    use std::io;

    use ureq::Error;
    use ureq::config::ConfigBuilder;
    use ureq::typestate::AgentScope;
    use ureq::unversioned::transport::{ConnectionDetails, Connector, Transport};

    use crate::sse::connect_phase::Phase;
    use crate::sse::failure::Failure;
    use crate::sse::options::StreamOptions;
    use crate::sse::origin::Origin;

    #[derive(Debug, Default)]
    pub(in crate::sse) struct TlsConnector(());

    impl<In: Transport> Connector<In> for TlsConnector {
        type Out = In;

        fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<In>, Error> {
            if details.needs_tls() {
                let missing =
                    "this program was built without TLS; build it with the feature `tls`, or use http";
                return Err(Phase::Tls.mark(Error::Tls(missing)));
            }
            Ok(chained)
        }
    }

    pub(in crate::sse) fn with_roots(
        config: ConfigBuilder<AgentScope>,
        _: &Origin,
        _: &StreamOptions,
    ) -> Result<ConfigBuilder<AgentScope>, Failure> {
        Ok(config)
    }

    pub(in crate::sse) fn is_error(error: &Error) -> bool {
        matches!(error, Error::Tls(_) | Error::TlsRequired)
    }

    pub(in crate::sse) fn is_alert(_: &io::Error) -> bool {
        false
    }
}

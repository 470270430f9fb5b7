//! TLS with open eyes: a handshake that tells what it saw.
//!
//! The drivers say that a connection is encrypted or that it failed. `check` says more:
//! the version, whether the certificate would verify even where nobody asked for that,
//! whether it soon runs out, and if not, what exactly is wrong with it.
//!
//! Promises the drivers' own trust: the public roots, and a PEM file besides.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, ProtocolVersion, RootCertStore,
    SignatureScheme,
};

use crate::lock::item::rfc3339;

/// A certificate that ends within this time is worth a warning.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Whom to believe.
#[derive(Debug, Clone)]
pub struct Trust {
    verifier: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

/// What a certificate must be for the handshake to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Anything.
    Nothing,
    /// Signed by somebody who is trusted.
    Chain,
    /// That, and the server's by name.
    ChainAndName,
}

/// Whether certificates verify; then, when they soon end, when that is.
type Seeing = Result<Option<String>, Distrust>;

/// What was seen in a handshake that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `TLS 1.3`.
    pub version: &'static str,
    /// How many certificates the server sent.
    pub certificates: usize,
    /// Whether they verify, demanded or not; then, when they soon end, when that is.
    pub verdict: Result<Option<String>, Distrust>,
}

/// Why a certificate does not verify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// Nobody who is trusted has signed it.
    #[error("its certificate is signed by an authority that is not trusted here")]
    Authority,
    /// It is over.
    #[error("its certificate expired on {0}")]
    Expired(String),
    /// It has not begun.
    #[error("its certificate is not valid before {0}")]
    Early(String),
    /// It is another server's.
    #[error("its certificate is for {presented}, not for {host}")]
    Name {
        /// The names in it.
        presented: String,
        /// The name that was connected to.
        host: String,
    },
    /// Anything else.
    #[error("its certificate does not verify: {0}")]
    Other(String),
}

/// Why there is no TLS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The certificate is not what was demanded.
    #[error(transparent)]
    Certificate(#[from] Distrust),
    /// What answers speaks something else.
    #[error("it does not speak TLS")]
    NotTls,
    /// The handshake broke.
    #[error("the TLS handshake failed: {0}")]
    Broken(String),
}

impl Trust {
    /// The public roots, and the certificates in a PEM file.
    ///
    /// # Errors
    /// The file can't be read or holds no certificate: in words, with the path.
    pub fn public_and(file: Option<&Path>) -> Result<Self, String> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(file) = file {
            let told = |error: &dyn fmt::Display| format!("can't read {}: {error}", file.display());
            let pem = std::fs::read(file).map_err(|error| told(&error))?;
            let mut count = 0;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let certificate = certificate.map_err(|error| told(&error))?;
                roots.add(certificate).map_err(|error| told(&error))?;
                count += 1;
            }
            if count == 0 {
                return Err(told(&"it holds no certificate"));
            }
        }
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        Ok(Self { verifier: verifier.build().map_err(|error| error.to_string())?, provider })
    }

    /// Shakes hands on `stream` with the server that is called `host`.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn handshake(
        &self,
        stream: TcpStream,
        host: &str,
        demand: Demand,
    ) -> Result<(TlsStream<TcpStream>, Seen), Fault> {
        let broken = |error: &dyn fmt::Display| Fault::Broken(error.to_string());
        let name = ServerName::try_from(host.to_owned()).map_err(|error| broken(&error))?;
        let witness = Arc::new(Witness { trust: self.clone(), demand, seen: Mutex::default() });
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| broken(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        let (certificates, verdict) = witness.told();
        let stream = shaken.map_err(|error| match verdict.clone() {
            Some(Err(distrust)) if is_about_certificate(&error) => Fault::Certificate(distrust),
            _ => read_fault(&error),
        })?;
        let version = match stream.get_ref().1.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        };
        let verdict = verdict.unwrap_or_else(|| Err(Distrust::Other("it sent none".into())));
        Ok((stream, Seen { version, certificates, verdict }))
    }
}

/// The error of the TLS library inside the stream's.
fn inner(error: &io::Error) -> Option<&TlsError> {
    error.get_ref().and_then(|inner| (inner as &(dyn StdError + 'static)).downcast_ref())
}

fn is_about_certificate(error: &io::Error) -> bool {
    matches!(inner(error), Some(TlsError::InvalidCertificate(_)))
}

fn read_fault(error: &io::Error) -> Fault {
    match inner(error) {
        Some(TlsError::InvalidMessage(_)) => Fault::NotTls,
        _ => Fault::Broken(error.to_string()),
    }
}

/// Looks at the certificates with the strictest eyes, and demands what is demanded.
#[derive(Debug)]
struct Witness {
    trust: Trust,
    demand: Demand,
    seen: Mutex<(usize, Option<Seeing>)>,
}

impl Witness {
    fn told(&self) -> (usize, Option<Seeing>) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let verify = |at: UnixTime| {
            self.trust.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, at)
        };
        let outcome = verify(now);
        let soon = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()) + SOON);
        let verdict = match &outcome {
            Ok(_) => Ok(verify(soon).err().and_then(|error| match read_distrust(&error, server_name) {
                Distrust::Expired(end) => Some(end),
                _ => None,
            })),
            Err(error) => Err(read_distrust(error, server_name)),
        };
        let is_fine = match (&verdict, self.demand) {
            (Ok(_), _) | (_, Demand::Nothing) | (Err(Distrust::Name { .. }), Demand::Chain) => true,
            (Err(_), Demand::Chain | Demand::ChainAndName) => false,
        };
        let seen = (1 + intermediates.len(), Some(verdict));
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        if is_fine { Ok(ServerCertVerified::assertion()) } else { outcome }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.trust.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.trust.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.verifier.supported_verify_schemes()
    }
}

fn read_distrust(error: &TlsError, host: &ServerName<'_>) -> Distrust {
    let moment = |time: &UnixTime| rfc3339(time.as_secs().cast_signed());
    let TlsError::InvalidCertificate(error) = error else { return Distrust::Other(error.to_string()) };
    match error {
        CertificateError::UnknownIssuer => Distrust::Authority,
        CertificateError::ExpiredContext { not_after, .. } => Distrust::Expired(moment(not_after)),
        CertificateError::NotValidYetContext { not_before, .. } => Distrust::Early(moment(not_before)),
        CertificateError::NotValidForNameContext { presented, .. } => {
            Distrust::Name { presented: presented.join(", "), host: host.to_str().into_owned() }
        }
        CertificateError::NotValidForName => {
            Distrust::Name { presented: "another name".into(), host: host.to_str().into_owned() }
        }
        other => Distrust::Other(other.to_string()),
    }
}

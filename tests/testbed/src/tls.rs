//! Throw-away certificates: an authority, a server certificate for `127.0.0.1` alone,
//! and a second authority that has signed nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::Result;

/// Where the authorities' certificates are.
#[derive(Debug)]
pub struct Certificates {
    /// Signed the server's certificate.
    pub authority: PathBuf,
    /// Did not.
    pub stranger: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// For `127.0.0.1`, valid for long.
    Good,
    /// For `127.0.0.1`, over since yesterday.
    Expired,
    /// For `127.0.0.1`, over in less than a week.
    EndsSoon,
    /// For another host.
    OtherName,
}

impl Certificates {
    /// Makes them all in `folder`.
    pub fn make(folder: &Path) -> Result<Self> {
        let authority = issuer("Testbed CA")?;
        let stranger = issuer("Stranger CA")?;
        let made = Self {
            authority: folder.join("ca.pem"),
            stranger: folder.join("stranger.pem"),
            issuer: authority,
        };
        fs::write(&made.authority, made.issuer.pem())?;
        fs::write(&made.stranger, stranger.pem())?;
        made.issue(folder, Certificate::Good)?;
        Ok(made)
    }

    /// Gives the server in `folder` a certificate in place of any that it has.
    pub fn issue(&self, folder: &Path, kind: Certificate) -> Result<()> {
        const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let name = if kind == Certificate::OtherName { "other.internal" } else { "127.0.0.1" };
        let mut parameters = CertificateParams::new(vec![name.to_owned()])?;
        match kind {
            Certificate::Expired => parameters.not_after = (SystemTime::now() - A_DAY).into(),
            Certificate::EndsSoon => parameters.not_after = (SystemTime::now() + 6 * A_DAY).into(),
            Certificate::Good | Certificate::OtherName => {}
        }
        let (certificate, key) = self.of_server(folder);
        let server_key = KeyPair::generate()?;
        fs::write(certificate, parameters.signed_by(&server_key, &self.issuer)?.pem())?;
        fs::write(&key, server_key.serialize_pem())?;
        // The server refuses a key that others may read.
        fs::set_permissions(key, fs::Permissions::from_mode(0o600))?;
        Ok(())
    }

    /// The server's certificate and key.
    pub fn of_server(&self, folder: &Path) -> (PathBuf, PathBuf) {
        (folder.join("server.pem"), folder.join("server.key"))
    }
}

fn issuer(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(DnType::CommonName, name);
    Ok(CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?)
}

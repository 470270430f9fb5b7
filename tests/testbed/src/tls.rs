//! Throw-away certificates: an authority, a server certificate for `127.0.0.1` alone,
//! and a second authority that has signed nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::Result;

/// Where the authorities' certificates are.
#[derive(Debug)]
pub struct Certificates {
    /// Signed the server's certificate.
    pub authority: PathBuf,
    /// Did not.
    pub stranger: PathBuf,
}

impl Certificates {
    /// Makes them all in `folder`.
    pub fn make(folder: &Path) -> Result<Self> {
        let authority = issuer("Testbed CA")?;
        let stranger = issuer("Stranger CA")?;
        let made = Self { authority: folder.join("ca.pem"), stranger: folder.join("stranger.pem") };
        let (certificate, key) = made.of_server(folder);
        let server_key = KeyPair::generate()?;
        let server =
            CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&server_key, &authority)?;
        fs::write(&made.authority, authority.pem())?;
        fs::write(&made.stranger, stranger.pem())?;
        fs::write(certificate, server.pem())?;
        fs::write(&key, server_key.serialize_pem())?;
        // The server refuses a key that others may read.
        fs::set_permissions(key, fs::Permissions::from_mode(0o600))?;
        Ok(made)
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

//! A certificate authority that signs what it is asked to.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// An authority with a key of its own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// The certificates of a server, its own first, and their key.
#[derive(Debug)]
pub struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Authority {
    /// A new one, which nobody trusts yet.
    #[allow(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Authority {
        let mut params = params("the authority of a test", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Authority { issuer: Issuer::new(params, key), pem: certificate.pem() }
    }

    /// Its certificate, for those who are to trust it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A good certificate for a host name or address.
    pub fn issue(&self, host: &str) -> Identity {
        self.sign(&params(host, &[host]))
    }

    /// One that was good until 2020.
    pub fn issue_expired(&self, host: &str) -> Identity {
        let mut params = params(host, &[host]);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign(&params)
    }

    /// One that will be good from 2120 on.
    pub fn issue_early(&self, host: &str) -> Identity {
        let mut params = params(host, &[host]);
        params.not_before = date_time_ymd(2120, 1, 1);
        params.not_after = date_time_ymd(2121, 1, 1);
        self.sign(&params)
    }

    /// A certificate for a host that the host has signed itself.
    pub fn self_signed(host: &str) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params(host, &[host]).self_signed(&key).expect("a certificate");
        identity(certificate.der(), &key)
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        identity(certificate.der(), &key)
    }
}

fn identity(certificate: &CertificateDer<'static>, key: &KeyPair) -> Identity {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Identity { chain: vec![certificate.clone()], key }
}

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("host names or addresses");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

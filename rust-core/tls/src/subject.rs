//! A certificate's subject as the texts that a filter may be written for.
//!
//! Which order the attributes of a subject are shown in differs between tools (RFC 4514 and Java
//! turn the certificate's order round, OpenSSL does not), and so do the separators. So a filter is
//! tried against all of them, and against each attribute by itself.

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// Every way to write the subject of `certificate`; empty when it cannot be read or has none.
///
/// In the certificate's order and in the opposite one, separated by `,` and by `, `; then each
/// attribute alone, as in `CN=agent-1`. Special characters are escaped as in RFC 4514.
pub fn spellings(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let name = certificate.tbs_certificate().subject();
    let parts: Vec<String> = name.iter_rdn().map(ToString::to_string).collect();
    let turned: Vec<String> = parts.iter().rev().cloned().collect();
    let mut texts = Vec::new();
    for order in [&parts, &turned] {
        texts.push(order.join(","));
        texts.push(order.join(", "));
    }
    texts.extend(name.iter().map(ToString::to_string));
    texts.retain(|text| !text.is_empty());
    texts.dedup();
    texts
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    #[test]
    fn a_subject_has_both_orders_and_each_attribute() {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in [
            (DnType::CountryName, "DE"),
            (DnType::OrganizationName, "Bytes, Inc"),
            (DnType::CommonName, "agent-1"),
        ] {
            params.distinguished_name.push(kind, value);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        assert_eq!(
            spellings(certificate.der()),
            [
                "C=DE,O=Bytes\\, Inc,CN=agent-1",
                "C=DE, O=Bytes\\, Inc, CN=agent-1",
                "CN=agent-1,O=Bytes\\, Inc,C=DE",
                "CN=agent-1, O=Bytes\\, Inc, C=DE",
                "C=DE",
                "O=Bytes\\, Inc",
                "CN=agent-1",
            ]
        );
        assert!(spellings(&CertificateDer::from(vec![1, 2, 3])).is_empty());
    }
}

//! The functions of Sprig and of Argo CD.
//!
//! Argo CD removes `env`, `expandenv`, and `getHostByName`, and adds `normalize`, `slugify`, `toYaml`, `fromYaml`, and
//! `fromYamlArray`.

mod convert;
mod dictionaries;
mod encoding;
mod lists;
mod names;
mod numbers;
mod regexes;
mod strings;
mod types;
mod urls;
mod versions;
mod words;
mod yaml;

use super::signature::Function;

/// All functions.
pub(super) fn all() -> impl Iterator<Item = &'static Function> {
    [
        dictionaries::FUNCTIONS,
        encoding::FUNCTIONS,
        lists::FUNCTIONS,
        names::FUNCTIONS,
        numbers::FUNCTIONS,
        regexes::FUNCTIONS,
        strings::FUNCTIONS,
        types::FUNCTIONS,
        urls::FUNCTIONS,
        versions::FUNCTIONS,
        UNSUPPORTED,
    ]
    .into_iter()
    .flatten()
}

/// Functions whose result depends on the time or on chance, and rare ones.
const UNSUPPORTED: &[Function] = &[
    Function::unsupported("ago"),
    Function::unsupported("bcrypt"),
    Function::unsupported("buildCustomCert"),
    Function::unsupported("date"),
    Function::unsupported("dateInZone"),
    Function::unsupported("dateModify"),
    Function::unsupported("date_in_zone"),
    Function::unsupported("date_modify"),
    Function::unsupported("decryptAES"),
    Function::unsupported("derivePassword"),
    Function::unsupported("duration"),
    Function::unsupported("durationRound"),
    Function::unsupported("encryptAES"),
    Function::unsupported("genCA"),
    Function::unsupported("genCAWithKey"),
    Function::unsupported("genPrivateKey"),
    Function::unsupported("genSelfSignedCert"),
    Function::unsupported("genSelfSignedCertWithKey"),
    Function::unsupported("genSignedCert"),
    Function::unsupported("genSignedCertWithKey"),
    Function::unsupported("htmlDate"),
    Function::unsupported("htmlDateInZone"),
    Function::unsupported("htpasswd"),
    Function::unsupported("mustDateModify"),
    Function::unsupported("mustToDate"),
    Function::unsupported("must_date_modify"),
    Function::unsupported("now"),
    Function::unsupported("randAlpha"),
    Function::unsupported("randAlphaNum"),
    Function::unsupported("randAscii"),
    Function::unsupported("randBytes"),
    Function::unsupported("randInt"),
    Function::unsupported("randNumeric"),
    Function::unsupported("sha1sum"),
    Function::unsupported("sha512sum"),
    Function::unsupported("shuffle"),
    Function::unsupported("toDate"),
    Function::unsupported("unixEpoch"),
    Function::unsupported("uuidv4"),
];

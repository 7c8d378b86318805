//! What the page may do in a browser: show itself, and nothing else.
//!
//! Nothing is loaded from anywhere, nothing is sent anywhere, and no script or style runs but the two that are in the page, which are named
//! by their hashes: should a text ever get into the page as more than text, it still does nothing.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// The content security policy of a page with one style sheet and one script.
#[must_use]
pub fn content_security_policy(style: &str, script: &str) -> String {
    let [style, script] = [style, script].map(|text| {
        let hash = BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()));
        format!("'sha256-{hash}'")
    });
    // An icon that is no file spares the browser the question for one.
    format!(
        "default-src 'none'; style-src {style}; script-src {script}; img-src data:; base-uri 'none'; form-action 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_the_text() {
        // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        let policy = content_security_policy("", "alert(1)");
        let expected = "script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=';";
        assert!(policy.contains(expected), "{policy}");
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

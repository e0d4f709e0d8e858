//! PostgreSQL by TLS, as the URL asks for it.

use std::process::Command;

use crate::away::told;
use crate::house::House;
use crate::postgres::{database, run};

/// The certificate of the server, which is its own authority.
fn certificate() -> String {
    std::env::var("INVITE_TEST_POSTGRES_CERTIFICATE").expect("run the tests with `cargo xtask test`")
}

const CREATE: &str = "org create acme --name Acme --app-link https://app.acme.test --admin admin@acme.test";

#[test]
fn a_connection_is_encrypted_where_the_url_asks_for_it() {
    let house = House::empty();
    for mode in ["require".to_owned(), format!("verify-full&sslrootcert={}", certificate())] {
        let database = format!("{}&sslmode={mode}", database());
        run(&house, &database, CREATE).ok();
        run(&house, &database, "users").ok();
    }
}

#[test]
fn a_certificate_that_nobody_trusts_is_refused_with_what_to_do() {
    let house = House::empty();
    let openssl = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=Somebody else", "-keyout", "key.pem", "-out", "other.pem"])
        .current_dir(house.path(""))
        .output()
        .expect("openssl runs");
    assert!(openssl.status.success());
    let other = house.path("other.pem");
    for mode in ["verify-full".to_owned(), format!("verify-full&sslrootcert={}", other.display())] {
        let ran = run(&house, &format!("{}&sslmode={mode}", database()), "users");
        assert!(ran.err.contains("certificate"), "{}", ran.err);
        told(ran, 2, "sslrootcert");
    }
}

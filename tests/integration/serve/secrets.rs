//! Secrets reach Odoo through files of mode 0600 and nothing else.

use super::Check;
use super::product::{Product, stop};
use crate::harness::odoo::Odoo;
use crate::harness::{SOON, Test};
use std::fs;
use std::os::unix::fs::PermissionsExt;

pub const CHECKS: &[Check] = &[
    ("the_password_is_in_no_argv_environment_or_log", the_password_is_in_no_argv_environment_or_log),
    ("files_are_0600_in_a_0700_folder", files_are_0600_in_a_0700_folder),
    ("a_password_file_is_read", a_password_file_is_read),
    ("odoo_gets_the_accounts_name_not_the_roles", odoo_gets_the_accounts_name_not_the_roles),
];

fn the_password_is_in_no_argv_environment_or_log(test: &Test) {
    let product = Product::empty(test, &Odoo::Double);
    let secret = "correct-horse-battery";
    let role = &product.site.role.name;
    product.site.cluster.sql("postgres", &format!("ALTER ROLE {role} PASSWORD '{secret}'"));
    let process = product
        .launch()
        .env("PASSWORD", secret)
        .env("ODOO_SMTP_PASSWORD", secret)
        .env("DOUBLE_MODULE_DELAY", "0.2")
        .start();
    let mut looked_at = 0;
    let look = |looked_at: &mut usize| {
        for child in process.descendants() {
            // It may have ended since.
            let Ok(bytes) = fs::read(format!("/proc/{}/environ", child.pid)) else { continue };
            let environment = String::from_utf8_lossy(&bytes).into_owned();
            let arguments = child.command_line();
            // Between fork and exec it is still the product, not dumpable and so closed to all but root, who looks here.
            if child
                .arguments
                .first()
                .is_some_and(|name| *name == test.world().product().display().to_string())
            {
                continue;
            }
            assert!(
                !environment.contains(secret) && !arguments.contains(secret),
                "{arguments} {environment}"
            );
            *looked_at += 1;
        }
    };
    crate::harness::until_true("it is ready", 2 * SOON, || {
        look(&mut looked_at);
        product.status("/readyz") == 200
    });
    look(&mut looked_at);
    assert!(looked_at > 1, "an init and a server were looked at");
    let rendered = fs::read_to_string(product.rendered_folder().join("odoo.conf")).unwrap();
    assert!(rendered.contains(secret), "the control: it is in the file");
    stop(&process);
    assert!(!process.stderr().contains(secret) && !process.stdout().contains(secret));
    // A login that fails tells everything but the password.
    let failed = product.launch().env("PASSWORD", "wrong-horse").env("ENTRYPOINT_AUTH_GRACE", "0").run();
    failed.expect_code(69);
    assert!(!failed.stderr.contains("wrong-horse"), "{}", failed.stderr);
}

fn files_are_0600_in_a_0700_folder(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().start();
    product.wait_ready(&process);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let folder = product.rendered_folder();
    assert_eq!((mode(&folder), mode(&folder.join("odoo.conf"))), (0o700, 0o600));
    stop(&process);
}

fn a_password_file_is_read(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let file = test.write("password", format!("{}\n", product.site.role.password));
    let process = product.launch().env_remove("PASSWORD").env("PASSWORD_FILE", &file).start();
    product.wait_ready(&process);
    stop(&process);
}

fn odoo_gets_the_accounts_name_not_the_roles(test: &Test) {
    let product = Product::installed(test, &Odoo::Double);
    let process = product.launch().start();
    product.wait_ready(&process);
    let environment = Product::environ(product.odoo(&process).expect("Odoo runs"));
    let value = |name: &str| environment.iter().find_map(|entry| entry.strip_prefix(&format!("{name}=")));
    assert_ne!(value("USER"), Some(product.site.role.name.as_str()));
    assert_eq!(value("USER"), value("LOGNAME"));
    assert!(value("HOST").is_none() && value("DB").is_none() && value("ENTRYPOINT_LISTEN").is_none());
    stop(&process);
}

//! A master password given as plain text: hashed on a thread of its own while PostgreSQL is waited for, and put into the
//! rendered file before Odoo is started.

use tokio::sync::{OnceCell, oneshot};

use super::password;
use super::render::{self, Files};
use crate::error::Problem;
use crate::settings::{Odoo, Secret};

/// The hash on its way, and the file that waits for it.
pub struct Master {
    hash: tokio::sync::Mutex<Option<oneshot::Receiver<Result<Secret, getrandom::Error>>>>,
    written: OnceCell<()>,
    odoo: Odoo,
    files: Files,
}

impl Master {
    /// Starts to hash. Until [`Master::complete`] the file in `files` says that no master password matches.
    pub fn start(plain: Secret, odoo: Odoo, files: Files) -> Self {
        let (answer, hash) = oneshot::channel();
        let thread = std::thread::Builder::new().name("hash".to_owned()).stack_size(64 * 1024);
        let started = thread.spawn(move || {
            // Nobody waits any more when the process ends.
            let _ = answer.send(password::hash(&plain));
        });
        if let Err(error) = started {
            tracing::error!("cannot hash the master password, so none will match: {error}");
        }
        Master { hash: tokio::sync::Mutex::new(Some(hash)), written: OnceCell::new(), odoo, files }
    }

    /// Waits for the hash and writes the file anew; once.
    ///
    /// # Errors
    /// The file cannot be written (the disk is full).
    pub async fn complete(&self) -> Result<(), Problem> {
        let write = || async {
            let Some(hash) = self.hash.lock().await.take() else { return Ok(()) };
            match hash.await {
                Ok(Ok(hash)) => {
                    let mut odoo = self.odoo.clone();
                    for setting in odoo.options.iter_mut().filter(|setting| setting.key == "admin_passwd") {
                        hash.expose().clone_into(&mut setting.text);
                    }
                    render::write_again(&render::render(&odoo), &self.files)
                }
                Ok(Err(error)) => {
                    tracing::error!("cannot hash the master password, so none will match: {error}");
                    Ok(())
                }
                // The thread could not be started, which has been told.
                Err(_) => Ok(()),
            }
        };
        self.written.get_or_try_init(write).await.copied()
    }
}

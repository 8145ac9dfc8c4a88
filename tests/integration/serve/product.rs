//! A container's worth of surroundings for the product: a database, a role, ports, folders and an Odoo.

use crate::harness::http::{self, Response};
use crate::harness::odoo::{Journal, Odoo, Site};
use crate::harness::postgres::Cluster;
use crate::harness::process::{Launch, Process};
use crate::harness::{SOON, Test, ports, procfs, until, until_true};
use nix::sys::signal::Signal;
use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, io};

/// The product and what it needs, configured by environment alone.
pub struct Product<'a> {
    pub site: Site<'a>,
    pub journal: Journal,
    pub probe_port: u16,
    pub runtime: PathBuf,
    test: &'a Test,
}

impl<'a> Product<'a> {
    /// On a database with `base` in it.
    pub fn installed(test: &'a Test, odoo: &Odoo) -> Self {
        Self::of(test, test.site(odoo))
    }

    /// On an empty database.
    pub fn empty(test: &'a Test, odoo: &Odoo) -> Self {
        Self::of(test, Site::empty(test, odoo, test.cluster()))
    }

    /// On an empty database of this cluster.
    pub fn on(test: &'a Test, odoo: &Odoo, cluster: &Arc<Cluster>) -> Self {
        Self::of(test, Site::empty(test, odoo, cluster))
    }

    fn of(test: &'a Test, site: Site<'a>) -> Self {
        let runtime = test.make_dir(&test.unique("run"));
        Self { site, journal: Journal::new(test), probe_port: ports::free(), runtime, test }
    }

    /// A second container on the same database: its own ports and folders.
    pub fn sibling(&self) -> Replica {
        Replica {
            http_port: ports::free(),
            probe_port: ports::free(),
            runtime: self.test.make_dir(&self.test.unique("run")),
        }
    }

    /// The product with the image's variables set for this site.
    pub fn launch(&self) -> Launch<'a> {
        self.launch_of(self.test.world().product())
    }

    /// Another program in the same surroundings.
    pub fn launch_of(&self, program: impl AsRef<std::ffi::OsStr>) -> Launch<'a> {
        let site = &self.site;
        let base = self.test.write("base.conf", "[options]\n; nothing but the environment counts here\n");
        self.test
            .launch(program)
            .env("ODOO_RC", base)
            .env("HOST", "127.0.0.1")
            .env("PORT", site.cluster.port().to_string())
            .env("USER", &site.role.name)
            .env("PASSWORD", &site.role.password)
            .env("DB", &site.database.name)
            .env("ODOO_DATA_DIR", self.test.make_dir("data"))
            .env("ODOO_HTTP_INTERFACE", "127.0.0.1")
            .env("ODOO_HTTP_PORT", site.http_port.to_string())
            .env("ODOO_GEVENT_PORT", site.gevent_port.to_string())
            .env("ODOO_MAX_CRON_THREADS", "0")
            .env("ENTRYPOINT_ODOO_BIN", site.odoo.command(self.test))
            .env("ENTRYPOINT_RUNTIME_DIR", &self.runtime)
            .env("ENTRYPOINT_LISTEN", format!("127.0.0.1:{}", self.probe_port))
            .env("DOUBLE_JOURNAL", self.journal.path())
    }

    /// One of the probes.
    pub fn probe(&self, path: &str) -> io::Result<Response> {
        http::get(self.probe_port, path, SOON)
    }

    /// The status of a probe; 0 while nobody answers.
    pub fn status(&self, path: &str) -> u16 {
        self.probe(path).map_or(0, |response| response.status)
    }

    #[track_caller]
    pub fn wait_ready(&self, process: &Process) {
        self.wait_status(process, "/readyz", 200);
    }

    #[track_caller]
    pub fn wait_status(&self, process: &Process, path: &str, status: u16) {
        until_true(&format!("{path} is {status}"), 4 * SOON, || {
            assert!(process.exited().is_none(), "ended before {path} was {status}: {}", process.stderr());
            self.status(path) == status
        });
    }

    /// Waits until `/readyz` gives this reason.
    #[track_caller]
    pub fn wait_reason(&self, process: &Process, reason: &str) {
        until(&format!("/readyz says {reason:?}"), SOON, || {
            assert!(process.exited().is_none(), "ended before it said {reason:?}: {}", process.stderr());
            self.probe("/readyz").ok().filter(|response| response.body.contains(reason))
        });
    }

    /// The process of Odoo that serves: the product's only child.
    pub fn odoo(&self, process: &Process) -> Option<i32> {
        process.descendants().into_iter().find(|child| child.parent == process.pid()).map(|child| child.pid)
    }

    /// Waits until Odoo's master and its children are so many. A fork counts from when it has given up the master's
    /// handlers: a stop before that would be lost in them, and the master would wait for it up to limit_time_real.
    #[track_caller]
    pub fn wait_processes(&self, process: &Process, count: usize) {
        until_true(&format!("{count} processes run and can be stopped"), SOON, || {
            let all = process.descendants();
            let catching = all.iter().filter(|one| procfs::has_in_mask(one.pid, "SigCgt", Signal::SIGTERM));
            all.len() == count && catching.count() == 1
        });
    }

    /// Nothing of this start is left: no process and no rendered file.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        let left = self.test.processes();
        assert!(left.is_empty(), "left behind: {left:?}");
        let files: Vec<_> = fs::read_dir(self.rendered_folder())
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        assert!(files.is_empty(), "left behind: {files:?}");
    }

    /// Odoo was never started.
    #[track_caller]
    pub fn assert_nothing_started(&self) {
        assert_eq!(self.journal.events(), Vec::<serde_json::Value>::new());
        self.assert_nothing_left();
    }

    pub fn rendered_folder(&self) -> PathBuf {
        let uid = crate::harness::program_uid();
        self.runtime.join(format!("odoo-entrypoint-{uid}"))
    }

    /// The environment of a process, `NAME=VALUE` each.
    pub fn environ(pid: i32) -> Vec<String> {
        let bytes = fs::read(format!("/proc/{pid}/environ")).expect("the environment of a child");
        bytes.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned()).collect()
    }

    /// Whether a process is alive.
    pub fn is_alive(pid: i32) -> bool {
        procfs::is_alive(pid)
    }
}

/// Asks the product to stop, which is a success in every phase.
#[track_caller]
pub fn stop(process: &Process) {
    process.signal(Signal::SIGTERM);
    assert_eq!(process.wait_code(SOON), 0);
}

/// What distinguishes a second container on the same database.
pub struct Replica {
    pub http_port: u16,
    pub probe_port: u16,
    pub runtime: PathBuf,
}

impl Replica {
    /// Makes a launch of the first one a launch of this one.
    pub fn launch<'a>(&self, launch: Launch<'a>) -> Launch<'a> {
        launch
            .env("ODOO_HTTP_PORT", self.http_port.to_string())
            .env("ENTRYPOINT_LISTEN", format!("127.0.0.1:{}", self.probe_port))
            .env("ENTRYPOINT_RUNTIME_DIR", &self.runtime)
    }
}

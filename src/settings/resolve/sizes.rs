//! `workers = auto`, and a word on sizes that do not fit the container.

use super::Resolver;
use crate::odoo::sizing::{self, ASSUMED, Limits};
use crate::settings::{Odoo, Origin, Setting};

/// The word for sizes that follow the container's limits.
pub(super) const AUTO: &str = "auto";

/// Odoo's own default of `limit_memory_soft`, in bytes.
const DEFAULT_SOFT: i64 = 2_147_483_648;

impl Resolver<'_> {
    /// Replaces `auto` by a number, and sets what follows from it where nobody has.
    pub(super) fn automatic_sizes(&mut self) {
        if self.text("workers").is_none_or(|setting| setting.text != AUTO) {
            return;
        }
        let cron = match self.text("max_cron_threads") {
            Some(_) => self.integer("max_cron_threads").and_then(|number| u64::try_from(number).ok()),
            None => None,
        };
        let sizing = sizing::size(self.inputs.world.limits, cron);
        let Some(workers) = self.settings.iter_mut().find(|setting| setting.key == "workers") else { return };
        workers.text = sizing.workers.to_string();
        workers.origin = Origin::Sizing;
        let computed = [("max_cron_threads", Some(sizing.cron)), ("db_maxconn", sizing.db_maxconn)];
        for (key, number) in computed {
            if let (None, Some(number)) = (self.text(key), number) {
                self.settings.push(Setting {
                    key: key.to_owned(),
                    text: number.to_string(),
                    origin: Origin::Sizing,
                    shadowed: Vec::new(),
                });
            }
        }
        self.notes.push(sizing.to_string());
    }

    /// Warns of sizes that cannot fit. Returns the threads for numeric libraries.
    pub(super) fn fitting_sizes(&mut self, odoo: &Odoo) -> u64 {
        let Limits { millicpus, .. } = self.inputs.world.limits;
        let workers = u64::from(odoo.workers);
        let chosen = self.text("workers").is_some_and(|setting| setting.origin != Origin::Sizing);
        if chosen && let Some(text) = sizing::too_large(workers, self.inputs.world.limits) {
            self.warnings.push(text);
        }
        let soft = self.integer("limit_memory_soft").unwrap_or(0);
        if (1..DEFAULT_SOFT).contains(&soft) {
            self.warnings.push(format!(
                "limit_memory_soft = {soft} is on virtual memory, of which every Odoo process has more than it uses: \
                 below Odoo's default of {DEFAULT_SOFT} workers are replaced for nothing"
            ));
        }
        let processes = if odoo.prefork() { workers.saturating_add(odoo.max_cron_threads) } else { 1 };
        let machine = match self.inputs.world.cpus {
            0 => ASSUMED.0 / 1000,
            cpus => cpus,
        };
        let cpus = millicpus.map_or(machine, |millicpus| millicpus.div_ceil(1000).min(machine));
        sizing::numeric_threads(cpus, processes)
    }
}

//! Memory, tables and instances of one guest: what goes beyond the limit ends the run, it is not
//! refused politely. It must never know which callback is under way.

use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::strategy::Fault;
use wasmtime::{Error, ResourceLimiter, Result};

/// Why the host made wasmtime stop. It travels through wasmtime as an error and is found again by
/// its type.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum LimitBreach {
    #[error("raise limits.{name} ({limit}): the guest wants {wanted}")]
    Limit {
        fault: Fault,
        name: &'static str,
        wanted: u64,
        limit: u64,
    },
    #[error("{0}")]
    Host(String),
}

/// Counts what the guest holds.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes: u64,
    memory_limit: u64,
    table_elements: u64,
    table_limit: u64,
    instance_limit: usize,
}

impl Limiter {
    pub(crate) fn new(limits: &SandboxLimits) -> Self {
        Self {
            memory_bytes: 0,
            memory_limit: limits.memory_bytes,
            table_elements: 0,
            table_limit: limits.table_elements,
            instance_limit: usize::try_from(limits.instances).unwrap_or(usize::MAX),
        }
    }
}

/// The total after growing one of several memories or tables, if the limit allows it.
fn grown(total: u64, current: usize, desired: usize, limit: u64) -> Result<u64, u64> {
    let growth = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
    let wanted = total.saturating_add(growth);
    if wanted > limit {
        // The total over all memories: a limit for each would be multiplied by the number of memories.
        Err(wanted)
    } else {
        Ok(wanted)
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        // Beyond the maximum it declared itself, a guest gets -1, as the specification says.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let limit = self.memory_limit;
        match grown(self.memory_bytes, current, desired, limit) {
            Ok(total) => self.memory_bytes = total,
            Err(wanted) => {
                return Err(Error::new(LimitBreach::Limit {
                    fault: Fault::MemoryLimit,
                    name: "memory-bytes",
                    wanted,
                    limit,
                }));
            }
        }
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        // Beyond 4 GiB wasmtime does not ask first. Anything else is the host's shortage: a -1
        // would make the guest's decision depend on the machine.
        let text = format!("{error:#}");
        Err(Error::new(if text.contains("memory type's limits") {
            LimitBreach::Limit {
                fault: Fault::MemoryLimit,
                name: "memory-bytes",
                wanted: 1 << 32,
                limit: self.memory_limit,
            }
        } else {
            LimitBreach::Host(format!("the host has no memory to give: {text}"))
        }))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let limit = self.table_limit;
        match grown(self.table_elements, current, desired, limit) {
            Ok(total) => self.table_elements = total,
            Err(wanted) => {
                return Err(Error::new(LimitBreach::Limit {
                    fault: Fault::TableLimit,
                    name: "table-elements",
                    wanted,
                    limit,
                }));
            }
        }
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        Err(Error::new(LimitBreach::Host(format!(
            "the host has no table to give: {error:#}"
        ))))
    }

    fn instances(&self) -> usize {
        self.instance_limit
    }

    fn tables(&self) -> usize {
        self.instance_limit
    }

    fn memories(&self) -> usize {
        self.instance_limit
    }
}

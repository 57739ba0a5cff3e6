//! The fuel of one call, and the limits that gave it. It must never know what the call does.

use counterfoil_trading::limits::SandboxLimits;

/// What decides how much fuel a call gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CallFuel {
    /// Instantiation and `describe`.
    Describe,
    /// `init` with so many instruments.
    Init { instruments: u64 },
    /// `on-bar` in a slice of so many bars.
    Bar { bars: u64 },
    /// Every other callback.
    Report,
}

impl CallFuel {
    /// Units of fuel.
    pub(crate) fn amount(self, limits: &SandboxLimits) -> u64 {
        match self {
            Self::Describe => limits.fuel_init,
            Self::Init { instruments } => limits.fuel_of_init(instruments),
            Self::Bar { bars } => limits.fuel_of_bar(bars),
            Self::Report => limits.fuel_per_callback,
        }
    }

    /// Which limit to raise after the fuel ran out. It depends on the manifest and the slice alone, since it is
    /// digested.
    pub(crate) fn advice(self, limits: &SandboxLimits) -> String {
        let (base, value) = match self {
            Self::Describe | Self::Init { .. } => ("fuel-init", limits.fuel_init),
            Self::Bar { .. } | Self::Report => ("fuel-per-callback", limits.fuel_per_callback),
        };
        let raise = format!("raise limits.{base} ({value})");
        let (count, what) = match self {
            Self::Describe | Self::Report => return raise,
            Self::Init { instruments } => (instruments, "instrument"),
            Self::Bar { bars } => (bars, "bar"),
        };
        let each = limits.fuel_per_bar;
        let many = if count == 1 { "" } else { "s" };
        format!("{raise} or limits.fuel-per-bar ({each}, for {count} {what}{many})")
    }
}

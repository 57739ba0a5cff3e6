//! The rules by their stable codes, and a denial: which rule, why, and a hint who could act instead.
//! When a rule holds must never be decided here.

use core::fmt;

/// Rules in their order, each with what it says and its code.
macro_rules! rules {
    ($(#[$about:meta])* $name:ident: $($(#[$doc:meta])* $rule:ident = $code:literal;)*) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum $name {
            $($(#[$doc])* $rule,)*
        }

        impl $name {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$rule),*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$rule => $code,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}

rules! {
    /// A rule of the ledger that an act can break. The codes are part of the ledger's format and
    /// never change.
    Rule:
    /// The one who acts is no principal of this ledger.
    PrincipalUnknown = "principal.unknown";
    /// A principal of this id is there already.
    PrincipalExists = "principal.exists";
    /// The id looks like that of another principal.
    PrincipalLook = "principal.look";
    /// The key is not one of the principal's.
    KeyUnknown = "key.unknown";
    /// The key's time is over.
    KeyExpired = "key.expired";
    /// The key was revoked or rotated.
    KeyRevoked = "key.revoked";
    /// The key has, or had, an owner.
    KeyTaken = "key.taken";
    /// Nothing can be signed with the key.
    KeyUnusable = "key.unusable";
    /// The signature over the act does not hold.
    SignatureInvalid = "signature.invalid";
    /// None of the principal's roles allows the act.
    RoleMissing = "role.missing";
    /// A principal changes its own roles.
    RolesOwn = "roles.own";
    /// No administrator with a key would be left.
    AdministratorLast = "administrator.last";
    /// The author of a component may not judge it.
    DutyAuthor = "duty.author";
    /// Who validated a component may not approve it.
    DutyReviewer = "duty.reviewer";
    /// The holder of the log's signing key may not deploy strategies.
    DutyLogKey = "duty.log-key";
    /// The component is not registered.
    ComponentUnknown = "component.unknown";
    /// The component is registered already.
    ComponentExists = "component.exists";
    /// The component's stage does not allow the act.
    StageOrder = "stage.order";
    /// A piece of evidence is missing.
    EvidenceMissing = "evidence.missing";
    /// The signature over the digest set does not hold.
    ApprovalSignature = "approval.signature";
    /// Nobody approved the component.
    ApprovalMissing = "approval.missing";
    /// What was validated or approved is something else.
    ApprovalChanged = "approval.changed";
    /// The run was started already.
    RunExists = "run.exists";
    /// A ledger begins once.
    GenesisRepeated = "genesis.repeated";
    /// An exception is incomplete, or over before it begins.
    ExceptionIncomplete = "exception.incomplete";
    /// The exception was never granted, or has ended.
    ExceptionUnknown = "exception.unknown";
    /// An exception to a rule of the ledger itself, or for too long.
    ExceptionUnfit = "exception.unfit";
    /// Nobody grants an exception that they answer for.
    DutyException = "duty.exception";
    /// The policy bundle is in force already.
    PolicyRepeated = "policy.repeated";
    /// No policy is in force.
    PolicyMissing = "policy.missing";
    /// Another policy is in force.
    PolicyChanged = "policy.changed";
    /// A verdict lacks a reason, or limits, or has them where none belong.
    VerdictIncomplete = "verdict.incomplete";
    /// The policy in force was not asked.
    VerdictMissing = "verdict.missing";
    /// The policy in force said no.
    VerdictFailed = "verdict.failed";
    /// The component is approved under this set already.
    PromotionExists = "promotion.exists";
    /// The act gives no reason.
    ReasonMissing = "reason.missing";
    /// The installation is being set up still.
    SetupOpen = "setup.open";
    /// The set-up has ended already.
    SetupOver = "setup.over";
    /// The approval classes have too few members.
    SetupIncomplete = "setup.incomplete";
    /// The act takes more signatures than one.
    ApprovalsMissing = "approvals.missing";
    /// A class would need fewer signatures than its risk allows.
    ClassUnfit = "class.unfit";
    /// A class would have fewer members than must sign.
    ClassShort = "class.short";
    /// The act is none that others sign.
    ChangeKind = "change.kind";
    /// The change was never proposed.
    ChangeUnknown = "change.unknown";
    /// The change is done, withdrawn, or waited too long.
    ChangeOver = "change.over";
    /// Somebody signs a change twice.
    ChangeRepeated = "change.repeated";
    /// Nobody signs what they proposed.
    DutyProposer = "duty.proposer";
    /// A delegate speaks for nobody who may speak in the matter.
    DutyDelegation = "duty.delegation";
    /// A delegation is by or to the wrong person, or too long.
    DelegationUnfit = "delegation.unfit";
    /// The delegation was never made, or has ended.
    DelegationUnknown = "delegation.unknown";
    /// A break-glass without a scope of acts that take two, or too long.
    BreakGlassUnfit = "break-glass.unfit";
    /// A retrospective is owed.
    BreakGlassOwed = "break-glass.owed";
    /// The glass was never broken.
    BreakGlassUnknown = "break-glass.unknown";
    /// The act is outside of the break-glass's scope, time or person.
    BreakGlassScope = "break-glass.scope";
    /// The break-glass is open still.
    BreakGlassOpen = "break-glass.open";
    /// The break-glass was closed, or its retrospective signed.
    BreakGlassClosed = "break-glass.closed";
    /// Nobody signs the retrospective of their own break-glass.
    DutyBreakGlass = "duty.break-glass";
    /// The verdict is not the last one, or too old.
    VerdictStale = "verdict.stale";
    /// Only a service does this.
    ServiceOnly = "service.only";
    /// The account has no limits.
    LimitsMissing = "limits.missing";
    /// The limits are others than those in force, or than the policy gave.
    LimitsChanged = "limits.changed";
    /// The limits are others than those the component was approved under.
    LimitsUnapproved = "limits.unapproved";
    /// The start was never authorized.
    StartUnknown = "start.unknown";
    /// The authorization was withdrawn.
    StartWithdrawn = "start.withdrawn";
    /// Another start was authorized.
    StartChanged = "start.changed";
    /// The authorization's window is not open, or no window.
    StartWindow = "start.window";
    /// A run of the authorization has not ended.
    StartRunning = "start.running";
    /// The run was never started.
    RunUnknown = "run.unknown";
    /// The run has ended already.
    RunEnded = "run.ended";
    /// A kill switch is thrown.
    KillOn = "kill.on";
    /// The kill switch was never thrown, or was lifted.
    KillUnknown = "kill.unknown";
    /// Nobody lifts the kill switch that they threw.
    DutyKill = "duty.kill";
    /// A budget is used up.
    BudgetOver = "budget.over";
    /// An excess of no budget, or for too long.
    BudgetUnfit = "budget.unfit";
    /// Nobody decides on their own budget.
    DutyBudget = "duty.budget";
    /// The run is somebody else's.
    UsageOwner = "usage.owner";
    /// The keys of a rotation did not sign it.
    LogSignature = "log.signature";
    /// A finding of drift without all of its fields, or without a difference.
    DriftIncomplete = "drift.incomplete";
    /// The same difference stands recorded.
    DriftRepeated = "drift.repeated";
    /// The drift was never recorded, or has ended.
    DriftUnknown = "drift.unknown";
    /// A refusal without all of its fields.
    RefusalIncomplete = "refusal.incomplete";
}

impl Rule {
    /// The rule with this code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.code() == code)
    }
}

rules! {
    /// A rule that the host checks before it asks the ledger; the refusal is recorded by its code.
    HostRule:
    /// The bytes of a registered component are not stored here.
    ComponentMissing = "component.missing";
    /// The stored bytes of a component have another digest.
    ComponentChanged = "component.changed";
    /// A recorded piece of evidence cannot be opened, or was changed.
    EvidenceChanged = "evidence.changed";
    /// The manifest does not parse, or cannot be started.
    ManifestInvalid = "manifest.invalid";
    /// The ledger is missing, does not verify, or cannot be written.
    LedgerUnusable = "ledger.unusable";
    /// The bundle of the policy in force cannot be read.
    PolicyUnreadable = "policy.unreadable";
    /// The policy's own tests fail.
    PolicyTests = "policy.tests";
}

/// The rule by which something was denied, whether the ledger or the host checked it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RuleCode {
    Ledger(Rule),
    /// A rule that the host checks before it asks the ledger.
    Host(HostRule),
}

impl RuleCode {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ledger(rule) => rule.code(),
            Self::Host(rule) => rule.code(),
        }
    }
}

impl fmt::Display for RuleCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl From<Rule> for RuleCode {
    fn from(rule: Rule) -> Self {
        Self::Ledger(rule)
    }
}

impl From<HostRule> for RuleCode {
    fn from(rule: HostRule) -> Self {
        Self::Host(rule)
    }
}

/// Why the ledger denies an act.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("denied by {rule}: {why}; {hint}")]
pub struct Denial {
    /// The rule that was broken.
    pub rule: Rule,
    /// What broke it.
    pub why: String,
    /// Who could do it, or what to do instead.
    pub hint: String,
}

impl Denial {
    /// A denial.
    pub(crate) fn new(rule: Rule, why: impl Into<String>, hint: impl Into<String>) -> Self {
        let (why, hint) = (why.into(), hint.into());
        Self { rule, why, hint }
    }
}

/// Why a principal may not do something, by a rule of the ledger or of the host.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{rule}: {why}; {hint}")]
pub struct AccessDenial {
    /// The rule that was broken.
    pub rule: RuleCode,
    /// What broke it.
    pub why: String,
    /// Who could do it, or what to do instead.
    pub hint: String,
}

impl AccessDenial {
    /// A denial by this rule.
    pub fn new(rule: impl Into<RuleCode>, why: impl Into<String>, hint: impl Into<String>) -> Self {
        let (rule, why, hint) = (rule.into(), why.into(), hint.into());
        Self { rule, why, hint }
    }

    /// Whether the denial is by this rule of the ledger.
    #[must_use]
    pub fn is_by(&self, rule: Rule) -> bool {
        self.rule == RuleCode::Ledger(rule)
    }
}

impl From<Denial> for AccessDenial {
    fn from(denial: Denial) -> Self {
        Self::new(denial.rule, denial.why, denial.hint)
    }
}

//! The rules by their stable codes, and a denial: which rule, why, and a hint: who can act instead, or what to do.
//! When a rule holds must never be decided here.

use core::fmt;

/// Rules in order, each with its meaning and its code.
macro_rules! rules {
    ($(#[$about:meta])* $name:ident: $($(#[doc = $doc:literal])* $rule:ident = $code:literal;)*) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum $name {
            $($(#[doc = $doc])* $rule,)*
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

            /// The sentence that documents it here and in docs/reference/GOVERNANCE.md.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$rule => concat!($($doc),*).trim_ascii(),)*
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
    /// Actor unknown to this ledger.
    PrincipalUnknown = "principal.unknown";
    /// The id is taken.
    PrincipalExists = "principal.exists";
    /// The id looks like another principal's.
    PrincipalLook = "principal.look";
    /// The key is not the principal's.
    KeyUnknown = "key.unknown";
    /// The key has expired.
    KeyExpired = "key.expired";
    /// The key was revoked or rotated.
    KeyRevoked = "key.revoked";
    /// The key has or had another owner.
    KeyTaken = "key.taken";
    /// Not a usable Ed25519 public key.
    KeyUnusable = "key.unusable";
    /// Invalid signature over the act.
    SignatureInvalid = "signature.invalid";
    /// No role of the principal allows the act.
    RoleMissing = "role.missing";
    /// No principal changes its own roles.
    RolesOwn = "roles.own";
    /// No administrator with a valid key would be left.
    AdministratorLast = "administrator.last";
    /// The author may not validate, approve or promote the component.
    DutyAuthor = "duty.author";
    /// The reviewer who validated the component may not approve it.
    DutyReviewer = "duty.reviewer";
    /// The holder of the log's key may not be an operator.
    DutyLogKey = "duty.log-key";
    /// The component is not registered.
    ComponentUnknown = "component.unknown";
    /// The component is already registered.
    ComponentExists = "component.exists";
    /// The component's stage does not allow the act.
    StageOrder = "stage.order";
    /// A kind of evidence is missing.
    EvidenceMissing = "evidence.missing";
    /// Invalid signature over the digest set.
    ApprovalSignature = "approval.signature";
    /// Too few valid approvals.
    ApprovalMissing = "approval.missing";
    /// Other evidence was validated, or another set approved.
    ApprovalChanged = "approval.changed";
    /// The run was already started.
    RunExists = "run.exists";
    /// A ledger has one first record.
    GenesisRepeated = "genesis.repeated";
    /// The exception is incomplete, or ends before it begins.
    ExceptionIncomplete = "exception.incomplete";
    /// The exception was never granted, or has ended.
    ExceptionUnknown = "exception.unknown";
    /// The exception is too long, or no exception waives the rule.
    ExceptionUnfit = "exception.unfit";
    /// No principal grants an exception that they own.
    DutyException = "duty.exception";
    /// The policy bundle is already in force.
    PolicyRepeated = "policy.repeated";
    /// No policy is in force.
    PolicyMissing = "policy.missing";
    /// Another policy is in force.
    PolicyChanged = "policy.changed";
    /// The verdict lacks reasons or limits, or has limits where none belong.
    VerdictIncomplete = "verdict.incomplete";
    /// The policy in force has no verdict on the subject.
    VerdictMissing = "verdict.missing";
    /// The last verdict of the policy in force failed.
    VerdictFailed = "verdict.failed";
    /// Already approved under this set.
    PromotionExists = "promotion.exists";
    /// The act gives no reason.
    ReasonMissing = "reason.missing";
    /// The set-up has not ended.
    SetupOpen = "setup.open";
    /// The set-up has ended.
    SetupOver = "setup.over";
    /// The approval classes have too few members.
    SetupIncomplete = "setup.incomplete";
    /// The act takes more than one signature.
    ApprovalsMissing = "approvals.missing";
    /// The class would take fewer signatures than its minimum.
    ClassUnfit = "class.unfit";
    /// The class would have fewer members than signatures.
    ClassShort = "class.short";
    /// The act does not take signatures by others.
    ChangeKind = "change.kind";
    /// The change was never proposed.
    ChangeUnknown = "change.unknown";
    /// The change is done, withdrawn or expired.
    ChangeOver = "change.over";
    /// No principal signs a change twice.
    ChangeRepeated = "change.repeated";
    /// No principal signs their own proposal.
    DutyProposer = "duty.proposer";
    /// The delegate has no unused vote here.
    DutyDelegation = "duty.delegation";
    /// The delegation is by or to the wrong principal, or too long.
    DelegationUnfit = "delegation.unfit";
    /// The delegation was never made, or has ended.
    DelegationUnknown = "delegation.unknown";
    /// The break-glass is too long, or names no acts that take two signatures.
    BreakGlassUnfit = "break-glass.unfit";
    /// The retrospective of an earlier break-glass is owed.
    BreakGlassOwed = "break-glass.owed";
    /// The record is not a break-glass.
    BreakGlassUnknown = "break-glass.unknown";
    /// Outside the scope, time or person of the break-glass.
    BreakGlassScope = "break-glass.scope";
    /// The break-glass is still open.
    BreakGlassOpen = "break-glass.open";
    /// The break-glass was closed, or its retrospective signed.
    BreakGlassClosed = "break-glass.closed";
    /// No principal signs the retrospective of their own break-glass.
    DutyBreakGlass = "duty.break-glass";
    /// The verdict is not the last, is too old, or rests on an ended exception.
    VerdictStale = "verdict.stale";
    /// Only a service may do this.
    ServiceOnly = "service.only";
    /// The account has no limits.
    LimitsMissing = "limits.missing";
    /// Not the limits in force, or not those of the verdict.
    LimitsChanged = "limits.changed";
    /// Not the limits that the component was approved under.
    LimitsUnapproved = "limits.unapproved";
    /// The start was never authorized.
    StartUnknown = "start.unknown";
    /// The authorization was withdrawn.
    StartWithdrawn = "start.withdrawn";
    /// Another start was authorized.
    StartChanged = "start.changed";
    /// The authorization's window is invalid, or not open.
    StartWindow = "start.window";
    /// A run of the authorization has not ended.
    StartRunning = "start.running";
    /// The run was never started.
    RunUnknown = "run.unknown";
    /// The run has ended.
    RunEnded = "run.ended";
    /// The journal is shorter than at a resumption: it was set back.
    RunRolledBack = "run.rolled-back";
    /// The act does not name runs and logs as it must.
    AnchorUnfit = "anchor.unfit";
    /// The ledger's clock is not ahead, or passed the act's time with another record.
    ClockUnfit = "clock.unfit";
    /// A kill switch is on.
    KillOn = "kill.on";
    /// The kill switch was never thrown, or was lifted.
    KillUnknown = "kill.unknown";
    /// No principal lifts a kill switch that they threw.
    DutyKill = "duty.kill";
    /// A budget is used up.
    BudgetOver = "budget.over";
    /// The excess is too long, or there is no such budget.
    BudgetUnfit = "budget.unfit";
    /// No principal decides on their own budget.
    DutyBudget = "duty.budget";
    /// The run has another owner.
    UsageOwner = "usage.owner";
    /// A key of the rotation did not sign it.
    LogSignature = "log.signature";
    /// The record lacks a field, or names no difference.
    DriftIncomplete = "drift.incomplete";
    /// The difference is recorded and open.
    DriftRepeated = "drift.repeated";
    /// The drift was never recorded, or has ended.
    DriftUnknown = "drift.unknown";
    /// The refusal lacks a field.
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
    /// The component is not stored here.
    ComponentMissing = "component.missing";
    /// The stored component has another digest.
    ComponentChanged = "component.changed";
    /// Recorded evidence cannot be opened, or was changed.
    EvidenceChanged = "evidence.changed";
    /// The manifest does not parse, or cannot be started.
    ManifestInvalid = "manifest.invalid";
    /// The ledger is missing, does not verify, or cannot be written.
    LedgerUnusable = "ledger.unusable";
    /// The policy in force cannot be read.
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

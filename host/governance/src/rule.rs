//! The rules by their stable codes, and a denial: which rule, why, and who could do it instead.
//! When a rule holds must never be decided here.

use core::fmt;

/// The rules in their order, each with what it says and its code.
macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident = $code:literal;)*) => {
        /// A rule that an act can break. The codes are part of the ledger's format and never
        /// change.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum Rule {
            $($(#[$doc])* $rule,)*
        }

        impl Rule {
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
    };
}

rules! {
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

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why an act was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("denied by {rule}: {why}; {who}")]
pub struct Denial {
    /// The rule that was broken.
    pub rule: Rule,
    /// What broke it.
    pub why: String,
    /// Who could do it, or what to do instead.
    pub who: String,
}

impl Denial {
    /// A denial.
    pub(crate) fn new(rule: Rule, why: impl Into<String>, who: impl Into<String>) -> Self {
        let (why, who) = (why.into(), who.into());
        Self { rule, why, who }
    }
}

//! The rules by their stable codes, and a denial: which rule, why, and who could do it instead.
//! When a rule holds must never be decided here.

use core::fmt;

/// A rule that an act can break. The codes are part of the ledger's format and never change.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Rule {
    /// The one who acts is no principal of this ledger.
    PrincipalUnknown,
    /// A principal of this id is there already.
    PrincipalExists,
    /// The id looks like that of another principal.
    PrincipalLook,
    /// The key is not one of the principal's.
    KeyUnknown,
    /// The key's time is over.
    KeyExpired,
    /// The key was revoked or rotated.
    KeyRevoked,
    /// The key has, or had, an owner.
    KeyTaken,
    /// Nothing can be signed with the key.
    KeyUnusable,
    /// The signature over the act does not hold.
    SignatureInvalid,
    /// None of the principal's roles allows the act.
    RoleMissing,
    /// A principal changes its own roles.
    RolesOwn,
    /// No administrator with a key would be left.
    AdministratorLast,
    /// The author of a component may not judge it.
    DutyAuthor,
    /// Who validated a component may not approve it.
    DutyReviewer,
    /// The holder of the log's signing key may not deploy strategies.
    DutyLogKey,
    /// The component is not registered.
    ComponentUnknown,
    /// The component is registered already.
    ComponentExists,
    /// The component's stage does not allow the act.
    StageOrder,
    /// A piece of evidence is missing.
    EvidenceMissing,
    /// The signature over the digest set does not hold.
    ApprovalSignature,
    /// Nobody approved the component.
    ApprovalMissing,
    /// What was validated or approved is something else.
    ApprovalChanged,
    /// The run was started already.
    RunExists,
    /// A ledger begins once.
    GenesisRepeated,
    /// An exception is incomplete, or over before it begins.
    ExceptionIncomplete,
    /// The exception was never granted, or has ended.
    ExceptionUnknown,
    /// Nobody grants an exception that they answer for.
    DutyException,
    /// The policy bundle is in force already.
    PolicyRepeated,
    /// No policy is in force.
    PolicyMissing,
    /// Another policy is in force.
    PolicyChanged,
    /// A verdict lacks a reason, or limits, or has them where none belong.
    VerdictIncomplete,
    /// The policy in force was not asked.
    VerdictMissing,
    /// The policy in force said no.
    VerdictFailed,
    /// The component is approved under this set already.
    PromotionExists,
    /// The act gives no reason.
    ReasonMissing,
    /// The installation is being set up still.
    SetupOpen,
    /// The set-up has ended already.
    SetupOver,
    /// The approval classes have too few members.
    SetupIncomplete,
    /// The act takes more signatures than one.
    ApprovalsMissing,
    /// A class would need fewer signatures than its risk allows.
    ClassUnfit,
    /// A class would have fewer members than must sign.
    ClassShort,
    /// The act is none that others sign.
    ChangeKind,
    /// The change was never proposed.
    ChangeUnknown,
    /// The change is done, withdrawn, or waited too long.
    ChangeOver,
    /// Somebody signs a change twice.
    ChangeRepeated,
    /// Nobody signs what they proposed.
    DutyProposer,
    /// A delegate speaks for nobody who may speak in the matter.
    DutyDelegation,
    /// A delegation is by or to the wrong person, or too long.
    DelegationUnfit,
    /// The delegation was never made, or has ended.
    DelegationUnknown,
    /// A break-glass without a scope of acts that take two, or too long.
    BreakGlassUnfit,
    /// A retrospective is owed.
    BreakGlassOwed,
    /// The glass was never broken.
    BreakGlassUnknown,
    /// The act is outside of the break-glass's scope, time or person.
    BreakGlassScope,
    /// The break-glass is open still.
    BreakGlassOpen,
    /// The break-glass was closed, or its retrospective signed.
    BreakGlassClosed,
    /// Nobody signs the retrospective of their own break-glass.
    DutyBreakGlass,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 56] = [
        Self::PrincipalUnknown,
        Self::PrincipalExists,
        Self::PrincipalLook,
        Self::KeyUnknown,
        Self::KeyExpired,
        Self::KeyRevoked,
        Self::KeyTaken,
        Self::KeyUnusable,
        Self::SignatureInvalid,
        Self::RoleMissing,
        Self::RolesOwn,
        Self::AdministratorLast,
        Self::DutyAuthor,
        Self::DutyReviewer,
        Self::DutyLogKey,
        Self::ComponentUnknown,
        Self::ComponentExists,
        Self::StageOrder,
        Self::EvidenceMissing,
        Self::ApprovalSignature,
        Self::ApprovalMissing,
        Self::ApprovalChanged,
        Self::RunExists,
        Self::GenesisRepeated,
        Self::ExceptionIncomplete,
        Self::ExceptionUnknown,
        Self::DutyException,
        Self::PolicyRepeated,
        Self::PolicyMissing,
        Self::PolicyChanged,
        Self::VerdictIncomplete,
        Self::VerdictMissing,
        Self::VerdictFailed,
        Self::PromotionExists,
        Self::ReasonMissing,
        Self::SetupOpen,
        Self::SetupOver,
        Self::SetupIncomplete,
        Self::ApprovalsMissing,
        Self::ClassUnfit,
        Self::ClassShort,
        Self::ChangeKind,
        Self::ChangeUnknown,
        Self::ChangeOver,
        Self::ChangeRepeated,
        Self::DutyProposer,
        Self::DutyDelegation,
        Self::DelegationUnfit,
        Self::DelegationUnknown,
        Self::BreakGlassUnfit,
        Self::BreakGlassOwed,
        Self::BreakGlassUnknown,
        Self::BreakGlassScope,
        Self::BreakGlassOpen,
        Self::BreakGlassClosed,
        Self::DutyBreakGlass,
    ];

    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PrincipalUnknown => "principal.unknown",
            Self::PrincipalExists => "principal.exists",
            Self::PrincipalLook => "principal.look",
            Self::KeyUnknown => "key.unknown",
            Self::KeyExpired => "key.expired",
            Self::KeyRevoked => "key.revoked",
            Self::KeyTaken => "key.taken",
            Self::KeyUnusable => "key.unusable",
            Self::SignatureInvalid => "signature.invalid",
            Self::RoleMissing => "role.missing",
            Self::RolesOwn => "roles.own",
            Self::AdministratorLast => "administrator.last",
            Self::DutyAuthor => "duty.author",
            Self::DutyReviewer => "duty.reviewer",
            Self::DutyLogKey => "duty.log-key",
            Self::ComponentUnknown => "component.unknown",
            Self::ComponentExists => "component.exists",
            Self::StageOrder => "stage.order",
            Self::EvidenceMissing => "evidence.missing",
            Self::ApprovalSignature => "approval.signature",
            Self::ApprovalMissing => "approval.missing",
            Self::ApprovalChanged => "approval.changed",
            Self::RunExists => "run.exists",
            Self::GenesisRepeated => "genesis.repeated",
            Self::ExceptionIncomplete => "exception.incomplete",
            Self::ExceptionUnknown => "exception.unknown",
            Self::DutyException => "duty.exception",
            Self::PolicyRepeated => "policy.repeated",
            Self::PolicyMissing => "policy.missing",
            Self::PolicyChanged => "policy.changed",
            Self::VerdictIncomplete => "verdict.incomplete",
            Self::VerdictMissing => "verdict.missing",
            Self::VerdictFailed => "verdict.failed",
            Self::PromotionExists => "promotion.exists",
            Self::ReasonMissing => "reason.missing",
            Self::SetupOpen => "setup.open",
            Self::SetupOver => "setup.over",
            Self::SetupIncomplete => "setup.incomplete",
            Self::ApprovalsMissing => "approvals.missing",
            Self::ClassUnfit => "class.unfit",
            Self::ClassShort => "class.short",
            Self::ChangeKind => "change.kind",
            Self::ChangeUnknown => "change.unknown",
            Self::ChangeOver => "change.over",
            Self::ChangeRepeated => "change.repeated",
            Self::DutyProposer => "duty.proposer",
            Self::DutyDelegation => "duty.delegation",
            Self::DelegationUnfit => "delegation.unfit",
            Self::DelegationUnknown => "delegation.unknown",
            Self::BreakGlassUnfit => "break-glass.unfit",
            Self::BreakGlassOwed => "break-glass.owed",
            Self::BreakGlassUnknown => "break-glass.unknown",
            Self::BreakGlassScope => "break-glass.scope",
            Self::BreakGlassOpen => "break-glass.open",
            Self::BreakGlassClosed => "break-glass.closed",
            Self::DutyBreakGlass => "duty.break-glass",
        }
    }

    /// The rule with this code.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.code() == code)
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

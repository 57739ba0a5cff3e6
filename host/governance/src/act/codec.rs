//! Acts to deterministic CBOR and back, both from one table; docs/reference/ledger.cddl has the schema. It
//! must never take a second form of anything.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil_trading::cbor::{
    CborError, CborReader, put_array, put_bytes, put_i64, put_null, put_text, put_u64,
};
use counterfoil_trading::time::UnixNanos;

use super::{
    Act, ApprovalClass, ApprovalClassRules, BreakGlass, BudgetHolder, Delegation, DigestSet,
    DriftFinding, EvidenceKind, EvidenceSet, ExceptionSubject, GateVerdict, HostRefusal, KillScope,
    PolicyException, Provenance, RunAnchor, RunEnd, RunResume, RunStart, RunTerms,
    StartAuthorization, Usage, UsageBudget,
};
use crate::id::Id;
use crate::role::{PrincipalKind, Role};
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::{Gate, GateOutcome, GateReason};
use counterfoil_journal::consistency::TreeHead;
use counterfoil_journal::hash::Hash;
use counterfoil_journal::public_key::PublicKey;

/// Something that has one form in CBOR.
pub(super) trait CborItem: Sized {
    /// Appends its form.
    fn put(&self, out: &mut Vec<u8>);
    /// Reads the next item.
    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError>;
}

/// Some items in a row, without the head of an array around them.
trait CborFields: Sized {
    /// How many.
    const COUNT: usize;
    fn put_fields(&self, out: &mut Vec<u8>);
    fn read_fields(reader: &mut CborReader<'_>) -> Result<Self, CborError>;
}

/// A struct's fields, in their order in the record.
macro_rules! fields {
    ($($name:ident { $($field:ident),* })*) => { $(
        impl CborFields for $name {
            const COUNT: usize = [$(stringify!($field)),*].len();

            fn put_fields(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)*
            }

            fn read_fields(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
                Ok(Self { $($field: CborItem::read(reader)?),* })
            }
        }
    )* };
}

/// Structs that are encoded as an array of their own.
macro_rules! arrays {
    ($($name:ident: $expected:literal;)*) => { $(
        impl CborItem for $name {
            fn put(&self, out: &mut Vec<u8>) {
                put_array(out, Self::COUNT);
                self.put_fields(out);
            }

            fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
                reader.array_of(Self::COUNT, $expected)?;
                Self::read_fields(reader)
            }
        }
    )* };
}

/// Enums that are encoded as their names.
macro_rules! names {
    ($($name:ident: $expected:literal;)*) => { $(
        impl CborItem for $name {
            fn put(&self, out: &mut Vec<u8>) {
                put_text(out, self.name());
            }

            fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
                let name = reader.text()?;
                Self::parse(&name).ok_or_else(|| refused(reader, $expected))
            }
        }
    )* };
}

/// The acts: first those with fields of their own, then those that hold a struct.
macro_rules! acts {
    (
        $($name:literal: $act:ident { $($field:ident),* };)*
        => $($held_name:literal: $held:ident($type:ty);)*
    ) => {
        /// The name of an act without its fields. The texts are part of the ledger's format and
        /// never change.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum ActName {
            $($act,)*
            $($held,)*
        }

        impl ActName {
            /// Every act that a ledger can hold.
            pub const ALL: &[Self] = &[$(Self::$act,)* $(Self::$held),*];

            /// The text in records.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$act => $name,)*
                    $(Self::$held => $held_name,)*
                }
            }
        }

        pub(super) const fn name(act: &Act) -> ActName {
            match act {
                $(Act::$act { .. } => ActName::$act,)*
                $(Act::$held(_) => ActName::$held,)*
            }
        }

        pub(super) fn put_act(out: &mut Vec<u8>, act: &Act) {
            match act {
                $(Act::$act { $($field),* } => {
                    put_head(out, $name, <[&str]>::len(&[$(stringify!($field)),*]));
                    $($field.put(out);)*
                })*
                $(Act::$held(held) => {
                    put_head(out, $held_name, <$type>::COUNT);
                    held.put_fields(out);
                })*
            }
        }

        pub(super) fn act(reader: &mut CborReader<'_>) -> Result<Act, CborError> {
            let items = reader.array()?;
            let name = reader.text()?;
            match name.as_str() {
                // The number of items decides as well as the name: a field too many would be under the
                // signature, and no reader would see it.
                $($name if items == <[&str]>::len(&[$name, $(stringify!($field)),*]) => {
                    Ok(Act::$act { $($field: CborItem::read(reader)?),* })
                })*
                $($held_name if items == <$type>::COUNT + 1 => {
                    Ok(Act::$held(CborFields::read_fields(reader)?))
                })*
                _ => Err(refused(reader, "a known act with its fields")),
            }
        }
    };
}

acts! {
    "genesis": Genesis { administrators, log_key, log_holder };
    "principal-add": PrincipalAdd { id, kind, roles, key, until };
    "roles-set": RolesSet { id, roles };
    "key-add": KeyAdd { id, key, until };
    "key-rotate": KeyRotate { key, until };
    "key-revoke": KeyRevoke { id, key, reason };
    "log-holder": LogHolder { id };
    "log-rotate": LogRotate { key, old_signature, new_signature };
    "setup-end": SetupEnd {};
    "clock-reset": ClockReset { ahead, reason };
    "delegate-end": DelegateEnd { delegated, reason };
    "change-propose": ChangePropose { act };
    "change-approve": ChangeApprove { proposed };
    "change-withdraw": ChangeWithdraw { proposed, reason };
    "component-submit": ComponentSubmit { component, strategy, provenance };
    "component-validate": ComponentValidate { component, evidence };
    "component-approve": ComponentApprove { set, signature };
    "component-promote": ComponentPromote { set };
    "component-archive": ComponentArchive { component, reason };
    "limits-set": LimitsSet { account, limits, verdict };
    "start-withdraw": StartWithdraw { authorized, reason };
    "runs-anchor": RunsAnchor { runs };
    "kill": Kill { scope, reason };
    "kill-lift": KillLift { killed, reason };
    "team-set": TeamSet { team, members };
    "budget-excess": BudgetExcess { of, until, reason };
    "policy-set": PolicySet { bundle };
    "exception-end": ExceptionEnd { granted, reason };
    "emergency": Emergency { opened, act };
    "break-glass-close": BreakGlassClose { opened, reason };
    "retrospective": Retrospective { opened, report, findings };
    "drift-end": DriftEnd { drifted };
    =>
    "class-set": ClassSet(ApprovalClassRules);
    "delegate": Delegate(Delegation);
    "break-glass-open": BreakGlassOpen(BreakGlass);
    "start-authorize": StartAuthorize(StartAuthorization);
    "run-start": RunStart(RunStart);
    "run-resume": RunResume(RunResume);
    "run-end": RunEnd(RunEnd);
    "budget-set": BudgetSet(UsageBudget);
    "usage": Usage(Usage);
    "verdict": Verdict(GateVerdict);
    "exception-grant": ExceptionGrant(PolicyException);
    "drift": Drift(DriftFinding);
    "refused": Refused(HostRefusal);
}

fields! {
    StartAuthorization { terms, not_before, not_after }
    UsageBudget { of, fuel, runs, bytes, wall_nanos }
    BreakGlass { scope, reason, until }
    ApprovalClassRules { class, roles, members, approvals }
    Delegation { class, to, until, reason }
    DigestSet { component, limits, policy, evidence }
    DriftFinding { rule, subject, declared, found }
    PolicyException { rule, subject, reason, control, owner, until }
    Provenance { source_commit, lock_file, toolchain, wit_world }
    GateReason { code, text }
    HostRefusal { act, subject, rule, why }
    RunResume { run, execution, journal, orders, asked_by }
    RunAnchor { run, execution, journal, orders }
    RunEnd { run, execution, journal, orders, decisions, reason }
    RunStart { run, authorized, terms, entry_0 }
    TreeHead { size, root }
    RunTerms { owner, set, account, market, timeframe, parameters, limits }
    Usage { run, owner, tags, fuel, wall_nanos, bytes }
    GateVerdict { gate, subject, bundle, input, outcome, reasons, limits }
}

arrays! {
    StartAuthorization: "terms and a window";
    RunTerms: "the seven terms of a run";
    DigestSet: "four digests";
    Provenance: "four facts of provenance";
    GateReason: "a code and a text";
    RunAnchor: "a run, its execution and two tree heads";
    TreeHead: "a size and a root";
}

names! {
    ApprovalClass: "an approval class";
    EvidenceKind: "a kind of evidence";
    Gate: "a gate";
    PrincipalKind: "person or service";
    GateOutcome: "pass or fail";
    Role: "a role";
}

/// Appends the head of an act and its name.
fn put_head(out: &mut Vec<u8>, name: &str, fields: usize) {
    put_array(out, fields.saturating_add(1));
    put_text(out, name);
}

/// The error for an item that was read and is not allowed there; the reader is already past it.
fn refused(reader: &CborReader<'_>, expected: &'static str) -> CborError {
    // The reader reports its position by failing to end; at the very end there is nothing to report.
    let offset = reader.end().err().map_or(0, |error| error.offset);
    CborError { offset, expected }
}

/// An id in its one form.
pub(crate) fn id(reader: &mut CborReader<'_>) -> Result<Id, CborError> {
    CborItem::read(reader)
}

/// A signature.
pub(crate) fn signature(reader: &mut CborReader<'_>) -> Result<[u8; 64], CborError> {
    CborItem::read(reader)
}

impl CborItem for Id {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(out, self.as_str());
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        let text = reader.text()?;
        Self::parse(&text)
            .ok()
            // Only the parsed form: with "Anna" for "anna" one act would have two encodings, and two
            // signatures over different bytes would mean the same.
            .filter(|id| id.as_str() == text)
            .ok_or_else(|| refused(reader, "an id in its one form"))
    }
}

/// An act within an act, which itself contains none, so that nesting has a bound.
impl CborItem for Box<Act> {
    fn put(&self, out: &mut Vec<u8>) {
        put_act(out, self);
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        // Checked ahead of decoding: a proposal of a proposal of a proposal would use up the decoder's stack,
        // so one record could crash every process that reads the ledger.
        let mut ahead = reader.clone();
        ahead.array()?;
        if matches!(ahead.text()?.as_str(), "change-propose" | "emergency") {
            return Err(refused(reader, "an act that contains no other act"));
        }
        act(reader).map(Self::new)
    }
}

impl CborItem for KillScope {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Run(run) => ("run".to_owned(), *run).put(out),
            Self::Account(account) => ("account".to_owned(), account.clone()).put(out),
            Self::Installation => put_head(out, "installation", 0),
        }
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        let items = reader.array()?;
        match (reader.text()?.as_str(), items) {
            ("run", 2) => CborItem::read(reader).map(Self::Run),
            ("account", 2) => CborItem::read(reader).map(Self::Account),
            ("installation", 1) => Ok(Self::Installation),
            _ => Err(refused(reader, "a run, an account or the installation")),
        }
    }
}

impl CborItem for ExceptionSubject {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Component(digest) => ("component".to_owned(), *digest).put(out),
            Self::Account(account) => ("account".to_owned(), account.clone()).put(out),
            Self::Installation => put_head(out, "installation", 0),
        }
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        let items = reader.array()?;
        match (reader.text()?.as_str(), items) {
            ("component", 2) => CborItem::read(reader).map(Self::Component),
            ("account", 2) => CborItem::read(reader).map(Self::Account),
            ("installation", 1) => Ok(Self::Installation),
            _ => Err(refused(
                reader,
                "a component, an account or the installation",
            )),
        }
    }
}

impl CborItem for BudgetHolder {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Owner(id) => ("owner".to_owned(), id.clone()).put(out),
            Self::Team(id) => ("team".to_owned(), id.clone()).put(out),
        }
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        let (name, id): (String, Id) = CborItem::read(reader)?;
        match name.as_str() {
            "owner" => Ok(Self::Owner(id)),
            "team" => Ok(Self::Team(id)),
            _ => Err(refused(reader, "an owner or a team")),
        }
    }
}

impl CborItem for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(out, self);
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        reader.text()
    }
}

impl CborItem for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        put_u64(out, *self);
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        reader.u64()
    }
}

impl CborItem for UnixNanos {
    fn put(&self, out: &mut Vec<u8>) {
        put_i64(out, self.0);
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        reader.i64().map(Self)
    }
}

impl CborItem for Digest {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, &self.0);
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        reader.digest()
    }
}

impl CborItem for Hash {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, &self.0);
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        reader.bytes_32().map(Self)
    }
}

impl CborItem for PublicKey {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, &self.0);
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        reader.bytes_32().map(Self)
    }
}

impl CborItem for [u8; 64] {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self);
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        let bytes = reader.byte_string()?;
        let bytes = bytes.try_into();
        bytes.map_err(|_| refused(reader, "a byte string of 64 bytes"))
    }
}

impl<T: CborItem> CborItem for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            None => put_null(out),
            Some(item) => item.put(out),
        }
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        if reader.null() {
            return Ok(None);
        }
        T::read(reader).map(Some)
    }
}

impl<A: CborItem, B: CborItem> CborItem for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        put_array(out, 2);
        self.0.put(out);
        self.1.put(out);
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        reader.array_of(2, "a pair")?;
        Ok((A::read(reader)?, B::read(reader)?))
    }
}

impl<T: CborItem> CborItem for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_array(out, self.len());
        for item in self {
            item.put(out);
        }
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        (0..reader.array()?).map(|_| T::read(reader)).collect()
    }
}

/// A set has one form: in order, each item once.
impl<T: CborItem + Ord> CborItem for BTreeSet<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_array(out, self.len());
        for item in self {
            item.put(out);
        }
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        let mut found = Self::new();
        for _ in 0..reader.array()? {
            let item = T::read(reader)?;
            // Strictly ascending: with a second order or a repeated item the same set would have a second
            // encoding and another digest.
            if found.last().is_some_and(|last| *last >= item) {
                return Err(refused(reader, "items in their order, each once"));
            }
            found.insert(item);
        }
        Ok(found)
    }
}

impl CborItem for EvidenceSet {
    fn put(&self, out: &mut Vec<u8>) {
        put_array(out, self.0.len());
        for (kind, digest) in &self.0 {
            (*kind, *digest).put(out);
        }
    }

    fn read(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        let mut found = BTreeMap::new();
        for _ in 0..reader.array()? {
            let (kind, digest): (EvidenceKind, Digest) = CborItem::read(reader)?;
            if found
                .last_key_value()
                .is_some_and(|(last, _)| *last >= kind)
            {
                return Err(refused(reader, "evidence in its order, each kind once"));
            }
            found.insert(kind, digest);
        }
        Ok(Self(found))
    }
}

//! Scenarios: who takes part, what may go wrong, what must never happen, and which part
//! of the protocol is changed to show that it is needed.

/// A task of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// This binary; its wall clock is so many units ahead.
    Binary(i8),
    /// `init.sh`; its wall clock is so many units ahead.
    Script(i8),
    /// The place is empty.
    Nobody,
}

/// What must never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Broken {
    /// Two sessions have a migration open at the same time.
    TwoTransactions,
    /// What was migrated already is migrated again.
    MigratedTwice,
    /// One of our tasks has deleted an item with another token than its own.
    ForeignDelete,
    /// Two tasks work at the same time, and the clock of each says that its lease runs.
    TwoLeases,
    /// One of our tasks works within its lease while `init.sh` does.
    BesideScript,
    /// A task has replaced a dead holder's item and begins to work without knowing whom
    /// it has replaced, so it can't end that one's database sessions.
    ForgottenHolder,
}

/// The protocol, or the protocol with one part of it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// As the program has it.
    Real,
    /// The fence lets everybody through.
    NoFence,
    /// Release deletes whatever stands there.
    ReleaseAnything,
    /// A take-over replaces whatever stands there.
    TakeOverAnything,
    /// A take-over asks for the token that was seen, whatever its heartbeat.
    TakeOverAnyHeartbeat,
    /// A holder counts its lease from the answer.
    LeaseFromAnswer,
    /// A waiter counts the silence from before its look at the item.
    SilenceFromRequest,
    /// A refusal by our own item is taken for the lock, without a renewal.
    OursWithoutRenewal,
    /// Every put brings heartbeat 0.
    PutsAlike,
    /// Whom a put was to replace is forgotten when its answer is lost.
    ForgetSuperseded,
    /// A renewal is written whoever's the item is.
    RenewAnything,
    /// A renewal is written whatever heartbeat the item has.
    RenewBackwards,
}

/// A scenario.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// For people.
    pub name: &'static str,
    /// Who takes part.
    pub tasks: [Kind; 3],
    /// The lease in units of time.
    pub lease: u8,
    /// `LOCK_TTL` in units of time; `None` if it is too long to matter.
    pub ttl: Option<i8>,
    /// So many requests to DynamoDB are lost, or their answers are.
    pub lost: u8,
    /// So many requests to DynamoDB are delayed: they arrive at any later time, or never.
    pub late: u8,
    /// So many times something fails between a task and the database.
    pub cut: u8,
    /// So many tasks are killed.
    pub crashes: u8,
    /// So many tasks get a signal.
    pub signals: u8,
    /// The script's delete may arrive after its item's time.
    pub late_script: bool,
    /// What is changed.
    pub variant: Variant,
    /// What is looked for.
    pub never: &'static [Broken],
}

/// What holds by the fence and the tokens alone, whatever happens to clocks and leases.
pub const ALWAYS: &[Broken] = &[Broken::TwoTransactions, Broken::MigratedTwice, Broken::ForeignDelete];
/// What holds as long as clocks and `init.sh` keep within their limits.
pub const EVERYTHING: &[Broken] = &[
    Broken::TwoTransactions,
    Broken::MigratedTwice,
    Broken::ForeignDelete,
    Broken::TwoLeases,
    Broken::BesideScript,
    Broken::ForgottenHolder,
];

impl Scenario {
    /// Three tasks with true clocks, the shortest lease that can be renewed, nothing that
    /// goes wrong.
    pub const fn three(name: &'static str) -> Self {
        Self {
            name,
            tasks: [Kind::Binary(0); 3],
            lease: 2,
            ttl: None,
            lost: 0,
            late: 0,
            cut: 0,
            crashes: 0,
            signals: 0,
            late_script: false,
            variant: Variant::Real,
            never: EVERYTHING,
        }
    }

    /// Two tasks, and a lease in which a renewal may fail.
    pub const fn two(name: &'static str) -> Self {
        let tasks = [Kind::Binary(0), Kind::Binary(0), Kind::Nobody];
        Self { tasks, lease: 3, ..Self::three(name) }
    }
}

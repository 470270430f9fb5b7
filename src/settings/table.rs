//! The table of settings: the one place where a setting's names, default, group
//! and description stand. The command line, `--help` and the README follow it.

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable.
    pub env: &'static str,
    /// The flag, without its dashes.
    pub flag: &'static str,
    /// What holds when neither is given; `None` where there is no default.
    pub default: Option<&'static str>,
    /// How the value is named in `--help`; empty for a switch, which takes none.
    pub value: &'static str,
    /// The heading under which `--help` lists it.
    pub group: &'static str,
    /// One sentence for `--help`.
    pub help: &'static str,
    /// Whether the value must never be printed.
    pub secret: bool,
}

const LOCK: &str = "Lock (DynamoDB)";
const CONFIG: &str = "Provider config (SSM)";
const DATABASE: &str = "Database (PostgreSQL)";
const MIGRATIONS: &str = "Migrations";
const OPERATE: &str = "Operating";
const LOG: &str = "Log";

macro_rules! settings {
    ($($env:ident $flag:literal $default:expr, $value:literal, $group:ident, $secret:literal, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $env: Setting = Setting {
                env: stringify!($env),
                flag: $flag,
                default: $default,
                value: $value,
                group: $group,
                help: $help,
                secret: $secret,
            };
        )*
        /// Every setting, in the order of `--help`.
        pub const ALL: &[Setting] = &[$($env),*];
    };
}

settings! {
    LOCK_TABLE "lock-table" Some("llm-proxy-locks"), "NAME", LOCK, false,
        "Lock table, by name or ARN";
    LOCK_ID "lock-id" Some("init"), "ID", LOCK, false,
        "Key of the lock item";
    LOCK_TTL "lock-ttl" Some("300s"), "DURATION", LOCK, false,
        "How far ahead `expires_at` is written: how long an init.sh task believes in the lock";
    LOCK_LEASE "lock-lease" Some("30s"), "DURATION", LOCK, false,
        "A holder silent for this long is dead; never longer than the TTL";
    MAX_WAIT "max-wait" Some("300s"), "DURATION", LOCK, false,
        "How long to wait for another holder, or for AWS while it throttles";
    ALWAYS_LOCK "always-lock" Some("false"), "", LOCK, false,
        "Wait for the lock even when the database has every migration already";
    POLL_INTERVAL "poll-interval" Some("5s"), "DURATION", LOCK, false,
        "Longest pause between two tries; polling starts faster and is jittered";
    CONFIG_PARAMETER "config-parameter" Some("/llm-proxy/api-providers"), "NAME", CONFIG, false,
        "SSM parameter (name, name:version, name:label or ARN), or file:// and an absolute path";
    CONFIG_PATH "config-path" Some("/config/api_providers.yaml"), "FILE", CONFIG, false,
        "File to write for the proxy";
    CONFIG_MODE "config-mode" Some("0644"), "MODE", CONFIG, false,
        "Permissions of that file; the proxy must be able to read it as another user";
    DATABASE_URL "database-url" None, "URL", DATABASE, true,
        "postgres:// URL; required unless PGHOST and the other libpq variables are set";
    DB_CONNECT_TIMEOUT "db-connect-timeout" Some("60s"), "DURATION", DATABASE, false,
        "How long to try to connect, all tries together";
    MIGRATIONS_DIR "migrations-dir" None, "DIR", MIGRATIONS, false,
        "Folder of goose or refinery files to run in place of the embedded migrations";
    MIGRATION_LOCK_TIMEOUT "migration-lock-timeout" Some("5s"), "DURATION", MIGRATIONS, false,
        "PostgreSQL's `lock_timeout` while migrating";
    MIGRATION_STATEMENT_TIMEOUT "migration-statement-timeout" None, "DURATION", MIGRATIONS, false,
        "PostgreSQL's `statement_timeout` while migrating; without it a statement may take any time";
    ALLOW_MISSING "allow-missing" Some("false"), "", MIGRATIONS, false,
        "Apply migrations that are older than applied ones, which are an error otherwise";
    ACCEPT_DIVERGENT "accept-divergent" Some("false"), "", MIGRATIONS, false,
        "Record the present text of applied migrations that changed, which is an error otherwise";
    INSTALL_DIR "install-dir" None, "DIR", OPERATE, false,
        "Folder to copy this program to in each run, for use through ECS Exec";
    REDIS_URL "redis-url" None, "URL", OPERATE, true,
        "redis:// or rediss:// URL that `check` tries; the application does not read it today";
    REDIS_CACHE_URL "redis-cache-url" None, "URL", OPERATE, true,
        "The application's HTTP cache, redis:// or rediss:// URL; only `check` tries it";
    REDIS_ADDR "redis-addr" None, "HOST:PORT", OPERATE, false,
        "The application's event bus, which speaks plain TCP only; only `check` tries it";
    REDIS_CA_FILE "redis-ca-file" None, "FILE", OPERATE, false,
        "PEM file that `check` trusts for rediss:// besides the public roots";
    LOG_LEVEL "log-level" Some("info"), "LEVEL", LOG, false,
        "error, warn, info, debug or trace";
    LOG_FORMAT "log-format" None, "FORMAT", LOG, false,
        "json or text; without it json, or text on a terminal";
}

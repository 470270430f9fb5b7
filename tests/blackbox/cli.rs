//! The command line: answers, misuse, and settings that are wrong.

use testbed::{Init, Result};

use super::{assert_code, assert_fails, program, world};

#[tokio::test]
async fn help_is_an_answer_with_groups_defaults_and_variables() -> Result<()> {
    let run = Init::new(program()).arg("--help").run().await?;
    assert_code(&run, 0);
    let help = run.stdout.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Lock (DynamoDB):",
        "--lock-table <NAME>",
        "[env: LOCK_TABLE]",
        "[default: llm-proxy-locks]",
        "Exit codes:",
    ] {
        assert!(help.contains(part), "{part} is not in\n{help}");
    }
    Ok(())
}

#[tokio::test]
async fn version_is_that_of_the_package() -> Result<()> {
    let run = Init::new(program()).arg("--version").run().await?;
    assert_code(&run, 0);
    assert_eq!(run.stdout, [format!("llm-proxy-init {}", env!("CARGO_PKG_VERSION"))]);
    Ok(())
}

#[tokio::test]
async fn an_unknown_flag_is_misuse() -> Result<()> {
    let run = Init::new(program()).arg("--lock-tabel=x").run().await?;
    assert_code(&run, 64);
    assert!(run.stderr.contains("--lock-table"), "no suggestion in {}", run.stderr);
    Ok(())
}

#[tokio::test]
async fn every_wrong_setting_is_reported_in_one_line() -> Result<()> {
    let run = Init::new(program()).env("LOCK_TTL", "soon").env("LOG_FORMAT", "xml").arg("--max-wait=-1");
    // `-1` would be taken for a flag of its own without the equals sign.
    let run = run.run().await?;
    assert_fails(
        &run,
        64,
        &["LOCK_TTL=\"soon\"", "LOG_FORMAT=\"xml\"", "--max-wait=\"-1\"", "DATABASE_URL: required"],
    );
    assert_eq!(run.stdout.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_config_is_validated_offline() -> Result<()> {
    let file = std::env::temp_dir().join(format!("llm-proxy-init-validate-{}.yaml", std::process::id()));
    let path = file.to_string_lossy().into_owned();
    let validate = |format: &str| {
        let format = format!("--format={format}");
        Init::new(program()).arg("config").arg("validate").arg(&path).arg(&format)
    };
    std::fs::write(&file, testbed::PROVIDERS)?;
    let run = validate("text").run().await?;
    assert_code(&run, 0);
    assert!(run.output().contains("valid; "), "{}", run.output());
    std::fs::write(&file, testbed::PROVIDERS.replace("default_api: openai", "default_api: mistral"))?;
    let run = validate("github").run().await?;
    assert_code(&run, 65);
    assert!(run.output().contains("line=2,col=14::default_api names"), "{}", run.output());
    let run = validate("json").run().await?;
    assert_code(&run, 65);
    assert_eq!(run.last()["problems"][0]["path"], "default_api");
    std::fs::remove_file(&file)?;
    let run = validate("text").run().await?;
    assert_code(&run, 64);
    assert!(run.stderr.contains(&path), "{}", run.stderr);
    Ok(())
}

#[tokio::test]
async fn a_config_is_validated_from_standard_input() -> Result<()> {
    let pipe = ["-c", "printf 'apis: {}\\n' | \"$@\"", "sh"];
    let run =
        Init::new(program()).arg("config").arg("validate").arg("-").inside("/bin/sh", &pipe).run().await?;
    assert_code(&run, 65);
    assert!(run.output().contains("-:1:7: error: apis must name at least one provider"), "{}", run.output());
    Ok(())
}

#[tokio::test]
async fn a_flag_wins_over_its_variable() -> Result<()> {
    let world = world().await?;
    let elsewhere = world.config_folder().join("elsewhere.yaml");
    let run = world.init().arg("--config-path").arg(&elsewhere.to_string_lossy()).run().await?;
    assert_code(&run, 0);
    assert!(elsewhere.exists() && !world.config_file().exists());
    Ok(())
}

#[tokio::test]
async fn the_settings_table_of_the_readme_is_the_programs() {
    let readme = include_str!("../../README.md");
    for setting in llm_proxy_init::settings::table::ALL {
        let default = setting.default.map(|default| format!("`{default}`")).unwrap_or_default();
        let row = format!("| `{}` | `--{}` | {default}", setting.env, setting.flag);
        assert!(readme.contains(&row), "{row} is not in the README");
    }
}

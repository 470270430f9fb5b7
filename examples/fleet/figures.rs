//! Figures: order statistics, and what the processors did meanwhile.

use std::time::{Duration, Instant};

use testbed::Result;

/// The value below which `part` of the sorted values lie, by nearest rank.
pub fn quantile(values: &[Duration], part: f64) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort();
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).or(sorted.last()).copied().unwrap_or_default()
}

/// A duration as people write it.
pub fn told(duration: Duration) -> String {
    match duration.as_millis() {
        few @ 0..1_000 => format!("{few} ms"),
        _ => format!("{:.2} s", duration.as_secs_f64()),
    }
}

/// Whether a goal is met, in words.
pub fn verdict(found: Duration, goal: Duration) -> &'static str {
    if found <= goal { "met" } else { "missed" }
}

/// A stretch of time and what the processors did in it.
pub struct Stretch {
    began: Instant,
    busy: f64,
}

impl Stretch {
    /// It begins now.
    pub fn begin() -> Result<Self> {
        Ok(Self { began: Instant::now(), busy: busy_seconds()? })
    }

    /// It ends now: how long it was, and which part of all processors' time was used.
    pub fn end(self) -> Result<(Duration, f64)> {
        let length = self.began.elapsed();
        let cores = u32::try_from(std::thread::available_parallelism()?.get())?;
        let used = busy_seconds()? - self.busy;
        Ok((length, used / (length.as_secs_f64() * f64::from(cores))))
    }
}

/// For how long all processors together have been busy since the machine began.
fn busy_seconds() -> Result<f64> {
    /// What the kernel counts in, per second.
    const TICKS: f64 = 100.0;
    let all = std::fs::read_to_string("/proc/stat")?;
    let ticks = all.lines().next().unwrap_or_default().split_whitespace().skip(1).map(str::parse::<f64>);
    let ticks: Vec<f64> = ticks.collect::<Result<_, _>>()?;
    // user, nice, system, then idle and waiting for a disk, then interrupts.
    let [user, nice, system, _, _, interrupt, soft, ..] = ticks[..] else { return Err("/proc/stat".into()) };
    Ok((user + nice + system + interrupt + soft) / TICKS)
}

//! Whose turn it is to send reports: one process does, however many there are.

use rusqlite::params;

use crate::timestamp::now_seconds;
use crate::{Result, Store};

impl Store {
    /// Takes the turn for so many seconds, if nobody has it. Nobody gives it back: that a round is over is no reason for another
    /// process to begin one.
    pub async fn take_report_turn(&self, seconds: i64) -> Result<bool> {
        self.write(move |tx| {
            let now = now_seconds();
            let sql = "UPDATE report_turn SET until = ?1 WHERE until <= ?2";
            Ok(tx.connection.execute(sql, params![now + seconds, now])? > 0)
        })
        .await
    }
}

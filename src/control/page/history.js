// The last ten minutes of a pool, or of all, from /history: only what is new is asked for.
import {get} from "./stats.js";

const KEPT_MS = 600000, TIME_WAIT_MS = 60000;

export class History {
  pool = "";
  pools = [];
  lastMinute = {}; // of all pools, whichever is chosen
  #startedMs = 0;
  #round = 0;
  rows = [];

  choose(pool) {
    this.pool = pool;
    this.#round = 0;
    this.rows = [];
  }

  async update() {
    const pool = this.pool, since = this.#round;
    const query = new URLSearchParams({since});
    let path = `history?${query}`;
    if (pool)
      path += `&pool=${encodeURIComponent(pool)}`;
    const answer = await get(path);
    if (pool !== this.pool || since !== this.#round)
      return;
    const isOther = answer.started_ms !== this.#startedMs;
    if (since > 0 && isOther && answer.samples.length < answer.round) {
      this.#round = 0;
      this.#startedMs = 0;
      await this.update();
      return;
    }
    this.#take(answer);
  }

  #take(answer) {
    const isOther = answer.started_ms !== this.#startedMs;
    for (const sample of answer.samples) {
      const row = {};
      answer.fields.forEach((name, i) => {
        row[name] = sample[i];
      });
      row.isFirst = this.rows.length === 0 || (isOther && sample === answer.samples[0]);
      this.#count(row);
      this.rows.push(row);
    }
    this.pools = answer.pools;
    this.lastMinute = answer.last_minute;
    this.#startedMs = answer.started_ms;
    this.#round = answer.round;
    const newest = this.rows.at(-1)?.at_ms ?? 0;
    while (this.rows.length > 0 && this.rows[0].at_ms < newest - KEPT_MS)
      this.rows.shift();
  }

  /* Rates, and the sums of the last minute: of what was added, so that a restart, or a server that
   * goes, does no harm. */
  #count(row) {
    const last = row.isFirst ? null : this.rows.at(-1);
    const seconds = last ? (row.at_ms - last.at_ms) / 1000 : 0;
    for (const name of ["requests", "sent", "opened", "reused", "failed"]) {
      const added = last ? row[name] - last[name] : -1;
      row[`${name}_rate`] = added >= 0 && seconds > 0 ? added / seconds : null;
    }
    const before = this.rows.at(-1);
    for (const name of ["sent", "time_waits_left"]) {
      const added = last ? Math.max(0, row[name] - last[name]) : 0;
      row[`${name}_sum`] = (before?.[`${name}_sum`] ?? 0) + added;
    }
    const oldest = this.rows.findLast((each) => each.at_ms <= row.at_ms - TIME_WAIT_MS) ??
      this.rows[0] ?? row;
    row.without_weir = row.sent_sum - oldest.sent_sum;
    row.left = row.time_waits_left_sum - oldest.time_waits_left_sum;
  }
}

// /stats: what is asked of it, and how fast its counters grow.

const ANSWER_MS = 4000, RATE_MS = 5500;

export async function get(path) {
  const answer = await fetch(path, {cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS)});
  if (!answer.ok) {
    const error = new Error(`${path}: ${answer.status}`);
    error.status = answer.status;
    throw error;
  }
  return answer.json();
}

/* What stands at a path of names, which may hold any character. */
export function find(stats, path) {
  let value = stats;
  for (const name of path)
    value = value !== null && typeof value === "object" && Object.hasOwn(value, name)
      ? value[name] : undefined;
  return value;
}

/* The answers of the last seconds, for rates. Another weir's counters are none of its past. */
export class Rates {
  #seen = [];

  add(stats, now) {
    const last = this.#seen.at(-1)?.stats.weir;
    if (last && (last.pid !== stats.weir.pid || last.uptime_s > stats.weir.uptime_s))
      this.clear();
    this.#seen.push({stats, now});
    while (this.#seen.length > 2 && now - this.#seen[0].now > RATE_MS)
      this.#seen.shift();
  }

  clear() {
    this.#seen = [];
  }

  /* Of a counter, each second; undefined where it is not known. */
  of(...path) {
    if (this.#seen.length < 2)
      return undefined;
    const first = this.#seen[0], last = this.#seen.at(-1);
    const then = find(first.stats, path), now = find(last.stats, path);
    if (typeof then !== "number" || typeof now !== "number" || now < then)
      return undefined;
    return (now - then) * 1000 / (last.now - first.now);
  }
}

/* Sums what pick takes from each; undefined when none is known. */
export function sum(list, pick) {
  let total;
  for (const each of list) {
    const value = pick(each);
    if (typeof value === "number")
      total = (total ?? 0) + value;
  }
  return total;
}

export const poolsOf = (stats) => Object.values(stats.pools);
export const serversOf = (stats) => poolsOf(stats).flatMap((pool) => Object.values(pool.servers));

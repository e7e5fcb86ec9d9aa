// The columns of the tables: pools, servers, listeners.
import {bytes, count, duration, isKnown, milliseconds, percent, rate, short} from "./format.js";
import {poolsOf, sum} from "./stats.js";

const SIGNS = {up: "●", running: "●", draining: "◐", drain: "◐", returning: "◔", ejected: "⏏",
  down: "✕", paused: "❚❚", "held: no port": "▲"};
const MARKS = {up: "good", running: "good", down: "bad", ejected: "bad"};

export const sign = (word) => `${SIGNS[word] ?? "○"} ${word}`;
export const markOf = (word) => MARKS[word] ?? "odd";

const figure = (key, title, group, value, write = short) => ({
  key, title, group, value, figure: true,
  text: (row) => write(value(row)),
  tip: (row) => (isKnown(value(row)) && write === short ? count(value(row)) : ""),
});

const state = (word, tip) => ({
  key: "state", title: "State", text: (row) => sign(word(row)), tip,
  mark: (row) => markOf(word(row)),
});

/* Those that pools and servers have alike. */
const requests = [
  figure("rate", "/s", "Requests", (row) => row.rate("requests", "total"), rate),
  figure("active", "now", "Requests", (row) => row.facts.requests.active),
  figure("total", "total", "Requests", (row) => row.facts.requests.total),
  figure("retried", "retried", "Requests", (row) => row.facts.requests.retried),
  figure("failed", "failed", "Requests", (row) => row.facts.requests.failed),
];

const closed = (row) => Object.entries(row.facts.connections.closed);

function closedMostly(row) {
  const [reason, most] = closed(row).reduce((a, b) => (b[1] > a[1] ? b : a), ["", 0]);
  return most > 0 ? `${short(most)} ${reason}` : "–";
}

const connections = [
  figure("idle", "idle", "Connections", (row) => row.facts.connections.idle),
  figure("busy", "active", "Connections", (row) => row.facts.connections.active),
  figure("connecting", "connecting", "Connections", (row) => row.facts.connections.connecting),
  figure("opened", "opened", "Connections", (row) => row.facts.connections.opened),
  {key: "closed", title: "closed, mostly", group: "Connections", text: closedMostly,
    value: (row) => sum(closed(row), ([, n]) => n),
    tip: (row) => closed(row).filter(([, n]) => n > 0)
      .map(([reason, n]) => `${reason} ${count(n)}`).join("\n")},
  figure("reuse", "reused", "Connections",
    (row) => (row.facts.connections.opened > 0 ? row.facts.reuse_ratio : undefined), percent),
];

const quantile = (kind, share) => (row) =>
  (row.facts.requests.total > 0 ? row.facts.latency_ms[kind]?.[share] : undefined);

const answers = [
  figure("p50", "p50", "Answer time", quantile("response", "p50"), milliseconds),
  figure("p99", "p99", "Answer time", quantile("response", "p99"), milliseconds),
  figure("max", "max", "Answer time", quantile("response", "max"), milliseconds),
];

const races = [
  figure("races", "seen", "Races", (row) => row.facts.races.seen),
  figure("races_failed", "502", "Races", (row) => row.facts.races.failed),
];

export const pools = [
  {key: "name", title: "Pool", text: (row) => row.name},
  state((row) => (row.facts.paused ? "paused" : "running")),
  {key: "servers", title: "Servers", figure: true,
    value: (row) => Object.values(row.facts.servers).filter((one) => one.state === "up").length,
    text: (row) => {
      const all = Object.values(row.facts.servers);
      return `${all.filter((one) => one.state === "up").length} of ${all.length} up`;
    }},
  ...requests, ...connections,
  figure("avoided", "avoided", "TIME_WAIT", (row) => row.facts.time_wait_avoided),
  figure("waiting", "now", "Queue", (row) => row.facts.queue.waiting),
  figure("oldest", "oldest", "Queue", (row) => row.facts.queue.oldest_ms, duration),
  figure("timed_out", "timed out", "Queue", (row) => row.facts.queue.timed_out),
  figure("rejected", "rejected", "Queue", (row) => row.facts.queue.rejected),
  ...answers, ...races,
];

const LEARNED = {config: "configuration", header: "its header", observation: "seen"};

/* What weir goes by, and where it has that from. */
function keepAlive(row) {
  const lesson = row.facts.keep_alive;
  if (!lesson.honoured)
    return `✕ none: ${lesson.reason}`;
  const most = lesson.max_requests > 0 ? `, ${short(lesson.max_requests)} requests` : "";
  const from = LEARNED[lesson.learned_from] ?? lesson.learned_from;
  return `✓ ${duration(lesson.idle_timeout_ms)} idle${most} (${from})`;
}

function stateOf(row) {
  const {state: word, health, ports} = row.facts;
  if (word === "up" && health?.returning)
    return "returning";
  return word === "up" && ports?.paused ? "held: no port" : word;
}

function stateTip(row) {
  const {admin_state: said, health} = row.facts;
  const parts = [`set by operators: ${said}`, `health check: ${health?.check ?? "none"}`];
  if (health?.ejected_for_ms > 0)
    parts.push(`ejected for another ${duration(health.ejected_for_ms)}`);
  return parts.join("\n");
}

export const servers = [
  {key: "name", title: "Server", text: (row) => row.name,
    tip: (row) => (row.facts.name ? `an address of ${row.facts.name}` : "")},
  {key: "pool", title: "Pool", text: (row) => row.pool},
  state(stateOf, stateTip),
  {key: "keep_alive", title: "Keep-alive learned", text: keepAlive,
    mark: (row) => (row.facts.keep_alive.honoured ? "" : "odd")},
  ...requests, ...connections,
  figure("server_time_wait", "there", "TIME_WAIT",
    (row) => row.facts.tcp?.server_side?.time_wait),
  figure("proxy_time_wait", "here", "TIME_WAIT", (row) => row.facts.tcp?.proxy_side?.time_wait),
  figure("avoided", "avoided", "TIME_WAIT", (row) => row.facts.time_wait_avoided),
  ...answers, ...races,
  figure("ports", "Ports left", undefined, (row) => row.facts.ports?.available),
  {key: "weight", title: "Weight", figure: true, value: (row) => row.facts.weight,
    text: (row) => `${count(row.facts.weight)}${row.facts.backup ? " backup" : ""}`},
];

const answered = (klass) => figure(klass, klass, "Answers", (row) => row.facts.requests[klass]);
const traffic = (way) => figure(way, way, "Bytes", (row) => row.facts.bytes[way], bytes);

export const listeners = [
  {key: "name", title: "Listener", text: (row) => row.name},
  {key: "addresses", title: "Addresses", text: (row) => row.facts.addresses.join(", ")},
  figure("open", "open", "Clients", (row) => row.facts.connections.active),
  figure("accept_rate", "/s", "Clients", (row) => row.rate("connections", "accepted"), rate),
  figure("accepted", "accepted", "Clients", (row) => row.facts.connections.accepted),
  figure("refused", "rejected", "Clients", (row) => row.facts.connections.rejected),
  figure("time_wait", "TIME_WAIT", "Clients", (row) => row.facts.tcp?.time_wait),
  ...requests.slice(0, 3),
  ...["1xx", "2xx", "3xx", "4xx", "5xx"].map(answered),
  traffic("in"), traffic("out"),
];

/* ---- The rows ---- */

const row = (rates, facts, name, path) => ({
  key: JSON.stringify(path), name, facts, rate: (...steps) => rates.of(...path, ...steps),
});

export const poolRows = (stats, rates) => Object.entries(stats.pools)
  .map(([name, facts]) => row(rates, facts, name, ["pools", name]));

export const listenerRows = (stats, rates) => Object.entries(stats.listeners)
  .map(([name, facts]) => row(rates, facts, name, ["listeners", name]));

export const serverRows = (stats, rates) => Object.entries(stats.pools).flatMap(([pool, all]) =>
  Object.entries(all.servers).map(([name, facts]) => {
    const one = row(rates, facts, name, ["pools", pool, "servers", name]);
    return {...one, pool, className: `row-${markOf(stateOf(one))}`};
  }));

/* ---- The headline ---- */

export function headline(stats) {
  const all = poolsOf(stats), listening = Object.values(stats.listeners);
  const each = all.flatMap((pool) => Object.values(pool.servers));
  const of = (key) => sum(all, (pool) => pool.connections[key]) ?? 0;
  const sent = sum(each, (server) => server.requests.total) ?? 0;
  const told = new Map(all.flatMap((pool) => Object.entries(pool.servers))); // each address once
  const local = [...told.values()].filter((server) => server.tcp?.server_side);
  return {
    requests: sum(listening, (one) => one.requests.total) ?? 0,
    asking: sum(listening, (one) => one.requests.active) ?? 0,
    idle: of("idle"), active: of("active"), connecting: of("connecting"),
    opened: of("opened"), reused: of("reused"),
    ratio: sent > 0 ? of("reused") / sent : undefined,
    timeWait: sum(local, (server) => server.tcp.server_side.time_wait),
    told: local.length, servers: told.size,
  };
}

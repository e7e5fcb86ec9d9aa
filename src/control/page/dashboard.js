// The page: asks each second while somebody sees it, and shows what it hears.
import {headline, listenerRows, listeners, poolRows, pools, serverRows, servers, sign, markOf}
  from "./columns.js";
import {clock, count, percent, rate, short, uptime} from "./format.js";
import {History} from "./history.js";
import {Plots} from "./plots.js";
import {get, Rates} from "./stats.js";
import {Table} from "./table.js";

const SECOND_MS = 1000;
const byId = (id) => document.getElementById(id);

const rates = new Rates(), history = new History();
const tables = {
  pools: new Table(byId("pools"), pools),
  servers: new Table(byId("servers"), servers),
  listeners: new Table(byId("listeners"), listeners),
};
const plots = new Plots(byId("plots"), (row) => say("at", row ? `at ${clock(row.at_ms)}` : " "));
let range = 0; // seconds that the reader chose; 0: what there is
let lostAt = null, stats = null;

function say(id, text) {
  const node = byId(id);
  if (node.textContent !== text)
    node.textContent = text;
}

function sayState(word) {
  const node = byId("state");
  say("state", word === "no answer" ? "✕ no answer" : sign(word));
  node.className = `state mark-${word === "no answer" ? "bad" : markOf(word)}`;
}

function sayBanner(text) {
  const node = byId("banner");
  say("banner", text);
  node.hidden = text === "";
  node.classList.toggle("banner", text !== "");
}

/* ---- The headline ---- */

function showVersus(now, without) {
  const most = Math.max(now ?? 0, without ?? 0, 1);
  say("time-wait-now", short(now));
  say("time-wait-without", short(without));
  byId("time-wait-now-bar").style.width = `${100 * (now ?? 0) / most}%`;
  byId("time-wait-without-bar").style.width = `${100 * (without ?? 0) / most}%`;
}

function showTimeWait(figures) {
  const {sent, time_waits_left: left} = history.lastMinute;
  const isTold = figures.timeWait !== undefined;
  showVersus(isTold ? figures.timeWait : left, sent);
  if (!isTold)
    say("time-wait-source", "now: by weir's count, as the kernel tells of no server");
  else if (figures.told < figures.servers)
    say("time-wait-source",
      `now: as the kernel tells of ${figures.told} of ${figures.servers} servers`);
  else
    say("time-wait-source", "now: as the kernel tells");
}

function showHeadline() {
  const figures = headline(stats);
  let perSecond;
  for (const name of Object.keys(stats.listeners)) {
    const one = rates.of("listeners", name, "requests", "total");
    perSecond = one === undefined ? perSecond : (perSecond ?? 0) + one;
  }
  say("requests-rate", rate(perSecond));
  say("requests-total", short(figures.requests));
  say("requests-active", short(figures.asking));
  say("reuse-ratio", percent(figures.ratio));
  say("reused", short(figures.reused));
  say("opened", short(figures.opened));
  say("open", short(figures.idle + figures.active + figures.connecting));
  for (const key of ["idle", "active", "connecting"])
    say(key, short(figures[key]));
  showTimeWait(figures);
}

function showFacts() {
  const {version, pid, uptime_s: up, generation, state, workers} = stats.weir;
  sayState(state);
  say("facts", `${version} · pid ${pid} · up ${uptime(up)} · generation ${count(generation)} · ` +
    `${count(workers)} workers`);
  document.title = `weir${state === "running" ? "" : `: ${state}`}`;
}

/* ---- The plots ---- */

function offerPools() {
  const select = byId("pool"), names = history.pools.filter((name) => typeof name === "string");
  const offered = [...select.options].slice(1).map((option) => option.value);
  if (offered.length === names.length && offered.every((name, i) => name === names[i]))
    return;
  const options = names.map((name) => new Option(name, name));
  select.replaceChildren(select.options[0], ...options);
  select.value = history.pool;
}

function showPlots() {
  const rows = history.rows;
  const has = rows.length > 0 ? (rows.at(-1).at_ms - rows[0].at_ms) / SECOND_MS : 0;
  const seconds = range || [60, 120, 300].find((offer) => has <= offer) || 600;
  for (const button of byId("range").children)
    button.setAttribute("aria-pressed", String(Number(button.value) === seconds));
  plots.show(rows, seconds);
}

async function updateHistory() {
  try {
    await history.update();
  } catch (error) {
    if (error.status !== 404 || history.pool === "")
      throw error;
    choosePool(""); // it has left the configuration
    await history.update();
  }
  offerPools();
}

function choosePool(name) {
  history.choose(name);
  byId("pool").value = name;
}

/* ---- Each second ---- */

async function ask() {
  const heard = await get("stats");
  stats = heard;
  rates.add(heard, performance.now());
  await updateHistory();
}

function show() {
  showFacts();
  showHeadline();
  tables.pools.show(poolRows(stats, rates));
  tables.servers.show(serverRows(stats, rates));
  tables.listeners.show(listenerRows(stats, rates));
  showPlots();
}

function lose() {
  lostAt ??= Date.now();
  rates.clear();
  sayState("no answer");
  sayBanner(`weir does not answer since ${clock(lostAt)}. ` +
    `${stats ? "These are the last figures it gave. " : ""}Asking again every second.`);
  document.body.classList.add("lost");
  say("requests-rate", "–");
}

function recover() {
  lostAt = null;
  document.body.classList.remove("lost");
  sayBanner(stats.weir.state !== "draining" ? ""
    : "weir is draining: it takes no new connections, and stops when all requests are answered.");
}

let timer = 0, isAsking = false;

async function turn() {
  clearTimeout(timer);
  if (isAsking || document.hidden)
    return;
  isAsking = true;
  const begun = performance.now();
  let isHeard = true;
  try {
    await ask();
  } catch (error) {
    isHeard = false;
    lose();
  }
  if (isHeard) {
    recover();
    show();
  }
  isAsking = false;
  timer = setTimeout(turn, Math.max(100, SECOND_MS - (performance.now() - begun)));
}

byId("pool").addEventListener("change", (event) => {
  choosePool(event.target.value);
  turn();
});
byId("range").addEventListener("click", (event) => {
  range = Number(event.target.value) || range;
  showPlots();
});
document.addEventListener("visibilitychange", turn);
window.weir = {plots};
turn();

// The dashboard in a real Chromium: its figures are those of /stats, its plots have data under
// load, nothing is asked of anybody else, and it outlives a restart of weir.
import assert from "node:assert/strict";
import {join} from "node:path";
import {setTimeout as pause} from "node:timers/promises";
import {chromium} from "playwright-core";
import {endAll, freePorts, getJson, load, startOrigin, startWeir, stop, until} from "./world.mjs";

const LIMIT_MS = 100000;
/* A name that weir's configuration refuses; the page must bear it all the same. */
const HOSTILE = `<img src=x onerror="window.hacked=1">'&"`;
const ODD = "__proto__"; // weir takes that
const [admin, web, first, second] = await freePorts(4);
const here = `http://127.0.0.1:${admin}`;
const yaml = `
workers: 2
shutdown_timeout: 2s
log: {to: stderr, level: info}
admin: {listen: "127.0.0.1:${admin}"}
listeners:
  constructor:
    listen: ["127.0.0.1:${web}"]
    pool: ${ODD}
    routes: [{path: /old/, pool: legacy}]
pools:
  ${ODD}:
    servers: [{address: "127.0.0.1:${first}"}]
    connections: {max: 4}
  legacy:
    servers: [{address: "127.0.0.1:${second}"}]
`;
const troubles = [];
let mayMiss = false; // weir is down: requests fail, and the browser says so
let asked = 0;

function watch(page) {
  page.on("pageerror", (error) => troubles.push(`page error: ${error.stack}`));
  page.on("console", (message) => {
    const isMiss = message.text().includes("net::ERR_");
    if (!(isMiss && mayMiss) && ["error", "warning"].includes(message.type()))
      troubles.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${here}/`))
      troubles.push(`asks elsewhere: ${request.url()}`);
    asked += request.url().endsWith("/stats") ? 1 : 0;
  });
  return page.addInitScript(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) =>
      window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  });
}

const shot = (page, name) =>
  page.screenshot({path: join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true});
const text = (page, id) => page.locator(`#${id}`).textContent();
const whole = (value) => value.toLocaleString("en-US");

/* ---- The figures ---- */

/* What each table says: rows by their name (and pool), cells by their key. */
const readTables = () => Object.fromEntries(["pools", "servers", "listeners"].map((id) => [id,
  [...document.querySelectorAll(`#${id} tbody tr`)].map((row) => Object.fromEntries(
    [...row.children].map((cell) => [cell.dataset.key, cell.textContent])))]));

const common = (facts) => ({
  active: whole(facts.requests.active), total: whole(facts.requests.total),
  retried: whole(facts.requests.retried), failed: whole(facts.requests.failed),
  idle: whole(facts.connections.idle), busy: whole(facts.connections.active),
  connecting: whole(facts.connections.connecting), opened: whole(facts.connections.opened),
  avoided: whole(facts.time_wait_avoided), races: whole(facts.races.seen),
  races_failed: whole(facts.races.failed)});

const known = (value) => (value === undefined ? "–" : whole(value));
const serversOf = (stats) =>
  Object.values(stats.pools).flatMap((pool) => Object.values(pool.servers));

function expectedTables(stats) {
  const pools = Object.entries(stats.pools), listeners = Object.entries(stats.listeners);
  return {
    pools: pools.map(([name, facts]) => ({name, state: "● running", servers: "1 of 1 up",
      ...common(facts), waiting: whole(facts.queue.waiting),
      timed_out: whole(facts.queue.timed_out), rejected: whole(facts.queue.rejected)})),
    servers: pools.flatMap(([pool, {servers}]) => Object.entries(servers).map(([name, facts]) => ({
      name, pool, state: "● up", weight: whole(facts.weight), ...common(facts),
      server_time_wait: known(facts.tcp.server_side?.time_wait),
      proxy_time_wait: known(facts.tcp.proxy_side?.time_wait)}))),
    listeners: listeners.map(([name, facts]) => ({name, addresses: facts.addresses.join(", "),
      open: whole(facts.connections.active), accepted: whole(facts.connections.accepted),
      refused: whole(facts.connections.rejected), total: whole(facts.requests.total),
      "2xx": whole(facts.requests["2xx"]), "5xx": whole(facts.requests["5xx"])})),
  };
}

/* Below 99 %, as it is here. */
const ratioText = (ratio) => `${(Math.floor(ratio * 10000) / 100).toFixed(1)} %`;

function expectedHeadline(stats) {
  const pools = Object.values(stats.pools), sum = (values) => values.reduce((a, b) => a + b, 0);
  const of = (key) => sum(pools.map((pool) => pool.connections[key]));
  const sent = sum(serversOf(stats).map((server) => server.requests.total));
  const listening = Object.values(stats.listeners);
  const told = serversOf(stats).filter((server) => server.tcp.server_side)
    .map((server) => server.tcp.server_side.time_wait);
  return {
    ...(told.length > 0 && {"time-wait-now": whole(sum(told))}),
    "requests-total": whole(sum(listening.map((one) => one.requests.total))),
    "requests-active": whole(sum(listening.map((one) => one.requests.active))),
    "reuse-ratio": ratioText(of("reused") / sent),
    reused: whole(of("reused")), opened: whole(of("opened")),
    open: whole(of("idle") + of("active") + of("connecting")),
    idle: whole(of("idle")), active: whole(of("active")), connecting: whole(of("connecting")),
  };
}

/* After the load nothing moves any more, so that the page's next look is the same as ours. */
async function checkFigures(page) {
  let fault;
  await until("the page shows the figures of /stats", async () => {
    const stats = await getJson(admin, "/stats");
    try {
      for (const [id, value] of Object.entries(expectedHeadline(stats)))
        assert.equal(await text(page, id), value, id);
      const tables = await page.evaluate(readTables), expected = expectedTables(stats);
      for (const [id, rows] of Object.entries(expected)) {
        assert.equal(tables[id].length, rows.length, id);
        rows.forEach((row, i) => assert.deepEqual({...tables[id][i], ...row}, tables[id][i], id));
      }
      return true;
    } catch (error) {
      fault = error;
      return false;
    }
  }, 8000).catch(() => {
    throw fault;
  });
}

/* ---- The plots ---- */

const readPlots = () => Object.fromEntries(Object.entries(window.weir.plots.graphs)
  .map(([id, graph]) => {
    const values = [];
    for (let row = 0; row < graph.numRows(); row++) {
      for (let column = 1; column < graph.numColumns(); column++)
        values.push(graph.getValue(row, column));
    }
    const canvas = document.querySelector(`#plot-${id} canvas`);
    const copy = new OffscreenCanvas(canvas.width, canvas.height)
      .getContext("2d", {willReadFrequently: true});
    copy.drawImage(canvas, 0, 0);
    const pixels = copy.getImageData(0, 0, canvas.width, canvas.height).data;
    return [id, {rows: graph.numRows(), most: Math.max(0, ...values),
      least: Math.min(0, ...values), inked: pixels.some((byte) => byte > 0)}];
  }));

async function checkPlots(page, rows) {
  const plots = await page.evaluate(readPlots), stats = await getJson(admin, "/stats");
  const isTold = serversOf(stats).some((server) => server.tcp.proxy_side);
  assert.deepEqual(Object.keys(plots),
    ["time-wait", "tcp", "connections", "reuse", "latency", "queue"]);
  for (const [id, plot] of Object.entries(plots)) {
    assert.ok(plot.rows >= rows, `${id} has ${plot.rows} rows`);
    assert.ok(plot.inked, `${id} is drawn`);
    assert.ok(plot.least >= 0, `${id} is never below zero`);
    if (id !== "queue" && (id !== "tcp" || isTold))
      assert.ok(plot.most > 0, `${id} has figures`);
  }
}

/* ---- The steps ---- */

const steps = {
  async "under load the page moves and its plots have data"(page) {
    const going = load(web, 6, ["/", "/a?size=5000", "/old/b"]);
    await page.goto(`${here}/`);
    await until("a rate", async () => parseInt(await text(page, "requests-rate"), 10) > 0);
    await until("rows", () => page.evaluate(() => window.weir.plots.graphs.reuse.numRows() > 6));
    await checkPlots(page, 6);
    await shot(page, "light");
    assert.match(await text(page, "time-wait-without"), /^[1-9]/);
    const result = await going.stop();
    assert.equal(result.failed, 0, `of ${result.sent} requests`);
  },
  async "pointing at one plot shows that moment in all"(page) {
    const legends = () => page.locator(".legend").allTextContents();
    const newest = await legends(), box = await page.locator("#plot-reuse .graph").boundingBox();
    await page.mouse.move(box.x + box.width - 12, box.y + 40);
    await page.mouse.move(box.x + box.width - 40, box.y + 40);
    await until("the time", async () => /^at [0-9:]{8}$/.test(await text(page, "at")));
    const pointed = await legends();
    for (const plot of [0, 3])
      assert.notEqual(pointed[plot], newest[plot]);
    await page.mouse.move(5, 5);
    await until("no time", async () => (await text(page, "at")).trim() === "");
  },
  async "its figures are those of /stats"(page) {
    await checkFigures(page);
    await until("so would have been without weir", async () => {
      const {last_minute: minute} = await getJson(admin, "/history");
      return await text(page, "time-wait-without") === whole(minute.sent);
    });
  },
  async "a page opened later is not empty"(page, context) {
    const another = await context.newPage();
    await watch(another);
    await another.goto(`${here}/`);
    await until("the past", () => another.evaluate(() =>
      window.weir?.plots.graphs.reuse?.numRows() > 6));
    await checkPlots(another, 6);
    await another.close();
  },
  async "a pool has plots of its own"(page) {
    const answer = page.waitForResponse((one) => one.url().includes("pool="));
    await page.locator("#pool").selectOption(ODD);
    assert.equal((await answer).status(), 200);
    await until("its rows", () => page.evaluate(() =>
      window.weir.plots.graphs.reuse.numRows() > 6));
    await checkPlots(page, 6);
    await page.locator("#pool").selectOption("");
  },
  async "names are text"(page, context) {
    const another = await context.newPage();
    await watch(another);
    await another.route(/[/](stats|history)/, async (route) => {
      const answer = await route.fetch();
      const body = (await answer.text()).replaceAll('"legacy"', JSON.stringify(HOSTILE));
      await route.fulfill({response: answer, body});
    });
    await another.goto(`${here}/`);
    const cells = another.locator("th", {hasText: HOSTILE});
    await until("its name", async () => await cells.count() === 1);
    assert.equal(await another.locator("option", {hasText: HOSTILE}).count(), 1);
    assert.equal(await another.locator("main img").count(), 0);
    assert.equal(await another.evaluate(() => window.hacked), undefined);
    await another.close();
  },
  async "tables sort by click and by keyboard"(page) {
    const order = () => page.locator("#servers tbody th").allTextContents();
    const before = await order(), heading = page.locator("#servers thead th", {hasText: "total"});
    const totals = () => page.locator("#servers td[data-key=total]").allTextContents();
    const isSorted = (values, way) => values.map((one) => Number(one.replaceAll(",", "")))
      .every((value, i, all) => i === 0 || (all[i - 1] - value) * way >= 0);
    await heading.locator("button").click();
    assert.equal(await heading.getAttribute("aria-sort"), "descending");
    assert.ok(isSorted(await totals(), 1));
    await page.keyboard.press("Enter");
    assert.equal(await heading.getAttribute("aria-sort"), "ascending");
    assert.ok(isSorted(await totals(), -1));
    await page.keyboard.press("Space");
    assert.equal(await heading.getAttribute("aria-sort"), null);
    assert.deepEqual(await order(), before);
  },
  async "dark, and on a phone"(page) {
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await paper();
    await page.emulateMedia({colorScheme: "dark"});
    assert.notEqual(await paper(), light);
    await shot(page, "dark");
    for (const width of [360, 800]) {
      await page.setViewportSize({width, height: 780});
      await until("the plots fit", () => page.evaluate(() =>
        document.documentElement.scrollWidth <= document.documentElement.clientWidth), 3000);
      await shot(page, `width-${width}`);
    }
    await page.emulateMedia({colorScheme: "light"});
    await page.setViewportSize({width: 1440, height: 900});
  },
  async "nothing is asked while nobody sees it"(page) {
    const hide = (isHidden) => page.evaluate((value) => {
      Object.defineProperty(document, "hidden", {configurable: true, value});
      document.dispatchEvent(new Event("visibilitychange"));
    }, isHidden);
    await hide(true);
    await pause(300); // what is under way
    const before = asked;
    await pause(1500);
    assert.equal(asked, before);
    await hide(false);
    await until("it asks again", () => asked > before);
  },
  async "it says that weir is gone, and goes on with the next one"(page, context, world) {
    mayMiss = true;
    await stop(world.weir);
    await until("the banner", async () => (await text(page, "banner")).includes("does not answer"));
    assert.equal(await text(page, "state"), "✕ no answer");
    assert.equal(await text(page, "requests-rate"), "–");
    await shot(page, "no-answer");
    world.weir = await startWeir(yaml);
    await until("its return", async () => await text(page, "state") === "● running");
    mayMiss = false;
    assert.ok(await page.locator("#banner").isHidden());
    const going = load(web, 2, ["/", "/old/b"]);
    await until("a rate", async () => parseInt(await text(page, "requests-rate"), 10) > 0);
    await going.stop();
    await checkFigures(page);
    await checkPlots(page, 8);
  },
  async "no violation of the page's policy"(page) {
    assert.deepEqual(await page.evaluate(() => window.violations), []);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
  },
};

async function run() {
  const world = {};
  await startOrigin(first, "--default", "delay=2ms");
  await startOrigin(second, "--default", "connection=close");
  world.weir = await startWeir(yaml);
  const browser = await chromium.launch({executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]});
  const context = await browser.newContext({viewport: {width: 1440, height: 900}});
  const page = await context.newPage();
  page.setDefaultTimeout(60000);
  await watch(page);
  for (const [name, step] of Object.entries(steps)) {
    const begun = Date.now();
    await step(page, context, world).catch(async (error) => {
      await shot(page, "failure").catch(() => {});
      throw new Error(`${name}: ${error.stack}\n${troubles.join("\n")}`);
    });
    assert.deepEqual(troubles, [], name);
    console.log(`ok: ${name} (${Date.now() - begun} ms)`);
  }
  await browser.close();
  await stop(world.weir);
}

const limit = setTimeout(() => {
  console.error("the tests have not ended in time");
  endAll();
  process.exit(1);
}, LIMIT_MS);

run().then(() => 0, (error) => {
  console.error(error.stack ?? error);
  return 1;
}).then((status) => {
  clearTimeout(limit);
  endAll();
  process.exit(status);
});

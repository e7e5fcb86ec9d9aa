// What stands around the page: weir, its servers, their clients, and a Chromium.
import {spawn} from "node:child_process";
import {once} from "node:events";
import {mkdtempSync, rmSync, writeFileSync} from "node:fs";
import http from "node:http";
import net from "node:net";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {setTimeout as pause} from "node:timers/promises";

const {WEIR_BINARY, WEIR_ORIGIN} = process.env;
const dir = mkdtempSync(join(tmpdir(), "weir-browser-"));
const children = new Set();

/* Asks again and again until it is so. */
export async function until(what, isSo, ms = 60000) {
  const end = Date.now() + ms;
  let last;
  do {
    last = await isSo();
    if (last)
      return last;
    await pause(50);
  } while (Date.now() < end);
  throw new Error(`in vain: ${what}`);
}

const isFree = (port) => new Promise((done) => {
  const door = net.createServer().once("error", () => done(false));
  door.listen(port, "127.0.0.1", () => door.close(() => done(true)));
});

/* Below those that the kernel gives away by itself, so that weir finds its own again after a
 * restart, and apart from those of the end-to-end tests. */
export async function freePorts(n) {
  const ports = [];
  let next = 14000 + process.pid * 7 % 5000;
  for (; ports.length < n; next++) {
    if (await isFree(next))
      ports.push(next);
  }
  return ports;
}

function start(program, args, ready) {
  const child = spawn(program, args, {stdio: ["ignore", "pipe", "pipe"]});
  child.log = "";
  children.add(child);
  child.on("exit", () => children.delete(child));
  return new Promise((resolve, reject) => {
    const hear = (data) => {
      child.log += data;
      if (child.log.includes(ready))
        resolve(child);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`${program} ended with ${code}:\n${child.log}`)));
  });
}

export const startOrigin = (port, ...args) =>
  start(WEIR_ORIGIN, ["--listen", `127.0.0.1:${port}`, "--quiet", ...args], "listening on");

export function startWeir(yaml) {
  const file = join(dir, "weir.yaml");
  writeFileSync(file, yaml);
  return start(WEIR_BINARY, ["run", "-c", file], "ready: listening");
}

/* Fails unless it ends well: a sanitizer's report is none. */
export async function stop(child) {
  child.kill("SIGTERM");
  const [code, signal] = await once(child, "exit");
  if (code !== 0)
    throw new Error(`ended with ${code ?? signal}:\n${child.log}`);
}

export function endAll() {
  for (const child of children)
    child.kill("SIGKILL");
  rmSync(dir, {recursive: true, force: true});
}

function ask(port, path, fields) {
  return new Promise((resolve, reject) => {
    http.get({port, host: "127.0.0.1", path, headers: fields, agent: false}, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (data) => {
        body += data;
      });
      answer.on("end", () => resolve({status: answer.statusCode, fields: answer.headers, body}));
      answer.on("error", reject);
    }).on("error", reject);
  });
}

export async function getJson(port, path) {
  const answer = await ask(port, path, {});
  if (answer.status !== 200)
    throw new Error(`${path}: ${answer.status}`);
  return JSON.parse(answer.body);
}

/* So many clients at once, each request on a connection of its own, until it is told to stop. */
export function load(port, clients, paths) {
  let isOver = false, sent = 0, failed = 0;
  const one = async (turn) => {
    while (!isOver) {
      const path = paths[turn++ % paths.length];
      sent++;
      await ask(port, path, {connection: "close"}).catch(() => failed++);
    }
  };
  const all = Promise.all(Array.from({length: clients}, (_, i) => one(i)));
  return {
    stop: async () => {
      isOver = true;
      await all;
      return {sent, failed};
    },
  };
}

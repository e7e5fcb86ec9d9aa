// Figures as people read them. What is not known is a dash.

const whole = new Intl.NumberFormat("en-US", {maximumFractionDigits: 0});
const DASH = "–";

export const isKnown = (value) => typeof value === "number" && Number.isFinite(value);

export function count(value) {
  return isKnown(value) ? whole.format(value) : DASH;
}

/* Shorter from ten millions on, where no digit matters any more. */
export function short(value) {
  if (!isKnown(value))
    return DASH;
  for (const [unit, name] of [[1e12, "T"], [1e9, "G"], [1e6, "M"]]) {
    if (Math.abs(value) >= 10 * unit || (name !== "M" && Math.abs(value) >= unit))
      return `${(value / unit).toFixed(1)} ${name}`;
  }
  return whole.format(value);
}

export function rate(value) {
  if (!isKnown(value))
    return DASH;
  return value > 0 && value < 10 ? value.toFixed(1) : short(value);
}

/* Never 100 % while one is missing. */
export function percent(ratio) {
  if (!isKnown(ratio))
    return DASH;
  const rounded = Math.floor(ratio * 10000) / 100;
  return `${ratio >= 1 ? "100" : rounded.toFixed(rounded < 99 ? 1 : 2)} %`;
}

export function milliseconds(value) {
  if (!isKnown(value))
    return DASH;
  if (value >= 10000)
    return `${(value / 1000).toFixed(1)} s`;
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ms`;
}

export function bytes(value) {
  if (!isKnown(value))
    return DASH;
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let step = 0;
  for (; value >= 1024 && step < units.length - 1; step++)
    value /= 1024;
  return `${step > 0 && value < 100 ? value.toFixed(1) : whole.format(value)} ${units[step]}`;
}

/* Of a time-out: no more digits than it has. */
export function duration(ms) {
  if (!isKnown(ms) || ms <= 0)
    return DASH;
  if (ms < 1000)
    return `${ms} ms`;
  return ms < 120000 ? `${Math.round(ms / 100) / 10} s` : `${Math.round(ms / 6000) / 10} min`;
}

export function uptime(seconds) {
  const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  if (days > 0)
    return `${days} d ${hours} h`;
  if (hours > 0)
    return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

export function clock(ms) {
  const time = new Date(ms);
  return [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, "0")).join(":");
}

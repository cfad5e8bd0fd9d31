// Figures, times and sizes for people, in the language of the page.

import { language } from './text.js';

/** Where there is no figure. */
export const NONE = '–';

const made = new Map();

/**
 * A formatter of Intl, made once a language and options.
 * @template T
 * @param {new (locale: string, options: object) => T} kind
 * @returns {T}
 */
function formatter(kind, options) {
  const key = `${kind.name} ${language()} ${JSON.stringify(options)}`;
  if (!made.has(key)) made.set(key, new kind(locale(), options));
  return made.get(key);
}

/** That of the reader, if it is of the language of the page. */
function locale() {
  const own = globalThis.navigator?.languages?.find((one) => one.toLowerCase().startsWith(language()));
  return own ?? (language() === 'zh' ? 'zh-CN' : 'en-GB');
}

/** A number with at most so many digits behind the point. */
export function number(value, digits = 0) {
  return formatter(Intl.NumberFormat, { maximumFractionDigits: digits }).format(value);
}

/** A number of things, or a dash. */
export function count(value) {
  return value === null || value === undefined ? NONE : number(value);
}

/** A number with exactly so many digits behind the point, or a dash. */
export function decimal(value, digits) {
  if (value === null || value === undefined) return NONE;
  return formatter(Intl.NumberFormat, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** A measured value of any size, in few digits. */
export function short(value) {
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 1_000) return number(value);
  return number(value, size >= 10 ? 1 : size >= 0.01 ? 3 : 5);
}

/** A part of 1 in per cent; what is little is told as little, not as nothing, and what is nearly all not as all. */
export function share(part) {
  const percent = 100 * part;
  if (percent > 0 && percent < 0.01) return `<${percentage(0.0001, 2)}`;
  if (percent > 99.9 && percent < 100) return percentage(Math.min(part, 0.9999), 2);
  return percentage(part, percent > 0 && percent < 1 ? 2 : percent === 0 || percent === 100 ? 0 : 1);
}

function percentage(part, digits) {
  return formatter(Intl.NumberFormat, { style: 'percent', maximumFractionDigits: digits }).format(part);
}

/** How far something is, in whole per cent; all of it only when it is. */
export function progress(part) {
  return percentage(Math.floor(100 * part) / 100, 0);
}

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Bytes, in powers of a thousand. */
export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  let place = 0;
  let rest = value;
  while (rest >= 999.5 && place < SIZES.length - 1) {
    rest /= 1000;
    place++;
  }
  const digits = place === 0 || rest >= 99.95 ? 0 : 1;
  return `${number(rest, digits)}\u00a0${SIZES[place]}`;
}

/** Bytes a second; a dash for 0, which means that it is not known. */
export function rate(perSecond) {
  return perSecond > 0 ? `${bytes(perSecond)}/s` : NONE;
}

const SPANS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

/** A span of time in its two largest units. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const first = SPANS.findIndex(([, size]) => whole >= size);
  if (first < 0) return unit(0, 'second');
  const [name, size] = SPANS[first];
  const [nextName, nextSize] = SPANS[first + 1] ?? [null, 1];
  const amount = Math.floor(whole / size);
  const rest = Math.floor((whole % size) / nextSize);
  // Of ten hours or minutes the smaller unit says nothing that is known.
  const both = nextName && rest > 0 && !(nextName === 'second' && amount >= 10);
  return both ? `${unit(amount, name)} ${unit(rest, nextName)}` : unit(amount, name);
}

function unit(amount, name) {
  return formatter(Intl.NumberFormat, { style: 'unit', unit: name, unitDisplay: 'narrow' }).format(amount);
}

/** How long ago a time is, in one unit. */
export function ago(atMs, nowMs = Date.now()) {
  const seconds = Math.max(0, (nowMs - atMs) / 1000);
  const [name, size] = SPANS.find(([, span]) => seconds >= span) ?? ['second', 1];
  // Of less than a second: now.
  const numeric = seconds < 1 ? 'auto' : 'always';
  return formatter(Intl.RelativeTimeFormat, { numeric, style: 'short' }).format(-Math.floor(seconds / size), name);
}

/** A time of day with its date, to the second. */
export function time(atMs) {
  return formatter(Intl.DateTimeFormat, { dateStyle: 'medium', timeStyle: 'medium' }).format(atMs);
}

/** A date. */
export function date(atMs) {
  return formatter(Intl.DateTimeFormat, { dateStyle: 'medium' }).format(atMs);
}

/** A time of day. */
export function clock(atMs, withSeconds = true) {
  return formatter(Intl.DateTimeFormat, { timeStyle: withSeconds ? 'medium' : 'short' }).format(atMs);
}

/** A short form for axes: 1.2M, 120万. */
export function compact(value) {
  const text = formatter(Intl.NumberFormat, { notation: 'compact', maximumFractionDigits: 1 }).format(value);
  // British English writes a million as `m`, which reads as metres or minutes.
  return language() === 'en' ? text.toUpperCase() : text;
}

/** The name of a language by its code. */
export function languageName(code) {
  try {
    return formatter(Intl.DisplayNames, { type: 'language' }).of(code) ?? code;
  } catch {
    return code;
  }
}

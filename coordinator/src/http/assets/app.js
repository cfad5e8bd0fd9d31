// The page: its head, and below it what the address names.

import * as api from './api.js';
import { attribute, h, setChildren, setText } from './dom.js';
import * as format from './format.js';
import { Live } from './live.js';
import { visible } from './logic/escape.js';
import { note, notes, problem } from './parts/note.js';
import { indexesPage } from './pages/indexes.js';
import { jobPage } from './pages/job.js';
import { jobsPage } from './pages/jobs.js';
import { signInPage } from './pages/sign_in.js';
import { submitPage } from './pages/submit.js';
import { workersPage } from './pages/workers.js';
import { href, parse } from './router.js';
import { language, setLanguage, t } from './text.js';

/** What each role may, from the least to the most. */
const ROLES = ['read', 'submit', 'operate'];
/** How long to wait for a coordinator that does not answer when the page is opened. */
const AGAIN_MS = 3_000;

const main = h('main', { id: 'main' });
const banner = h('div', { class: 'banner', role: 'status' });
let me = null;
let overview = null;
let page = null;
let life = null;
let wasAway = false;
let backs = [];

const live = new Live((state, sinceMs) => connection(state, sinceMs));
const head = header();

/** Whether the caller's role includes another one. */
function can(role) {
  return ROLES.indexOf(me?.role) >= ROLES.indexOf(role);
}

function header() {
  const links = {
    jobs: h('a', { href: href(['jobs']) }),
    workers: h('a', { href: href(['workers']) }),
    indexes: h('a', { href: href(['indexes']) }),
  };
  const nav = h('nav', { class: 'main-nav' }, Object.values(links));
  const dot = h('span', { class: 'live' }, h('i', { class: 'dot' }), h('span', { class: 'live-words' }));
  const who = h('span', { class: 'who' });
  const out = h('button', { type: 'button', class: 'quiet small', on: { click: signOut } });
  const tongue = h('button', {
    type: 'button',
    id: 'language',
    class: 'quiet small',
    on: { click: () => translate(language() === 'en' ? 'zh' : 'en') },
  });
  const shade = h('button', { type: 'button', id: 'theme', class: 'quiet small icon', on: { click: turnTheme } });
  const skip = h('a', { class: 'skip', href: '#main', on: { click: toMain } });
  const el = h(
    'header',
    { class: 'top' },
    h(
      'a',
      { class: 'brand', href: href(['jobs']) },
      h('img', { src: '/assets/icon.svg', alt: '', width: 26, height: 26 }),
      h('span', null, 'tamis'),
    ),
    nav,
    h('div', { class: 'top-end' }, dot, who, out, tongue, shade),
  );
  document.body.append(skip, el, banner, main, notes(), h('footer', { class: 'foot' }));
  return {
    /** In the language of the page. */
    write() {
      setText(skip, t('skip'));
      attribute(nav, 'aria-label', t('nav'));
      for (const [name, link] of Object.entries(links)) setText(link, t(`${name}.title`));
      setText(out, t('sign-out'));
      setText(tongue, language() === 'en' ? '中文' : 'English');
      attribute(tongue, 'lang', language() === 'en' ? 'zh' : 'en');
      attribute(shade, 'aria-label', t('theme'));
      attribute(shade, 'title', t('theme'));
      setText(shade, isDark() ? '☀' : '☾');
      setText(who, me?.token ? t('who', { name: me.token, role: t(`may.${me.role}`) }) : '');
      out.hidden = !me?.tokens_required;
      nav.hidden = !me;
      dot.hidden = !me;
      setText(document.querySelector('.foot'), me ? `tamis ${me.version} · ${t('coordinator', { id: me.coordinator })}` : '');
    },
    mark(name) {
      for (const [other, link] of Object.entries(links)) attribute(link, 'aria-current', other === name ? 'page' : null);
    },
    connection(state) {
      dot.dataset.state = state;
      setText(dot.lastElementChild, t(`live.${state}`));
    },
  };
}

function toMain(event) {
  event.preventDefault();
  main.querySelector('h1')?.focus();
}

const prefersDark = matchMedia('(prefers-color-scheme: dark)');
prefersDark.addEventListener('change', themed);

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : prefersDark.matches;
}

function turnTheme() {
  const next = isDark() ? 'light' : 'dark';
  // What the system prefers needs no choice: the page follows it again.
  if ((next === 'dark') === prefersDark.matches) delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  keep('tamis.theme', document.documentElement.dataset.theme ?? '');
  themed();
}

/** What is drawn by script is drawn anew. */
function themed() {
  document.dispatchEvent(new Event('tamis:theme'));
  head.write();
}

function keep(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Kept for this visit only.
  }
}

function translate(next) {
  setLanguage(next);
  keep('tamis.language', next);
  document.documentElement.lang = next === 'zh' ? 'zh-CN' : 'en';
  head.write();
  setChildren(banner);
  head.connection(live.state);
  if (me) open({ isAnew: true });
  else if (page) signIn();
}

/** @param {import('./live.js').Connection} state */
function connection(state, sinceMs) {
  head.connection(state);
  if (state === 'away' || state === 'interrupted') {
    wasAway = true;
    if (banner.childElementCount === 0) {
      const retry = h('button', { type: 'button', class: 'quiet small', on: { click: () => live.retry() } }, t('away.retry'));
      setChildren(
        banner,
        h('p', null, h('b', null, t(`${state}.title`)), ' ', t('away.since', { time: format.clock(sinceMs) })),
        retry,
      );
    }
    return;
  }
  setChildren(banner);
  if (state === 'live' && wasAway) {
    wasAway = false;
    for (const back of backs) back();
  }
}

/** Shows what the address names. */
function open({ isFirst = false, isAnew = false } = {}) {
  const route = parse(location.hash);
  if (route.path.length === 0) route.path.push('jobs');
  head.mark(route.path[0] === 'submit' ? 'jobs' : route.path[0]);
  if (!isAnew && page?.onRoute?.(route)) return;
  life?.abort();
  page?.destroy?.();
  life = new AbortController();
  backs = [];
  const ctx = {
    route,
    can,
    signal: life.signal,
    overview: () => overview,
    setTitle,
    /** Calls when a coordinator that was away is back. */
    whenBack: (back) => backs.push(back),
    listen(parts, handlers, over) {
      const told = handlers.overview;
      const all = parts[0] === 'events' ? { ...handlers, overview: (next) => ((overview = next), told?.(next)) } : handlers;
      live.listen(parts, all, over);
    },
  };
  page = pageOf(route)(ctx);
  setChildren(main, page.el);
  setTitle(page.title);
  if (isFirst || isAnew) return;
  scrollTo(0, 0);
  main.querySelector('h1')?.focus({ preventScroll: true });
}

function pageOf({ path }) {
  const [name, id] = path;
  if (name === 'jobs') return id ? jobPage : jobsPage;
  const pages = { submit: submitPage, workers: workersPage, indexes: indexesPage };
  return Object.hasOwn(pages, name) ? pages[name] : nowherePage;
}

function nowherePage(ctx) {
  ctx.listen(['events'], {});
  return {
    el: h(
      'div',
      { class: 'page' },
      h('h1', { tabindex: -1 }, t('nowhere.title')),
      h('p', null, h('a', { href: href(['jobs']) }, t('nowhere.way'))),
    ),
    title: t('nowhere.title'),
  };
}

function setTitle(title) {
  document.title = visible(title ? `${title} · tamis` : 'tamis');
}

/** Asks for a token, in the place of what the address names. */
function signIn() {
  live.stop();
  life?.abort();
  page?.destroy?.();
  me = null;
  head.write();
  setChildren(banner);
  page = signInPage(start);
  setChildren(main, page.el);
  setTitle(page.title);
  main.querySelector('input')?.focus();
}

async function signOut() {
  try {
    await api.signOut();
    note(t('signed-out'));
    signIn();
  } catch (error) {
    problem(error);
  }
}

async function start() {
  try {
    me = await api.me();
  } catch (error) {
    if (error.status === 401) return;
    setChildren(
      main,
      h(
        'div',
        { class: 'page' },
        h('h1', { tabindex: -1 }, t(error.status === 0 ? 'away.title' : 'refused.title')),
        h('p', { lang: 'en' }, error.message),
      ),
    );
    if (error.status === 0 || error.retryable) setTimeout(start, AGAIN_MS);
    return;
  }
  head.write();
  open({ isFirst: true });
}

api.onUnknownCaller(() => {
  if (page?.isSignIn) return;
  signIn();
});
addEventListener('hashchange', () => me && open());
document.documentElement.lang = language() === 'zh' ? 'zh-CN' : 'en';
head.write();
head.connection('connecting');
start();

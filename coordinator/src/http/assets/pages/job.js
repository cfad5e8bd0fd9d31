// One job: its head, and below it one of its tabs.

import * as api from '../api.js';
import { attribute, h, keyed, setChildren, setText, svg } from '../dom.js';
import * as format from '../format.js';
import { isOver } from '../logic/steps.js';
import { ask } from '../parts/dialog.js';
import { note, problem } from '../parts/note.js';
import { prose } from '../parts/prose.js';
import { stateBadge } from '../parts/state.js';
import { took } from '../parts/steps.js';
import { when } from '../parts/when.js';
import { href } from '../router.js';
import { t } from '../text.js';
import { dropsTab } from './job/drops.js';
import { duplicatesTab } from './job/duplicates.js';
import { explainTab } from './job/explain.js';
import { filesTab } from './job/files.js';
import { overviewTab } from './job/overview.js';
import { readinessTab } from './job/readiness.js';
import { shardsTab } from './job/shards.js';
import { specTab } from './job/spec.js';
import { tokensTab } from './job/tokens.js';

const TABS = {
  overview: overviewTab,
  shards: shardsTab,
  drops: dropsTab,
  duplicates: duplicatesTab,
  tokens: tokensTab,
  readiness: readinessTab,
  explain: explainTab,
  files: filesTab,
  spec: specTab,
};

/** How long to wait for a coordinator that does not answer. */
const AGAIN_MS = 3_000;

export function jobPage(ctx) {
  const asked = ctx.route.path[1];
  let job = null;
  let figures = null;
  let report = null;
  let tab = null;
  let tabName = '';
  let tabLife = null;

  const badge = stateBadge('planning');
  const title = h('h1', { tabindex: -1 }, asked);
  const message = h('p', { class: 'job-message', lang: 'en' });
  const actions = h('div', { class: 'actions' });
  const facts = jobFacts();
  const links = new Map();
  const nav = h(
    'nav',
    { class: 'tabs', 'aria-label': t('job.tabs') },
    Object.keys(TABS).map((name) => {
      const path = ['jobs', asked, ...(name === 'overview' ? [] : [name])];
      links.set(name, h('a', { href: href(path) }, t(`tab.${name}`)));
      return links.get(name);
    }),
  );
  const body = h('div', { class: 'tab-body' });
  const el = h(
    'div',
    { class: 'page' },
    h('p', { class: 'crumbs' }, h('a', { href: href(['jobs']) }, t('jobs.title'))),
    h('div', { class: 'page-head' }, h('div', { class: 'job-title' }, title, badge.el), actions),
    message,
    facts.el,
    nav,
    body,
  );

  /** What tabs see of the job. */
  const shared = {
    can: ctx.can,
    job: () => job,
    figures: () => figures,
    /** The report of a published job, read once. */
    report() {
      report ??= api.get(['jobs', job.job_id, 'report'], {}, ctx.signal).catch((error) => {
        report = null;
        throw error;
      });
      return report;
    },
  };

  const open = (route) => {
    const name = Object.hasOwn(TABS, route.path[2] ?? '') ? route.path[2] : 'overview';
    ctx.setTitle(`${job.name} · ${t(`tab.${name}`)}`);
    if (tab && tabName === name && tab.onRoute?.(route)) return;
    tabLife?.abort();
    tab?.destroy?.();
    tabLife = new AbortController();
    tabName = name;
    for (const [other, link] of links) attribute(link, 'aria-current', other === name ? 'page' : null);
    links.get(name).scrollIntoView({ block: 'nearest', inline: 'nearest' });
    tab = TABS[name]({ ...shared, route, signal: tabLife.signal });
    setChildren(body, tab.el);
    tab.onStatus?.(job);
    if (figures) tab.onFigures?.(figures);
  };

  const update = (next) => {
    const former = job;
    job = next;
    setText(title, job.name);
    badge.update(job.state);
    // A failure and the place of the output are told elsewhere.
    message.hidden = job.state === 'failed' || job.state === 'published';
    if (message.dataset.text !== job.message) setChildren(message, prose(job.message));
    message.dataset.text = job.message;
    facts.update(job);
    if (former?.state !== job.state) {
      setActions();
      if (former && isOver(job)) ended();
    }
    tab?.onStatus?.(job);
    if (former && isOver(former) && !isOver(job)) follow();
  };

  const measured = (next) => {
    figures = next;
    tab?.onFigures?.(figures);
  };

  /** The figures of the end; what is read of a published job can be read now. */
  const ended = async () => {
    report = null;
    await readFigures();
    tab?.onEnded?.();
  };

  const readFigures = () =>
    api.get(['jobs', job.job_id, 'figures'], {}, ctx.signal).then(measured, (error) => {
      if (error.status > 0 && error.status !== 401 && error.status !== 404) problem(error);
    });

  const setActions = () => {
    const mayRetry = job.state === 'failed' || job.state === 'cancelled';
    // Past the commit point a job is not cancelled.
    const mayCancel = !isOver(job) && job.state !== 'publishing';
    const offered = [mayRetry && 'retry', mayCancel && 'cancel'].filter((name) => name && ctx.can('submit'));
    // A button stays the same while it is offered: a dialog gives focus back to it.
    keyed(
      actions,
      offered,
      (name) => name,
      (name) => {
        const [kind, question] = { retry: ['primary', askRetry], cancel: ['danger-quiet', askCancel] }[name];
        return { el: h('button', { type: 'button', class: kind, on: { click: () => question(job, update) } }, t(name)) };
      },
    );
  };

  /** While a job runs it has a stream of its own; then it is one among all. */
  const follow = () => {
    if (isOver(job)) {
      ctx.listen(['events'], {
        jobs(list) {
          const found = list.find((one) => one.job_id === job.job_id);
          if (found) update(found);
        },
      });
      return;
    }
    const handlers = { status: update, figures: measured, tasks: (tasks) => tab?.onTasks?.(tasks) };
    ctx.listen(['jobs', job.job_id, 'events'], handlers, { isOver: () => isOver(job), whenOver: follow });
  };

  const start = async () => {
    try {
      update(await api.get(['jobs', asked], {}, ctx.signal));
    } catch (error) {
      if (error.name === 'AbortError' || error.status === 401) return;
      setText(message, error.status === 404 ? t('job.no-such', { id: asked }) : error.message);
      nav.hidden = true;
      badge.el.hidden = true;
      facts.el.hidden = true;
      if (error.status === 0) setTimeout(() => ctx.signal.aborted || start(), AGAIN_MS);
      return;
    }
    nav.hidden = false;
    badge.el.hidden = false;
    facts.el.hidden = false;
    open(ctx.route);
    follow();
    readFigures();
  };
  ctx.whenBack(() => job && api.get(['jobs', job.job_id], {}, ctx.signal).then(update, () => {}));
  const clock = setInterval(() => job && facts.update(job), 5_000);
  start();

  return {
    el,
    title: asked,
    /** The same job in another tab. */
    onRoute(route) {
      if (route.path[0] !== 'jobs' || route.path[1] !== asked || !job) return false;
      ctx.route = route;
      open(route);
      return true;
    },
    destroy() {
      clearInterval(clock);
      tabLife?.abort();
      tab?.destroy?.();
    },
  };
}

function jobFacts() {
  const id = h('code');
  const submitted = when();
  const span = h('span');
  const output = h('code');
  const attempts = h('span');
  const fact = (words, value) => h('div', null, h('dt', null, words), h('dd', null, value));
  const attemptsFact = fact(t('job.attempts'), attempts);
  const copy = h(
    'button',
    {
      type: 'button',
      class: 'icon',
      'aria-label': t('job.copy'),
      title: t('job.copy'),
      on: { click: () => copyId(id.textContent) },
    },
    copyIcon(),
  );
  const el = h(
    'dl',
    { class: 'facts job-facts' },
    fact(t('job.id'), [id, ' ', copy]),
    fact(t('jobs.submitted'), submitted.el),
    fact(t('job.runs'), span),
    fact(t('job.output'), output),
    attemptsFact,
  );
  return {
    el,
    update(job) {
      setText(id, job.job_id);
      submitted.update(job.submitted_at_ms);
      const start = job.started_at_ms || job.submitted_at_ms;
      setText(
        span,
        job.ended_at_ms ? t('took', { span: took(job) }) : t('since', { span: format.duration((Date.now() - start) / 1000) }),
      );
      setText(output, job.output_uri);
      setText(attempts, format.count(job.failed_attempts));
      attemptsFact.hidden = !job.failed_attempts;
    },
  };
}

function copyIcon() {
  return svg(
    'svg',
    { class: 'glyph', viewBox: '0 0 16 16', 'aria-hidden': 'true' },
    svg('path', { d: 'M5.5 5.5V2h8.5v8.5H10.5M2 5.5h8.5V14H2z' }),
  );
}

async function copyId(text) {
  try {
    await navigator.clipboard.writeText(text);
    note(t('job.copied'));
  } catch {
    // Without the right to it the id can still be selected.
  }
}

async function askCancel(job, update) {
  const isDone = await ask({
    title: t('cancel.title', { name: job.name }),
    body: h('p', null, t('cancel.body')),
    action: t('cancel.action'),
    danger: true,
    reason: true,
    run: async (reason) => update(await api.post(['jobs', job.job_id, 'cancel'], { reason })),
  });
  if (isDone) note(t('cancel.done', { name: job.name }));
}

async function askRetry(job, update) {
  const isDone = await ask({
    title: t('retry.title', { name: job.name }),
    body: h('p', null, t('retry.body')),
    action: t('retry'),
    run: async () => update(await api.post(['jobs', job.job_id, 'retry'], {})),
  });
  if (isDone) note(t('retry.done', { name: job.name }));
}

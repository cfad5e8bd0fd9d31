// What was dropped: by rule, with samples, and each document of a published job.

import * as api from '../../api.js';
import { attribute, h, keyed, setChildren, setText } from '../../dom.js';
import * as format from '../../format.js';
import { bar } from '../../parts/bar.js';
import { against, partner, rule } from '../../parts/cause.js';
import { longText, readable } from '../../parts/document.js';
import { problem } from '../../parts/note.js';
import { pager } from '../../parts/pager.js';
import { empty, section } from '../../parts/section.js';
import { cell, row, rowOf, table } from '../../parts/table.js';
import { href, replace } from '../../router.js';
import { t } from '../../text.js';
import { pairQuery } from './duplicates.js';

const PAGE = 25;
/** Code units of a sample that are shown at first. */
const SAMPLE = 400;

export function dropsTab(shared) {
  const jobId = shared.job().job_id;
  const ofRoute = ({ query }) => ({
    stage: query.get('stage') ?? '',
    rule: query.get('rule') ?? '',
    source: query.get('source') ?? '',
  });
  let chosen = ofRoute(shared.route);
  let samples = null;
  let asked = 0;

  const rules = ruleTable(jobId);
  const about = h('h2', { id: 'h-chosen', tabindex: -1 });
  const source = h('select', { id: 'drops-source', on: { change: () => choose({ ...chosen, source: source.value }) } });
  const clear = h('a', { class: 'button quiet', href: href(['jobs', jobId, 'drops']) }, t('drops.all'));
  const sampleBox = h('div', { class: 'samples' });
  const list = h('div');
  const pages = pager(() => load());
  const el = h(
    'div',
    null,
    section('rules', t('rules'), t('rules.lead'), rules.el),
    h(
      'section',
      { 'aria-labelledby': 'h-chosen' },
      about,
      h(
        'div',
        { class: 'filters' },
        h('label', { class: 'field inline', for: 'drops-source' }, h('span', null, t('source')), source),
        clear,
      ),
      sampleBox,
      list,
      pages.el,
    ),
  );

  const choose = (next) => {
    chosen = next;
    replace(['jobs', jobId, 'drops'], chosen);
    pages.reset();
    show();
    load();
  };

  const show = () => {
    const figures = shared.figures();
    rules.update(figures, chosen);
    setText(
      about,
      chosen.rule
        ? t('drops.of', { rule: `${chosen.stage} ${chosen.rule}`, cause: t(`cause.${chosen.stage}`) })
        : t('drops.every'),
    );
    clear.hidden = !chosen.rule && !chosen.source;
    const names = ['', ...(figures?.sources ?? []).map((one) => one.name)];
    if (source.options.length !== names.length) {
      setChildren(
        source,
        names.map((name) => h('option', { value: name }, name || t('drops.any-source'))),
      );
    }
    source.value = names.includes(chosen.source) ? chosen.source : '';
    showSamples();
  };

  const showSamples = () => {
    const found = chosen.rule ? (samples?.[`${chosen.stage}/${chosen.rule}`] ?? []) : [];
    const shown = found.filter((sample) => !chosen.source || sample.source === chosen.source);
    const what = JSON.stringify([chosen, shown.map((sample) => sample.id)]);
    // Samples that are the same stay as they are: a reader may be in them.
    if (sampleBox.dataset.what === what) return;
    sampleBox.dataset.what = what;
    setChildren(
      sampleBox,
      shown.length > 0 && [
        h('h3', null, t('drops.samples')),
        h('p', { class: 'lead' }, t('drops.samples-lead')),
        h('div', { class: 'cards' }, shown.map(sampleCard)),
      ],
    );
  };

  const loadSamples = () =>
    api.get(['jobs', jobId, 'samples'], {}, shared.signal).then(
      (found) => {
        samples = found;
        showSamples();
      },
      (error) =>
        error.name !== 'AbortError' && error.status > 0 && error.status !== 401 && error.status !== 404 && problem(error),
    );

  const load = async () => {
    if (shared.job().state !== 'published') {
      setChildren(list, empty(t('drops.when-published')));
      return;
    }
    const call = ++asked;
    try {
      const found = await api.get(
        ['jobs', jobId, 'drops'],
        { ...chosen, page_size: PAGE, page_token: pages.token() },
        shared.signal,
      );
      if (call !== asked) return;
      setChildren(list, found.drops.length > 0 ? dropTable(jobId, found.drops) : empty(t('drops.none')));
      const first = pages.place() * PAGE + 1;
      pages.update(
        found.next_page_token,
        t('page.range', { first: format.count(first), last: format.count(first + found.drops.length - 1) }),
      );
    } catch (error) {
      if (error.name !== 'AbortError' && error.status > 0 && error.status !== 401) problem(error);
    }
  };

  /** To what was asked for: it stands below the rules. */
  const toChosen = () => {
    if (!chosen.rule) return;
    about.scrollIntoView({ block: 'start' });
    about.focus({ preventScroll: true });
  };

  let scans = -1;
  if (chosen.rule) requestAnimationFrame(toChosen);
  show();
  loadSamples();
  load();
  return {
    el,
    onFigures(figures) {
      show();
      if (figures.scans !== scans) {
        scans = figures.scans;
        if (!figures.final) loadSamples();
      }
    },
    onEnded() {
      loadSamples();
      load();
    },
    onRoute(route) {
      chosen = ofRoute(route);
      pages.reset();
      show();
      load();
      toChosen();
      return true;
    },
  };
}

function ruleTable(jobId) {
  const heads = [
    { text: t('rules.rule') },
    { text: t('rules.cause') },
    { text: t('rules.share'), kind: 'plot', hidden: true },
    { text: t('rules.documents'), kind: 'number' },
    { text: t('rules.of-read'), kind: 'number', minor: true },
  ];
  const made = table(t('rules'), heads);
  const nothing = h('p', { class: 'soft' }, t('rules.none'));
  let facts = { most: 1, read: 0, chosen: null };
  return {
    el: h('div', null, made.el, nothing),
    update(figures, chosen) {
      const drops = figures?.drops ?? [];
      facts = { most: Math.max(1, ...drops.map((drop) => drop.documents)), read: figures?.funnel[0]?.documents ?? 0, chosen };
      made.el.hidden = drops.length === 0;
      nothing.hidden = drops.length > 0;
      keyed(
        made.body,
        drops,
        (drop) => `${drop.stage}/${drop.rule}`,
        ({ stage, rule }) => {
          const pieces = bar(['taken']);
          const link = h('a', { href: href(['jobs', jobId, 'drops'], { stage, rule }) }, `${stage} ${rule}`);
          const cells = [cell(heads, 3), cell(heads, 4)];
          const el = rowOf(cell(heads, 0, link), cell(heads, 1, t(`cause.${stage}`)), cell(heads, 2, pieces.el), cells);
          return {
            el,
            update(drop) {
              pieces.set([drop.documents / facts.most]);
              setText(cells[0], format.count(drop.documents));
              setText(cells[1], facts.read > 0 ? format.share(drop.documents / facts.read) : format.NONE);
              const isChosen = facts.chosen.stage === stage && facts.chosen.rule === rule;
              attribute(link, 'aria-current', isChosen ? 'true' : null);
              el.classList.toggle('chosen', isChosen);
            },
          };
        },
      );
    },
  };
}

function sampleCard(sample) {
  const text = sample.text ?? sample.excerpt ?? '';
  const value = sample.value === null || sample.value === undefined ? null : against(sample);
  return h(
    'article',
    { class: 'sample' },
    h(
      'p',
      { class: 'from' },
      h('code', null, sample.id),
      ` ${t('of-source', { source: sample.source })}`,
      value && [' · ', t('drops.value', { value })],
      sample.detail && [' · ', sample.detail],
    ),
    longText(text, SAMPLE),
  );
}

function dropTable(jobId, drops) {
  const heads = [
    { text: t('drops.document') },
    { text: t('rules.rule') },
    { text: t('drops.measured') },
    { text: t('drops.instead') },
  ];
  const made = table(t('drops.every'), heads, 'drops stack');
  made.body.append(
    ...drops.map((one) => {
      const { drop } = one;
      const where = { uri: one.uri, offset: one.offset };
      return row(heads, [
        [
          h('code', null, one.document_id),
          ' ',
          h('span', { class: 'soft' }, t('of-source', { source: one.source })),
          readable(jobId, where),
        ],
        rule(drop),
        [against(drop), drop.detail && h('span', { class: 'block soft', lang: 'en' }, drop.detail)],
        drop.via
          ? [
              partner(drop.kept ?? drop.via),
              h('a', { class: 'block', href: href(['jobs', jobId, 'duplicates'], pairQuery(one)) }, t('drops.compare')),
            ]
          : format.NONE,
      ]);
    }),
  );
  return made.el;
}

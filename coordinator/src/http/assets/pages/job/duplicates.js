// Pairs of duplicates, and each pair side by side.

import * as api from '../../api.js';
import { h, setChildren } from '../../dom.js';
import * as format from '../../format.js';
import { against, partner } from '../../parts/cause.js';
import { sideBySide } from '../../parts/diff.js';
import { problemText } from '../../parts/dialog.js';
import { documentFacts } from '../../parts/document.js';
import { problem } from '../../parts/note.js';
import { pager } from '../../parts/pager.js';
import { empty } from '../../parts/section.js';
import { row, table } from '../../parts/table.js';
import { href } from '../../router.js';
import { t } from '../../text.js';

const PAGE = 50;
const STAGES = ['near', 'exact', 'index'];

/** What names a pair in the address. */
export function pairQuery(one) {
  return { stage: one.drop.stage, doc: one.document_id, uri: one.uri, offset: one.offset };
}

export function duplicatesTab(shared) {
  const jobId = shared.job().job_id;
  const path = ['jobs', jobId, 'duplicates'];
  const body = h('div');
  let stage = '';
  let drops = [];
  let asked = 0;
  const pages = pager(() => loadList());
  const listBox = h('div');
  const chips = h('nav', { class: 'chips', 'aria-label': t('duplicates.kinds') });
  const listView = h('div', null, h('p', { class: 'lead' }, t('duplicates.lead')), chips, listBox, pages.el);

  const amounts = () => {
    const found = Object.fromEntries(STAGES.map((name) => [name, 0]));
    for (const drop of shared.figures()?.drops ?? []) if (drop.stage in found) found[drop.stage] += drop.documents;
    return found;
  };

  const showChips = () => {
    const found = amounts();
    setChildren(
      chips,
      STAGES.map((name) =>
        h(
          'a',
          { class: 'chip', href: href(path, { stage: name }), 'aria-current': name === stage ? 'true' : null },
          h('span', null, t(`duplicates.${name}`)),
          ' ',
          h('span', { class: 'count' }, format.count(found[name])),
        ),
      ),
    );
  };

  const open = (route) => {
    const { query } = route;
    const found = amounts();
    const next = STAGES.includes(query.get('stage')) ? query.get('stage') : (STAGES.find((name) => found[name] > 0) ?? 'near');
    if (shared.job().state !== 'published') {
      setChildren(body, empty(t('duplicates.when-published')));
      return;
    }
    if (query.has('doc')) {
      openPair(query);
      return;
    }
    const isOther = next !== stage || drops.length === 0;
    stage = next;
    showChips();
    setChildren(body, listView);
    if (isOther) {
      pages.reset();
      loadList();
    }
  };

  const loadList = async () => {
    const call = ++asked;
    try {
      const found = await api.get(['jobs', jobId, 'drops'], { stage, page_size: PAGE, page_token: pages.token() }, shared.signal);
      if (call !== asked) return;
      drops = found.drops.filter((one) => one.drop.via);
      setChildren(listBox, drops.length > 0 ? pairTable(jobId, drops) : empty(t('duplicates.none')));
      const first = pages.place() * PAGE + 1;
      pages.update(
        found.next_page_token,
        t('page.range', { first: format.count(first), last: format.count(first + found.drops.length - 1) }),
      );
    } catch (error) {
      if (error.name !== 'AbortError' && error.status > 0 && error.status !== 401) problem(error);
    }
  };

  /** The drop that the address names: of the list, or asked for. */
  const dropOf = async (query) => {
    const isIt = (one) =>
      one.document_id === query.get('doc') && one.uri === query.get('uri') && String(one.offset) === query.get('offset');
    const known = drops.find(isIt);
    if (known) return known;
    const { explanations } = await api.get(['jobs', jobId, 'explain'], { id: query.get('doc') }, shared.signal);
    return explanations.find((one) => isIt(one) && one.drop?.via) ?? null;
  };

  const openPair = async (query) => {
    const call = ++asked;
    setChildren(body, h('p', { class: 'soft' }, t('loading')));
    try {
      const one = await dropOf(query);
      if (call !== asked) return;
      if (!one) {
        setChildren(body, empty(t('duplicates.no-such')));
        return;
      }
      stage = one.drop.stage;
      const view = await pairView(jobId, one, drops, shared.signal);
      if (call !== asked) return;
      setChildren(body, view);
      view.querySelector('h2')?.focus({ preventScroll: true });
    } catch (error) {
      if (error.name === 'AbortError' || call !== asked) return;
      setChildren(body, h('p', { class: 'problem' }, problemText(error)));
    }
  };

  open(shared.route);
  return {
    el: body,
    onFigures() {
      if (stage === '' && shared.job().state === 'published') open(shared.route);
      else showChips();
    },
    onEnded: () => open(shared.route),
    onRoute(route) {
      shared.route = route;
      open(route);
      return true;
    },
  };
}

function pairTable(jobId, drops) {
  const heads = [
    { text: t('duplicates.dropped') },
    { text: t('duplicates.via') },
    { text: t('duplicates.similarity'), kind: 'number' },
    { text: t('drops.compare'), hidden: true },
  ];
  const made = table(t('tab.duplicates'), heads, 'pairs stack');
  made.body.append(
    ...drops.map((one) => {
      const label = t('duplicates.compare-these', { a: one.document_id, b: one.drop.via.document_id });
      return row(heads, [
        partner({ ...one, job_id: '' }),
        partner(one.drop.via),
        one.drop.similarity === null ? format.NONE : format.decimal(one.drop.similarity, 3),
        h(
          'a',
          { class: 'button quiet', href: href(['jobs', jobId, 'duplicates'], pairQuery(one)), 'aria-label': label },
          t('drops.compare'),
        ),
      ]);
    }),
  );
  return made.el;
}

async function pairView(jobId, one, drops, signal) {
  const { drop } = one;
  const read = (job, where) =>
    api.get(['jobs', job, 'document'], where, signal).catch((error) => {
      if (error.name === 'AbortError') throw error;
      return error;
    });
  const [left, right] = await Promise.all([
    read(jobId, { uri: one.uri, offset: one.offset }),
    read(drop.via.job_id || jobId, { source: drop.via.source, document_id: drop.via.document_id }),
  ]);
  const place = drops.indexOf(one);
  const step = (other, words) =>
    other && h('a', { class: 'button quiet', href: href(['jobs', jobId, 'duplicates'], pairQuery(other)) }, words);
  const isOtherKept =
    drop.kept &&
    (drop.kept.document_id !== drop.via.document_id ||
      drop.kept.source !== drop.via.source ||
      drop.kept.job_id !== drop.via.job_id);
  const heading = h('h2', { tabindex: -1 }, t(`duplicates.pair-${drop.stage}`));
  return h(
    'div',
    { class: 'pair' },
    h(
      'div',
      { class: 'pair-head' },
      h('a', { href: href(['jobs', jobId, 'duplicates'], { stage: drop.stage }) }, t('duplicates.back')),
      h(
        'span',
        { class: 'actions' },
        step(drops[place - 1], t('duplicates.former')),
        place >= 0 && step(drops[place + 1], t('duplicates.next')),
      ),
    ),
    heading,
    h(
      'p',
      null,
      t('duplicates.measured', { value: against({ ...drop, value: drop.value ?? drop.similarity }) }),
      isOtherKept && [' ', t('duplicates.kept'), ' ', partner(drop.kept)],
    ),
    compare(one, drop.via, left, right),
  );
}

function compare(one, via, left, right) {
  const titles = [
    [h('span', { class: 'tag gone' }, t('duplicates.gone')), ' ', partner({ ...one, job_id: '' })],
    [h('span', { class: 'tag kept' }, t('duplicates.stands')), ' ', partner(via)],
  ];
  const broken = [left, right].some((side) => side instanceof Error);
  if (broken) {
    return h(
      'div',
      { class: 'diff-sides' },
      [left, right].map((side, place) =>
        h(
          'section',
          { class: 'side' },
          h('h3', null, titles[place]),
          side instanceof Error
            ? h('p', { class: 'problem' }, problemText(side))
            : [documentFacts(side), h('div', { class: 'text', dir: 'auto' }, side.text)],
        ),
      ),
    );
  }
  const head = (side, title) => [h('span', { class: 'block' }, title), documentFacts(side)];
  return sideBySide({ title: head(left, titles[0]), text: left.text }, { title: head(right, titles[1]), text: right.text }).el;
}

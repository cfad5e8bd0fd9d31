// What happened to a document, by its id.

import * as api from '../../api.js';
import { h, setChildren } from '../../dom.js';
import * as format from '../../format.js';
import { against, partner, rule } from '../../parts/cause.js';
import { problemText } from '../../parts/dialog.js';
import { readable } from '../../parts/document.js';
import { empty } from '../../parts/section.js';
import { sign } from '../../parts/sign.js';
import { href, replace } from '../../router.js';
import { t } from '../../text.js';
import { pairQuery } from './duplicates.js';

export function explainTab(shared) {
  const jobId = shared.job().job_id;
  const input = h('input', {
    id: 'explain-id',
    required: true,
    autocomplete: 'off',
    spellcheck: 'false',
    props: { value: shared.route.query.get('id') ?? '' },
  });
  const found = h('div', { 'aria-live': 'polite' });
  const look = async () => {
    const id = input.value;
    if (id === '') return;
    replace(['jobs', jobId, 'explain'], { id });
    setChildren(found, h('p', { class: 'soft' }, t('loading')));
    try {
      const { explanations } = await api.get(['jobs', jobId, 'explain'], { id }, shared.signal);
      setChildren(found, [
        explanations.length > 1 && h('p', { class: 'soft' }, t('explain.several', { n: explanations.length })),
        explanations.map((one) => fate(jobId, one)),
      ]);
    } catch (error) {
      if (error.name === 'AbortError') return;
      setChildren(
        found,
        error.status === 404 ? empty(t('explain.none', { id })) : h('p', { class: 'problem' }, problemText(error)),
      );
    }
  };
  const submit = (event) => {
    event.preventDefault();
    look();
  };
  if (input.value) look();
  return {
    el: h(
      'div',
      null,
      h('p', { class: 'lead' }, t('explain.lead')),
      h(
        'form',
        { class: 'filters', on: { submit } },
        h('label', { class: 'field inline', for: 'explain-id' }, h('span', null, t('explain.id')), input),
        h('button', { type: 'submit', class: 'primary' }, t('explain.go')),
      ),
      found,
    ),
    onRoute(route) {
      input.value = route.query.get('id') ?? '';
      look();
      return true;
    },
  };
}

function fate(jobId, one) {
  const { drop } = one;
  const where = { uri: one.uri, offset: one.offset };
  return h(
    'article',
    { class: `fate ${one.kept ? 'good' : 'bad'}` },
    h(
      'h2',
      null,
      sign(one.kept ? 'good' : 'stopped'),
      ' ',
      one.kept ? t('explain.kept') : t('explain.dropped'),
      ' ',
      h('code', null, one.document_id),
    ),
    one.kept && h('p', null, t('explain.part'), ' ', h('code', null, one.part)),
    drop && h('p', null, t('explain.by'), ' ', rule(drop), against(drop) && [', ', t('drops.value', { value: against(drop) })]),
    drop?.detail && h('p', { lang: 'en' }, drop.detail),
    drop?.via &&
      h(
        'p',
        null,
        t('explain.nearest'),
        ' ',
        partner(drop.via),
        drop.similarity !== null &&
          drop.similarity !== undefined &&
          ` · ${t('explain.similarity', { value: format.decimal(drop.similarity, 3) })}`,
      ),
    drop?.kept && h('p', null, t('duplicates.kept'), ' ', partner(drop.kept)),
    h(
      'p',
      { class: 'from' },
      t('of-source', { source: one.source }),
      ' · ',
      h('code', null, one.uri),
      ` ${t('document.at', { offset: format.count(one.offset) })}`,
    ),
    drop?.via && h('p', null, h('a', { href: href(['jobs', jobId, 'duplicates'], pairQuery(one)) }, t('drops.compare'))),
    readable(jobId, where),
  );
}

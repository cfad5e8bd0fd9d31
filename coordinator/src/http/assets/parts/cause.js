// Why a document was dropped, in words.

import { h } from '../dom.js';
import * as format from '../format.js';
import { t } from '../text.js';

/** A document by its id and source and, if it is of another, its job. */
export function partner({ job_id: job, source, document_id: id }) {
  return h(
    'span',
    { class: 'partner' },
    h('code', null, id),
    ' ',
    h('span', { class: 'soft' }, t('of-source', { source }), job ? [' ', t('of-job', { job })] : null),
  );
}

/** The measured value against its threshold; empty where the rule has none. */
export function against({ value, threshold, similarity }) {
  const measured = value ?? similarity;
  if (measured === null || measured === undefined) return '';
  if (threshold === null || threshold === undefined) return format.short(measured);
  return t('against', { value: format.short(measured), threshold: format.short(threshold) });
}

/** The rule with its stage. */
export function rule({ stage, rule }) {
  return h('span', null, `${stage} ${rule}`, ' ', h('span', { class: 'soft' }, `(${t(`cause.${stage}`)})`));
}

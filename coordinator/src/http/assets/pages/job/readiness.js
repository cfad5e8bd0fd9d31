// Whether training may start: the report's verdict and its gates.

import * as api from '../../api.js';
import { h, setChildren } from '../../dom.js';
import * as format from '../../format.js';
import { bar } from '../../parts/bar.js';
import { problemText } from '../../parts/dialog.js';
import { empty, section } from '../../parts/section.js';
import { sign } from '../../parts/sign.js';
import { row, table } from '../../parts/table.js';
import { key } from '../../parts/waterfall.js';
import { t } from '../../text.js';
import { reason } from './overview.js';

const SIGNS = { pass: 'good', fail: 'bad', unknown: 'unknown', shown: 'neutral' };
/** So that a target at the end of a gauge is seen. */
const ROOM = 1.08;

export function readinessTab(shared) {
  const body = h('div');
  const load = async () => {
    if (shared.job().state !== 'published') {
      setChildren(body, empty(t('ready.when-published')));
      return;
    }
    setChildren(body, h('p', { class: 'soft' }, t('loading')));
    try {
      show(body, shared.job(), await shared.report());
    } catch (error) {
      if (error.name !== 'AbortError') setChildren(body, h('p', { class: 'problem' }, problemText(error)));
    }
  };
  load();
  return { el: body, onEnded: load };
}

function show(body, job, report) {
  const { ready, sentence, gates, advice } = report.readiness;
  const kind = ready ? 'good' : 'bad';
  const page = api.url(['jobs', job.job_id, 'report.html']);
  setChildren(
    body,
    h(
      'div',
      { class: `verdict ${kind}` },
      sign(kind),
      h(
        'div',
        null,
        h('b', null, t(ready ? 'ready' : 'not-ready')),
        h('p', { lang: 'en' }, reason(sentence)),
        h('p', null, h('a', { href: page, target: '_blank', rel: 'noopener' }, t('ready.page'))),
      ),
    ),
    section('gates', t('gates'), t('gates.lead'), h('ul', { class: 'gates' }, gates.map(gate))),
    advice.length > 0 &&
      section(
        'advice',
        t('advice'),
        null,
        h(
          'ul',
          { class: 'plain', lang: 'en' },
          advice.map((one) => h('li', null, whole(one))),
        ),
      ),
    report.mix && section('mixture', t('mixture'), t('mixture.lead'), mixture(report.mix)),
  );
}

function gate(one) {
  const kind = SIGNS[one.state] ?? 'unknown';
  const side = t(one.side === 'at_least' ? 'at-least' : 'at-most');
  const wanted = one.target === null ? null : t('gate.wanted', { side, target: inUnit(one.unit, one.target) });
  return h(
    'li',
    { class: `gate ${kind}` },
    h('p', { class: 'state-line' }, sign(kind), h('span', null, t(`gate.${one.state}`))),
    h('h3', { lang: 'en' }, one.title),
    h(
      'p',
      { class: 'against' },
      h('b', null, one.value === null ? format.NONE : inUnit(one.unit, one.value)),
      wanted && ` ${wanted}`,
    ),
    gauge(one),
    h('p', { lang: 'en' }, whole(one.sentence)),
    h('p', { class: 'from', lang: 'en' }, t('gate.target'), ' ', one.source),
  );
}

/** A sentence with a capital at its start and a full stop at its end, as in the report. */
function whole(sentence) {
  const text = sentence.charAt(0).toUpperCase() + sentence.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** The value against the target, where both have a length. */
function gauge(one) {
  const hasTarget = one.target !== null && one.target > 0;
  const isScaled = one.target === null && ['share', 'bits'].includes(one.unit);
  if (one.value === null || !(hasTarget || isScaled)) return null;
  const most = hasTarget ? Math.max(one.value, one.target) * ROOM : 1;
  const pieces = bar([{ pass: 'fine', fail: 'poor' }[one.state] ?? 's4']);
  pieces.set([one.value / most]);
  if (hasTarget) pieces.el.append(h('span', { class: 'target', style: { left: `${(100 * one.target) / most}%` } }));
  return pieces.el;
}

function inUnit(unit, value) {
  if (unit === 'tokens') return t('unit.tokens', { n: Math.round(value) });
  if (unit === 'documents') return t('unit.documents', { n: Math.round(value) });
  if (unit === 'share') return format.share(value);
  if (unit === 'bits') return t('unit.bits', { value: format.decimal(value, 3) });
  return format.decimal(value, 2);
}

function mixture(mix) {
  const heads = [
    { text: t('source') },
    { text: t('mixture.bar'), kind: 'plot', hidden: true },
    { text: t('mixture.written'), kind: 'number' },
    { text: t('mixture.target'), kind: 'number' },
    { text: t('mixture.held'), kind: 'number', minor: true },
  ];
  const made = table(t('mixture'), heads);
  made.body.append(
    ...mix.sources.map((source) => {
      const pieces = bar(['s0']);
      const whole = Math.max(1, source.available);
      pieces.set([source.written / whole]);
      if (source.target !== null && source.target <= whole)
        pieces.el.append(h('span', { class: 'target', style: { left: `${(100 * source.target) / whole}%` } }));
      return row(heads, [
        source.name,
        pieces.el,
        format.count(source.written),
        source.target === null ? t('mixture.all') : format.count(source.target),
        format.count(source.available),
      ]);
    }),
  );
  const [domain, general] = mix.achieved;
  const all = Math.max(1, domain + general);
  const ratio = bar(['s0', 's1']);
  ratio.set([domain / all, general / all]);
  const asked = mix.domain_to_general;
  return h(
    'div',
    null,
    h(
      'p',
      { class: 'legend' },
      key('s0', t('mixture.domain', { part: format.share(domain / all), n: domain })),
      key('s1', t('mixture.general', { part: format.share(general / all), n: general })),
    ),
    ratio.el,
    asked &&
      h(
        'p',
        { class: 'from' },
        t('mixture.asked', {
          domain: format.short(asked[0]),
          general: format.short(asked[1]),
          got: format.decimal(domain > 0 ? general / domain : 0, 2),
        }),
      ),
    made.el,
  );
}

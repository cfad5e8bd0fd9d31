// A spec is pasted and becomes a job.

import * as api from '../api.js';
import { h, setChildren } from '../dom.js';
import { prose } from '../parts/prose.js';
import { note } from '../parts/note.js';
import { go, href } from '../router.js';
import { t } from '../text.js';

/** A spec that another page hands over. */
let handed = '';

/** Opens the page with a spec. */
export function submitWith(spec) {
  handed = spec;
  go(['submit']);
}

const EXAMPLE = `name = "finance-zh"

[tokenizer]
path = "/corpora/tokenizer.json"

[[source]]
name = "reports"
role = "domain"
inputs = ["/corpora/reports/"]

[filter]
preset = "recommended"

[output]
uri = "/sets/finance-zh"
`;

export function submitPage(ctx) {
  const spec = h('textarea', {
    id: 'spec',
    rows: 20,
    spellcheck: 'false',
    autocapitalize: 'off',
    placeholder: EXAMPLE,
    'aria-describedby': 'spec-help',
    required: true,
    props: { value: handed },
  });
  handed = '';
  const replace = h('input', { type: 'checkbox', id: 'spec-replace' });
  const file = h('input', { type: 'file', id: 'spec-file', accept: '.toml,.json,application/json,application/toml' });
  const problem = h('div', { role: 'alert', class: 'problem-box' });
  const button = h('button', { type: 'submit', class: 'primary' }, t('submit.go'));
  problem.hidden = true;

  const tell = (...nodes) => {
    problem.hidden = nodes.length === 0;
    setChildren(problem, nodes);
  };
  file.addEventListener('change', async () => {
    const [chosen] = file.files;
    if (chosen) spec.value = await chosen.text();
    file.value = '';
    spec.focus();
  });
  const submit = async (event) => {
    event.preventDefault();
    tell();
    if (spec.value.trim() === '') {
      tell(h('p', null, t('submit.empty')));
      spec.focus();
      return;
    }
    button.disabled = true;
    try {
      const made = await api.post(['jobs'], { spec: spec.value, replace: replace.checked }, ctx.signal);
      note(made.existed ? t('submit.existed') : t('submit.done'));
      go(['jobs', made.job_id]);
    } catch (error) {
      tell(
        h('p', null, h('b', null, t('submit.refused'))),
        h('pre', { class: 'problem-text' }, error.message),
        error.hint && h('p', { class: 'hint', lang: 'en' }, prose(error.hint)),
      );
    } finally {
      button.disabled = false;
    }
  };
  ctx.listen(['events'], {});

  const form = h(
    'form',
    { class: 'submit', novalidate: true, on: { submit } },
    h('label', { for: 'spec' }, h('b', null, t('submit.spec'))),
    h('p', { id: 'spec-help', class: 'soft' }, prose(t('submit.help'))),
    spec,
    problem,
    h(
      'div',
      { class: 'actions' },
      h('label', { class: 'check', for: 'spec-replace' }, replace, h('span', null, t('submit.replace'))),
      h('label', { class: 'button quiet file', for: 'spec-file' }, t('submit.file'), file),
      button,
    ),
  );
  return {
    el: h(
      'div',
      { class: 'page narrow' },
      h('p', { class: 'crumbs' }, h('a', { href: href(['jobs']) }, t('jobs.title'))),
      h('h1', { tabindex: -1 }, t('submit.title')),
      ctx.can('submit') ? form : h('p', { class: 'empty' }, t('submit.not-allowed')),
    ),
    title: t('submit.title'),
  };
}

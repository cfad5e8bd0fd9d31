// Who calls shows a token.

import * as api from '../api.js';
import { h, setChildren } from '../dom.js';
import { problemText } from '../parts/dialog.js';
import { prose } from '../parts/prose.js';
import { t } from '../text.js';

/** @param {() => void} onDone */
export function signInPage(onDone) {
  const token = h('input', {
    type: 'password',
    id: 'token',
    autocomplete: 'current-password',
    required: true,
    spellcheck: 'false',
  });
  const problem = h('p', { class: 'problem', role: 'alert' });
  const button = h('button', { type: 'submit', class: 'primary' }, t('sign-in.go'));
  const submit = async (event) => {
    event.preventDefault();
    setChildren(problem);
    button.disabled = true;
    try {
      await api.signIn(token.value.trim());
      onDone();
    } catch (error) {
      setChildren(problem, error.status === 401 ? t('sign-in.wrong') : problemText(error));
      token.select();
      token.focus();
    } finally {
      button.disabled = false;
    }
  };
  return {
    el: h(
      'div',
      { class: 'page sign-in' },
      h('h1', { tabindex: -1 }, t('sign-in.title')),
      h('p', { class: 'soft' }, prose(t('sign-in.help'))),
      h(
        'form',
        { on: { submit } },
        h('label', { class: 'field', for: 'token' }, h('span', null, t('sign-in.token')), token),
        problem,
        button,
      ),
    ),
    title: t('sign-in.title'),
    isSignIn: true,
  };
}

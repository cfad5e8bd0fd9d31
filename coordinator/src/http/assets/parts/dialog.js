// Questions before something is done that others notice.

import { h } from '../dom.js';
import { t } from '../text.js';
import { prose } from './prose.js';

/**
 * Asks. Focus goes to the way out, and back to where it was.
 * @param {{title: string, body: unknown, action: string, danger?: boolean, reason?: boolean,
 *   run: (reason: string) => Promise<void>}} question
 *   `run` is called when the reader agrees; while it runs the dialog waits, and it shows what goes wrong
 * @returns {Promise<boolean>} whether it was done
 */
export function ask({ title, body, action, danger = false, reason = false, run }) {
  return new Promise((resolve) => {
    const opener = document.activeElement;
    const input = reason ? h('input', { id: 'dialog-reason', maxlength: 200, autocomplete: 'off' }) : null;
    const problem = h('p', { class: 'problem', role: 'alert' });
    const refuse = h('button', { type: 'button', class: 'quiet', on: { click: () => dialog.close() } }, t('dialog.back'));
    const agree = h('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, action);
    let isDone = false;
    const submit = async (event) => {
      event.preventDefault();
      agree.disabled = true;
      problem.textContent = '';
      try {
        await run(input?.value.trim() ?? '');
        isDone = true;
        dialog.close();
      } catch (error) {
        problem.replaceChildren(...problemText(error));
        agree.disabled = false;
        agree.focus();
      }
    };
    const dialog = h(
      'dialog',
      { class: 'ask', 'aria-labelledby': 'dialog-title' },
      h(
        'form',
        { on: { submit } },
        h('h2', { id: 'dialog-title' }, title),
        h('div', { class: 'ask-body' }, body),
        input && h('label', { class: 'field', for: 'dialog-reason' }, h('span', null, t('dialog.reason')), input),
        problem,
        h('div', { class: 'actions' }, refuse, agree),
      ),
    );
    dialog.addEventListener('close', () => {
      dialog.remove();
      // What was done may have taken the button away.
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
      else document.querySelector('h1')?.focus();
      resolve(isDone);
    });
    document.body.append(dialog);
    dialog.showModal();
    (input ?? refuse).focus();
  });
}

/** What went wrong and what to do, as nodes. */
export function problemText(error) {
  const pieces = [h('span', { lang: 'en' }, prose(error.message))];
  if (error.hint) pieces.push(h('span', { class: 'hint', lang: 'en' }, prose(error.hint)));
  return pieces;
}
